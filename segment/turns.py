"""One call at a time into an object that learns, whichever threads the calls come from.

The compiled loops write into arrays without the interpreter's lock: two of them on the
same arrays would not only mix up their frames, but write beside them.
"""

import os
import threading
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["one_at_a_time"]

Class = TypeVar("Class", bound=type)


def one_at_a_time(*methods: str) -> Callable[[Class], Class]:
    """Decorate a class whose `methods` must not run at once on one object.

    A call that comes while another one runs waits for it; one that comes from inside another
    does not. Other objects are not concerned. The locks are kept beside the objects: nothing of
    them is copied, pickled, saved or compared. In a process that was forked while such a call
    ran, the object was left in the middle of a frame: there, calls raise RuntimeError.
    """

    def decorate(cls: Class) -> Class:
        for name in methods:
            setattr(cls, name, _in_turn(cls.__dict__[name], cls.__name__))
        return cls

    return decorate


class _Turn:
    """The lock of one object, and whether it is taken."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0


_turns: weakref.WeakKeyDictionary[Any, _Turn] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def _in_turn(method: Callable[..., Any], owner: str) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        turn = _turns.get(self)
        if turn is None:
            with _making:
                turn = _turns.setdefault(self, _Turn())
        if turn.depth < 0:
            raise RuntimeError(
                f"this {owner} was in the middle of a frame when the process was forked, so what "
                "it has learned is not whole here; fork between frames, or begin with a new one"
            )
        with turn.lock:
            turn.depth += 1
            try:
                return method(self, *args, **options)
            finally:
                turn.depth -= 1

    return call


def _begin_anew() -> None:
    """Let go of what other threads held when this process was forked: they are not in it."""
    global _making, _turns
    _making = threading.Lock()
    for turn in list(_turns.values()):
        turn.lock = threading.RLock()
        turn.depth = -1 if turn.depth else 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
