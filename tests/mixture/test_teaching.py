"""The page that teaches does what it says."""

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "how-to"


def test_every_block_of_the_page_runs():
    page = (DOCS / "em.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) >= 9
    assert sum(block.count("assert") for block in blocks) >= 10
    space = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"em.md, block {number}", "exec"), space)


def test_every_picture_of_the_page_is_drawn():
    page = (DOCS / "em.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", page)
    script = (DOCS / "em.py").read_text(encoding="utf-8")
    assert len(pictures) == 4
    for name in pictures:
        assert (DOCS / name).stat().st_size > 3000
        assert name in script
    # It draws only where it is the program.
    assert callable(runpy.run_path(str(DOCS / "em.py"), run_name="page")["draw"])
