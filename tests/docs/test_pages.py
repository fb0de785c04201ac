"""No link leads nowhere, every page is in the site, every model has a card, the README is short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        ROOT / "videos" / "README.md",
        *DOCS.rglob("*.md"),
        *(ROOT / "models").rglob("*.md"),
    ]
)
MODELS = sorted(path for path in (ROOT / "models").iterdir() if path.is_dir())
RELATIVE = [str(path.relative_to(ROOT)) for path in PAGES]


def text_of(path):
    """A page without its code."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)


def anchors(path):
    """What its headings are called in a link."""
    for heading in re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=RELATIVE)
def test_no_link_leads_nowhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in set(anchors(there)), f"{there.name} has no heading {anchor}"


@pytest.mark.parametrize("page", PAGES, ids=RELATIVE)
def test_every_file_that_a_page_names_is_there(page):
    """`segment/...`, `tests/...`, `benchmarks/...` and the like, in code, too."""
    text = page.read_text(encoding="utf-8")
    names = r"(?<![\w/.-])((?:segment|tests|benchmarks|docs|models|videos)/[\w./-]*[\w/])"
    for name in re.findall(names, text):
        if not re.search(r"\.(py|md|toml|json|png|mp4|mkv)$|/$", name):
            continue  # the end of a sentence, or a name with a star
        if "NAME" in name:
            continue
        assert (ROOT / name).exists(), f"{name} is not there"


def nav():
    """The pages that mkdocs.yml lists."""
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    return re.findall(r"[\w/-]+\.md", listed)


def test_every_page_is_in_the_site_once():
    pages = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    assert sorted(nav()) == pages


def test_the_readme_is_read_in_a_few_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


def test_contributing_is_one_page():
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 90


def places():
    """CONTRIBUTING's table of where things are: what one wants to change, and the cell beside."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for line in (
        text.partition("## Where things are")[2].partition("## Where to add")[0].splitlines()
    ):
        if line.startswith("| ") and ("segment/" in line or "videos/" in line):
            _, wish, where, _ = line.split(" | ") if line.count(" | ") == 3 else line.split("|")
            yield wish.strip(), where


@pytest.mark.parametrize("row", list(places()), ids=lambda row: row[0][:40])
def test_contributing_sends_nobody_to_a_file_that_moved(row):
    names = [name for name in re.findall(r"`([\w./-]+)`", row[1]) if name[0] != "-"]
    folders = [name for name in names if name.startswith(("segment/", "videos/", "benchmarks/"))]
    assert folders
    roots = [ROOT / name for name in folders]
    bases = [ROOT, *roots, *(path.parent for path in roots)]
    bases += [path / name for path in roots for name in names if name.endswith("/")]
    for name in names:
        assert any((base / name).exists() for base in [*bases, ROOT / "segment"]), f"no {name}"


@pytest.mark.parametrize("folder", MODELS, ids=lambda path: path.name)
def test_every_model_says_what_it_is_for_and_what_not(folder):
    card = (folder / "card.md").read_text(encoding="utf-8")
    for part in ("For", "Learned from", "How", "Terms", "Scores", "Limits"):
        said = re.search(rf"^\*\*{part}\*?\*?.*?:\*?\*?(.+?)(?=^\*\*|\Z)", card, re.M | re.S)
        assert said, f"{folder.name}/card.md has no **{part}:**"
        assert len(said[1].split()) >= 6, f"{folder.name}/card.md says nothing under {part}"


def commands_of_the_readme():
    """Its table: command, class or function, file below segment/."""
    rows = (ROOT / "README.md").read_text(encoding="utf-8").partition("\ncommand | ")[2]
    for line in rows.splitlines()[2:]:
        cells = re.findall(r"`([^`]+)`", line)
        if len(cells) != 3:
            break
        yield cells


def test_the_table_of_commands_has_all_of_them():
    from segment.cli import main

    assert {row[0] for row in commands_of_the_readme()} == set(main.commands)


@pytest.mark.parametrize("row", list(commands_of_the_readme()), ids=lambda row: row[0])
def test_the_table_of_commands_names_file_and_name(row):
    _, name, file = row
    code = (ROOT / "segment" / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:class|def) {name}\b|^{name}\b.*=", code, re.M), f"no {name} in {file}"


def test_the_python_of_the_readme_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    space = {}
    exec(compile(block, "README.md", "exec"), space)
    assert len(capsys.readouterr().out.splitlines()) == 275
    assert set(space["labels"]) <= set(range(5))
