"""Figures: theory as a line, measurements as points with error bars, controls dashed grey; saved with what they show.

A figure that is understood alone takes a few calls::

    fig, (main, residual) = figures.panels(residual=True)
"""

from theorylab._figure_files import Description, Saved, describe, save
from theorylab._figure_style import CONTROL, INK, MARKERS, PALETTE, PAPER, contrast, use_style

__all__ = [
    "CONTROL",
    "INK",
    "MARKERS",
    "PALETTE",
    "PAPER",
    "Description",
    "Saved",
    "contrast",
    "describe",
    "save",
    "use_style",
]
