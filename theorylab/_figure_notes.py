"""What a figure says in words: title, labels at the lines, key, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from numpy.typing import NDArray

from theorylab import arrays, validation
from theorylab._figure_labels import SIDES, Badge, EndLabel, label_layout
from theorylab._figure_series import curve, root_figure, series_of
from theorylab._figure_style import BAND, CONTROL, INK, MARKERS, PAPER, darkened, use_style

__all__ = ["direct_label", "key", "label_lines", "title", "verdict_badge"]

Floats = NDArray[np.float64]

_ROLES = ("prediction", "measurement", "control", "band")
_LABEL_SIZE = 9.0
_BADGES = {"upheld": ("✓", "#00664b", "#e3f3ed"), "not upheld": ("✗", "#a33b00", "#fbe8dc")}
_OPEN_BADGE = ("?", "#555555", "#eeeeee")


class _Control(Protocol):
    @property
    def rejected(self) -> bool: ...


class _Result(Protocol):
    @property
    def status(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def controls(self) -> Sequence[_Control]: ...


@use_style()
def title(ax: Axes, text: str) -> Text:
    """Write the title of an axes, bold and flush left: best the claim itself in a few words.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Upper axes of the figure or of a column.
    text : str
        Title.

    Returns
    -------
    matplotlib.text.Text
        The title.
    """
    return ax.set_title(text)


@use_style()
def direct_label(
    ax: Axes,
    x: Any,
    y: Any,
    text: str,
    *,
    side: Literal["right", "left", "above", "below"] = "right",
    color: str = INK,
    size: float = _LABEL_SIZE,
) -> EndLabel:
    """Write a label at the end of a line, instead of a legend.

    Labels on the right (or left) of an axes that would overlap are moved apart vertically when the figure is drawn; one
    that had to move far is joined to its line by a thin stroke.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : array_like, shape (n,), or scalars
        The line, or the point to label.  The label stands at the last point within the axes; at the first for labels on
        the left.
    text : str
        The label.
    side : {"right", "left", "above", "below"}
        Where it stands.
    color : str
        Colour of the line; the text is darkened as far as small text needs it.
    size : float
        Font size in points.

    Returns
    -------
    EndLabel
        Its ``text`` is the matplotlib annotation.
    """
    xs, ys = curve(np.atleast_1d(arrays.to_numpy(x)), np.atleast_1d(arrays.to_numpy(y)))
    place = validation.check_choice("side", side, SIDES)
    return _label(ax, xs, ys, text, place, color, validation.check_number("size", size, exclusive_minimum=0.0))


@use_style()
def label_lines(ax: Axes, *, side: Literal["right", "left"] = "right") -> list[EndLabel]:
    """Write at the end of every labelled line of an axes its label, in the line's colour.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes with lines from :func:`prediction`, :func:`control` or ``ax.plot``.
    side : {"right", "left"}
        At which end.

    Returns
    -------
    list of EndLabel
        In the order in which the lines were drawn.
    """
    place = validation.check_choice("side", side, ("right", "left"))
    named = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    return [
        _label(
            ax,
            np.asarray(line.get_xdata(), dtype=float),
            np.asarray(line.get_ydata(), dtype=float),
            str(line.get_label()),
            place,
            to_hex(line.get_color()),
        )
        for line in named
    ]


@use_style()
def key(fig: Figure) -> None:
    """Say below the axes what line, points, dashes and band mean, as far as the figure shows them.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Figure on which everything has been drawn.

    Raises
    ------
    ValueError
        If nothing has been drawn with the functions of this module.
    """
    shown = series_of(fig).shown
    if not shown:
        raise ValueError("fig must show a prediction, measurement or control; got none. Draw before asking for a key.")
    handles = [_key_handle(role) for role in _ROLES if role in shown]
    texts = [shown[role] for role in _ROLES if role in shown]
    for columns in range(len(handles), 0, -1):
        legend = fig.legend(
            handles, texts, loc="outside lower center", ncols=columns, handlelength=1.7, columnspacing=1.6
        )
        if columns == 1 or legend.get_window_extent().width <= fig.bbox.width:
            break
        legend.remove()


@use_style()
def verdict_badge(where: Figure | Axes, result: _Result) -> Badge:
    """Write the verdict above the title: "upheld · 4 of 4 controls refuted".

    Parameters
    ----------
    where : matplotlib.axes.Axes or matplotlib.figure.Figure
        Axes; of a figure the first one.
    result : theorylab.claims.ClaimResult
        Its status, verdict and controls are read.

    Returns
    -------
    Badge
        A matplotlib annotation; the layout keeps it above the title.
    """
    ax = where.axes[0] if isinstance(where, Figure) else where
    sign, ink, paper = _BADGES.get(result.status, _OPEN_BADGE)
    badge = Badge(f"{sign} {_verdict_text(result)}", ink=ink, paper=paper, size=_LABEL_SIZE)
    ax.add_artist(badge)
    label_layout(root_figure(ax)).badges.append(badge)
    return badge


def _label(ax: Axes, x: Floats, y: Floats, text: str, side: str, color: str, size: float = _LABEL_SIZE) -> EndLabel:
    if not np.isfinite(y).any():
        raise ValueError(
            f"y must have a finite value for the label {text!r} to stand at; got none. Label another line."
        )
    label = EndLabel.on(ax, x, y, text, side=side, color=darkened(color), size=size)
    label_layout(root_figure(ax)).labels.append(label)
    return label


def _key_handle(role: str) -> Any:
    if role == "prediction":
        return Line2D([], [], color=INK)
    if role == "control":
        return Line2D([], [], color=CONTROL, linestyle="--", linewidth=1.4)
    if role == "band":
        return Patch(facecolor=BAND)
    dot = Line2D([], [], color=INK, marker=MARKERS[0], linestyle="none", markeredgecolor=PAPER)
    return ErrorbarContainer((dot, (), (LineCollection([], colors=INK, linewidths=1.2),)), has_yerr=True)


def _verdict_text(result: _Result) -> str:
    n_controls = len(result.controls)
    refuted = sum(control.rejected for control in result.controls)
    controls = f"{refuted} of {n_controls} control{'s' if n_controls != 1 else ''} refuted"
    if result.status == "not upheld":
        return f"not upheld ({result.verdict}) · {controls}"
    if result.verdict == "refuted":  # "upheld" alone would say the opposite of what was found
        return f"refuted, as expected · {controls}"
    return f"{result.status} · {controls}"
