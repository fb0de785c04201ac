"""The scripts of docs/examples run, draw their pictures, and show what their page says."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def script(name):
    """What a script defines; it draws only where it is the program."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")


def test_the_bound_touches_after_every_e_step(tmp_path):
    steps = script("em_in_two_dimensions")["draw"](tmp_path)
    likelihood, bound, gap = (np.array(steps[name]) for name in ("ln p", "bound", "KL"))
    assert np.allclose(bound + gap, likelihood, atol=1e-9)
    assert (gap >= 0).all()
    assert (np.diff(likelihood) >= -1e-9).all()
    # The M-step begins where the E-step left the bound: at the likelihood before.
    assert (bound[1:] >= likelihood[:-1] - 1e-9).all()
    assert {path.name for path in tmp_path.iterdir()} == {"em-ellipses.png", "em-bound-and-kl.png"}


def test_the_street_is_empty_in_what_was_learned(tmp_path):
    shown = (0, 40)
    first, later = script("background_of_a_street")["draw"](tmp_path, shown=shown)
    assert not first["foreground"].any()
    assert later["foreground"].mean() > 0.002
    # What is in front now has left nothing in the background.
    change = np.abs(later["background"].astype(int) - first["background"])[later["foreground"]]
    assert np.median(change) < 8
    assert (tmp_path / "street-background.png").stat().st_size > 3000


def test_each_shape_has_a_slot_of_its_own(tmp_path):
    assert script("slots_of_neural_em")["draw"](tmp_path) > 0.95
    assert (tmp_path / "slots.png").stat().st_size > 3000


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.png")))
def test_every_picture_is_shown_and_drawn(name):
    page = (EXAMPLES / "index.md").read_text(encoding="utf-8")
    assert f"]({name})" in page
    assert any(name in path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py"))


def test_the_page_names_every_script():
    page = (EXAMPLES / "index.md").read_text(encoding="utf-8")
    named = set(re.findall(r"docs/examples/(\w+)\.py", page))
    assert named == {path.stem for path in EXAMPLES.glob("*.py")}
