"""Figures of trainings, drawn by matplotlib where it is there."""

from pathlib import Path
from typing import Any

import numpy as np

from segment.errors import SegmentError
from segment.files import told, whole

__all__ = ["COLOURS", "new_figure", "save_figure"]

# A colour a slot, told apart by colour-blind eyes too (Wong, Nature Methods 8, 2011).
_HEX = "e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7 ffffff 969696"
COLOURS = np.array([list(bytes.fromhex(colour)) for colour in _HEX.split()], np.float32) / 255


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of so many inches; SegmentError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise SegmentError(
            'figures are drawn by matplotlib: pip install "segment-em[train]"'
        ) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: str | Path, dots: int) -> None:
    """Write a figure as PNG, so many dots an inch, whole or not at all. Raises OutputError."""
    with told(Path(path)), whole(Path(path)) as temporary:
        figure.savefig(temporary, dpi=dots, format="png")
