"""A signal that breaks off a source is never lost."""

import contextlib
import signal

import pytest

from segment.cli.signals import Ending, leaving_when_terminated
from segment.errors import UnreadableInput


class Film:
    live = False
    stopped = False

    def stop(self):
        self.stopped = True


@pytest.mark.parametrize("then", ["an error", "the end"])
def test_what_a_signal_broke_off_is_no_end_and_no_error_of_the_input(then):
    source = Film()

    def run():
        with leaving_when_terminated(), Ending(source):
            with contextlib.suppress(SystemExit):  # as in a finaliser, which raises nothing
                signal.raise_signal(signal.SIGHUP)
            assert source.stopped
            if then == "an error":
                raise UnreadableInput("reading was broken off")

    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 129
