"""Which colours and markers a figure has given to which series, and what its axes show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from theorylab._figure_style import MARKERS, PALETTE

__all__ = ["Series", "look", "root_figure", "series_of"]


@dataclass
class Series:
    """The series of one figure.

    Parameters
    ----------
    labels : dict of str to int
        Rank of each named series.
    colors : dict of int to str
        Colours that the caller chose, by rank.
    counts : Counter
        Number of series so far, by axes and role.
    shown : dict of str to str
        What the key says of each role.
    """

    labels: dict[str, int] = field(default_factory=dict)
    colors: dict[int, str] = field(default_factory=dict)
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    shown: dict[str, str] = field(default_factory=dict)


# The values hold no reference to a figure, so an entry goes with its figure.
_FIGURES: WeakKeyDictionary[Figure, Series] = WeakKeyDictionary()


def root_figure(ax: Axes) -> Figure:
    """Figure that an axes belongs to, also through a subfigure.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Any axes.

    Returns
    -------
    matplotlib.figure.Figure
        The outermost figure.

    Raises
    ------
    TypeError
        If `ax` is not an axes.
    ValueError
        If it has been removed from its figure.
    """
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes; got {type(ax).__name__}. Take one from figures.panels().")
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax must belong to a figure; got one that was removed. Draw on another one.")
    return figure


def series_of(where: Axes | Figure) -> Series:
    """The series of a figure, or of the figure of an axes.

    Parameters
    ----------
    where : matplotlib.axes.Axes or matplotlib.figure.Figure
        Any.

    Returns
    -------
    Series
        Empty for a figure that nothing was drawn on.
    """
    return _FIGURES.setdefault(where if isinstance(where, Figure) else root_figure(where), Series())


def look(ax: Axes, role: str, label: str | None, color: str | None) -> tuple[str, str]:
    """Colour and marker of the next series that plays `role` on an axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where it is drawn.
    role : str
        ``prediction``, ``measurement`` or ``residual``; the n-th of each role belongs to the n-th series.
    label : str or None
        Name; one that the figure knows keeps its look, a new one takes a look that no other name has.
    color : str or None
        Colour that the series has from now on.

    Returns
    -------
    color, marker : str
        Hexadecimal colour and matplotlib marker.
    """
    series = series_of(ax)
    rank = series.counts[id(ax), role]
    series.counts[id(ax), role] += 1
    if label is not None:
        while label not in series.labels and rank in series.labels.values():
            rank += 1
        rank = series.labels.setdefault(label, rank)
    if color is not None:
        series.colors[rank] = to_hex(color)
    return series.colors.get(rank, PALETTE[rank % len(PALETTE)]), MARKERS[rank % len(MARKERS)]
