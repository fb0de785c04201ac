"""What `--max-memory` counts is what of a run grows with its pictures."""

from benchmarks.memory import counted, draw, most_of


def test_a_run_grows_by_what_is_counted(tmp_path):
    chain = ["subtract", "export"]
    for size in ("64x36", "960x540"):
        draw(tmp_path / f"{size}.mp4", size, 12)
    small, large = (
        most_of(["read", str(tmp_path / f"{size}.mp4"), *chain, str(tmp_path / size)])
        for size in ("64x36", "960x540")
    )
    told = counted(tmp_path / "960x540.mp4", [*chain, str(tmp_path / "counted")])
    # The system's own accounts, and what happens to be free already, blur it.
    assert 0.4 * told < large - small < 1.3 * told
