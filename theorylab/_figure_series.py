"""The series of a figure: their checked values, their colours and markers, and what the axes show of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

from theorylab import arrays, validation
from theorylab._figure_style import MARKERS, PALETTE

__all__ = ["Series", "curve", "filled", "look", "points", "root_figure", "series_of"]

Floats = NDArray[np.float64]


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


def points(**named: Any) -> tuple[Floats, ...]:
    """Finite one-dimensional arrays of one length, on the host.

    Parameters
    ----------
    **named : array_like, shape (n,)
        Values under their arguments' names.

    Returns
    -------
    tuple of ndarray, shape (n,)
        In the order given.

    Raises
    ------
    ValueError
        If an array is of another shape or not finite.
    """
    checked = {name: arrays.to_numpy(validation.check_array(name, value, ndim=1)) for name, value in named.items()}
    validation.check_same_length(**checked)
    return tuple(checked.values())


def curve(x: Any, y: Any) -> tuple[Floats, Floats]:
    """A curve on the host, with NaN where it is infinite: matplotlib leaves a gap there.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Finite `x`; `y` without NaN.

    Returns
    -------
    x, y : ndarray, shape (n,)
        The curve.

    Raises
    ------
    ValueError
        If an array is of another shape, `x` is not finite, or `y` has a NaN.
    """
    (xs,) = points(x=x)
    ys = arrays.to_numpy(validation.check_array("y", y, ndim=1, allow_infinite=True))
    validation.check_same_length(x=xs, y=ys)
    return xs, np.where(np.isinf(ys), np.nan, ys)


def filled(name: str, value: Any, like: Floats) -> Floats:
    """A scalar or an array, never negative, in the shape of another array.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : array_like, shape (n,) or scalar
        Finite and >= 0.
    like : ndarray, shape (n,)
        Measured values that it belongs to.

    Returns
    -------
    ndarray, shape (n,)
        Read-only.

    Raises
    ------
    ValueError
        If `value` is of another shape, negative or not finite.
    """
    given = arrays.to_numpy(validation.check_array(name, value, ndim=(0, 1), minimum=0.0))
    if given.ndim == 1:
        validation.check_same_length(**{"y": like, name: given})
    return np.broadcast_to(given, like.shape)
