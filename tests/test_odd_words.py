"""Numbers that are none, words without end, broken presets: one line, and no surprise."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import segment
from segment.cli import main
from segment.errors import ChainError

# More than the options of a chain have between them: it hits another of them for each word.
EVERY = 61


def test_no_option_is_taken_by_surprise(tmp_path):
    """Some of `python -m tests.fuzz.options`, which tries every option with every word."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.options", "--part", str(EVERY), "--light"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
    count = int(ended.stdout.split(" lines, 0 of them wrong")[0].split()[-1])
    assert count > 20


PRESETS = {
    "nothing": b"",
    "another": b"a = 1",
    "number": b"chain = 3",
    "numbers": b"chain = [1, 2]",
    "table": b"[chain]\nsubtract = 1",
    "nul": b'chain = ["subtract\\u0000"]',
    "nul byte": b'chain = ["sub\0tract"]',
    "brackets": b"chain = " + b"[" * 100_000,
    "braces": b"chain = " + b"{a=" * 50_000,
    "more dots": b"a" + b".a" * 3_000 + b" = 1",
    "dots": b"a" + b".a" * 100_000 + b" = 1",
    "latin": 'chain = ["subtracté"]'.encode("latin-1"),
    "utf-16": 'chain = ["subtract"]'.encode("utf-16"),
    "quotation": b'chain = ["export \'out"]',
    "escape": b'chain = ["export out\\\\"]',
    "digits": b"chain = 1" + b"0" * 5000,
    "long": b'chain = ["' + b"x" * 15_000 + b'"]',
    "huge": b'chain = ["subtract"]\n' + b"# \n" * 6_000,
    "unknown": b'chain = ["subtrakt"]',
    "option": b'chain = ["subtract --threshold nan"]',
    "itself": b'chain = ["--preset x"]',
    "tool": b'chain = ["subtract", "info x"]',
    "read": b'chain = ["read", "subtract"]',
    "date": b"chain = 9999-99-99",
    "surrogate": b'chain = ["\\ud800"]',
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_broken_preset_is_a_mistake_on_the_line(name, clip, tmp_path):
    preset = tmp_path / "x.toml"
    preset.write_bytes(PRESETS[name])
    line = ["--preset", str(preset), "read", str(clip)]
    result = CliRunner().invoke(main, [*line, "subtract-mixture"])
    if name != "read":
        assert result.exit_code in (1, 2), result.output
        assert len(result.output.strip().splitlines()) == 1
    assert len(result.output) < 3000
    assert "should not have happened" not in result.output


@pytest.mark.parametrize("preset", ["missing", "folder", "a\0b", "x" * 300, "x" * 5000, ""])
def test_a_preset_that_cannot_be_read(preset, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for option in ("--preset", "--save-preset"):
        line = [option, preset, "read", str(clip), "--stop", "1", "subtract-mixture"]
        result = CliRunner().invoke(main, line)
        if not (option == "--save-preset" and preset in ("missing", "")):
            assert result.exit_code in (1, 2), (option, result.output)
            assert len(result.output.strip().splitlines()) == 1
        assert "should not have happened" not in result.output


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e308", "1e-320", "-1", "1e400"])
@pytest.mark.parametrize("option", ["read {} --rate", "read {} subtract --threshold"])
def test_numbers_that_are_none(option, value, clip):
    line = [word.format(clip) for word in option.split()]
    result = CliRunner().invoke(main, [*line, value])
    assert result.exit_code == 2
    with pytest.raises(ChainError):
        segment.run([*line, value])


def test_a_number_for_a_loop_ends_at_32_bits(clip):
    for value in (2**31, 10**30, "9" * 5000):
        line = ["read", str(clip), "--stop", "1", "subtract", "--history", str(value)]
        result = CliRunner().invoke(main, line)
        assert result.exit_code == 2
        assert len(result.output) < 2500
