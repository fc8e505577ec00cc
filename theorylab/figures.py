r"""Figures: theory as a line, measurement as points with error bars, a control dashed grey; saved with what they show.

A figure that is understood alone takes a few calls::

    fig, (main, residual) = figures.panels(residual=True)
    for ridge, curve in curves.items():
        figures.prediction(main, curve.n, curve.theory, label=rf"$\lambda = {ridge}$")
        figures.measurement(main, curve.n, curve.mean, curve.standard_error)
        figures.residuals(residual, curve.n, curve.theory, curve.mean, curve.standard_error, margin=curve.margin)
    figures.control(main, n, without_variance, label="variance dropped")
    figures.label_lines(main)
    figures.title(main, "Test error of ridge regression")
    figures.verdict_badge(fig, result)
    figures.key(fig)
    figures.save(fig, "random_features/learning_curves", alt="Test error against sample size ...")

The first prediction, the first measurement and the first residuals on an axes share a colour and a marker, the second
ones the next, and so on; a label that the figure has already seen keeps its colour on every axes.

Arrays of any namespace are accepted.  NaN is refused everywhere.  Infinite values are allowed where a theory diverges,
in :func:`prediction` and :func:`control`, and are drawn as gaps; a measurement must be finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, overload

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
from theorylab._figure_files import Description, Saved, describe, save
from theorylab._figure_labels import SIDES, Badge, EndLabel, label_layout
from theorylab._figure_series import look, root_figure, series_of
from theorylab._figure_style import CONTROL, INK, MARKERS, PALETTE, PAPER, contrast, darkened, use_style
from theorylab.evidence import THRESHOLD

__all__ = [
    "CONTROL",
    "ERROR_BAR",
    "INK",
    "MARKERS",
    "PALETTE",
    "PAPER",
    "Description",
    "Saved",
    "contrast",
    "control",
    "describe",
    "direct_label",
    "key",
    "label_lines",
    "measurement",
    "panel_row",
    "panels",
    "prediction",
    "residuals",
    "save",
    "title",
    "use_style",
    "verdict_badge",
]

Floats = NDArray[np.float64]

#: Half length of an error bar in standard errors.
ERROR_BAR = 2.0

_ROLES = ("prediction", "measurement", "control", "band")
_AXIS = "#8a8a8a"
_LABEL_SIZE = 9.0
_BAND = "#e6ecf1"
_ROOM = 1.15  # the residual axes reaches this much further than its furthest point
_UNITS = {
    "allowed": "discrepancy\n/ allowed",
    "standard error": "discrepancy\n/ std. error",
    "relative": "relative\ndiscrepancy",
}
_BADGES = {"upheld": ("✓", "#00664B", "#E3F3ED"), "not upheld": ("✗", "#A33B00", "#FBE8DC")}
_OPEN_BADGE = ("?", "#555555", "#EEEEEE")


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


@overload
def panels(
    *, residual: Literal[False] = ..., width: float = ..., height: float | None = ...
) -> tuple[Figure, Axes]: ...
@overload
def panels(
    *, residual: Literal[True], width: float = ..., height: float | None = ...
) -> tuple[Figure, tuple[Axes, Axes]]: ...
@use_style()
def panels(*, residual: bool = False, width: float = 7.0, height: float | None = None) -> tuple[Figure, Any]:
    """A figure with one axes, or with a lower one for the residuals that shares x.

    Parameters
    ----------
    residual : bool
        Whether there is a lower axes.
    width, height : float
        Inches.  7 inches are 672 pixels on a page; the height follows from the width when left out.

    Returns
    -------
    fig : matplotlib.figure.Figure
        Registered with :mod:`matplotlib.pyplot`, under a layout that keeps labels from being cut off.
    axes : matplotlib.axes.Axes or (main, residual)
        The axes.
    """
    fig, (axes,) = panel_row(1, residual=residual, width=width, height=height)
    return fig, axes


@use_style()
def panel_row(
    columns: int, *, residual: bool = False, share_y: bool = False, width: float = 7.0, height: float | None = None
) -> tuple[Figure, list[Any]]:
    """Several axes side by side, each with a lower one for the residuals if wanted.

    Parameters
    ----------
    columns : int
        Number of axes in the row.
    residual : bool
        Whether each has a lower axes that shares its x.
    share_y : bool
        Whether the axes of a row share their y.
    width, height : float
        Inches of the whole figure.

    Returns
    -------
    fig : matplotlib.figure.Figure
        As from :func:`panels`.
    axes : list
        Per column one axes, or a pair ``(main, residual)``.
    """
    from matplotlib import pyplot as plt  # chooses a backend, which an import of this module must not do

    n_columns = int(validation.check_count("columns", columns))
    across = validation.check_number("width", width, exclusive_minimum=0.0)
    if height is None:
        # Plot area, neither flat nor towering; then title, verdict, labels and key; then the residuals.
        height = min(max(0.62 * across / n_columns, 1.9), 3.2) + 1.0 + (1.2 if residual else 0.0)
    fig, grid = plt.subplots(
        2 if residual else 1,
        n_columns,
        figsize=(across, validation.check_number("height", height, exclusive_minimum=0.0)),
        sharex="col",
        sharey="row" if share_y else False,
        squeeze=False,
        height_ratios=(3, 1) if residual else None,
    )
    label_layout(fig)
    fig.align_ylabels()
    return fig, [tuple(column) if residual else column[0] for column in grid.T]


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
def prediction(ax: Axes, x: Any, y: Any, *, label: str | None = None, color: str | None = None) -> Line2D:
    """Draw a prediction: a solid line.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : array_like, shape (n,)
        The curve; infinite `y` are gaps.
    label : str, optional
        Name of the series, for :func:`label_lines`.
    color : str, optional
        Instead of the next colour of the palette.

    Returns
    -------
    matplotlib.lines.Line2D
        The line.
    """
    xs, ys = _curve(x, y)
    shade, _ = look(ax, "prediction", label, color)
    series_of(ax).shown["prediction"] = "prediction"
    (line,) = ax.plot(xs, ys, color=shade, label=label, zorder=2.5)
    return line


@use_style()
def measurement(
    ax: Axes, x: Any, y: Any, standard_error: Any = None, *, label: str | None = None, color: str | None = None
) -> ErrorbarContainer:
    """Draw a measurement: points with error bars of 2 standard errors (:data:`ERROR_BAR`) to either side.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : array_like, shape (n,)
        The points, finite.
    standard_error : array_like, shape (n,) or scalar, >= 0, optional
        Standard error of `y`; left out for a deterministic measurement.
    label : str, optional
        Name of the series.
    color : str, optional
        Instead of the colour that the prediction of the same rank has.

    Returns
    -------
    matplotlib.container.ErrorbarContainer
        Points and bars.
    """
    xs, ys = _points(x=x, y=y)
    errors = _errors(standard_error, ys)
    shade, marker = look(ax, "measurement", label, color)
    if errors is None:
        series_of(ax).shown.setdefault("measurement", "measurement")
    else:
        series_of(ax).shown["measurement"] = f"measurement ± {ERROR_BAR:g} std. errors"
    return _draw_points(ax, xs, ys, errors, shade, marker, label)


@use_style()
def control(ax: Axes, x: Any, y: Any, *, label: str | None = None) -> Line2D:
    """Draw a control, a prediction that is wrong on purpose: a dashed grey line.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : array_like, shape (n,)
        The curve; infinite `y` are gaps.
    label : str, optional
        What is wrong in it.

    Returns
    -------
    matplotlib.lines.Line2D
        The line.
    """
    xs, ys = _curve(x, y)
    series_of(ax).shown["control"] = "control (wrong on purpose)"
    (line,) = ax.plot(xs, ys, color=CONTROL, linestyle="--", linewidth=1.4, label=label, zorder=2.2)
    return line


@use_style()
def residuals(
    ax: Axes,
    x: Any,
    predicted: Any,
    measured: Any,
    standard_error: Any = None,
    *,
    margin: Any = 0.0,
    threshold: float = THRESHOLD,
    unit: Literal["allowed", "standard error", "relative"] = "allowed",
    label: str | None = None,
    color: str | None = None,
) -> ErrorbarContainer:
    r"""Draw how far a measurement is from its prediction, with the band that the verdict's rule allows.

    With margin :math:`m`, threshold :math:`t` and standard error :math:`s` the rule refutes a point outside
    :math:`\pm(m + t s)`; a point in the band is a point that does not refute.  The choice of `unit` scales points and
    band alike: by :math:`m + t s` itself (the band is then :math:`\pm 1` for every series, and the largest point is the
    evidence's strain), by :math:`s`, or by the size of the prediction.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; its y limits become symmetric about zero.
    x, predicted, measured : array_like, shape (n,)
        The comparison, finite.
    standard_error : array_like, shape (n,) or scalar, >= 0, optional
        Standard error of `measured`; zero when left out.
    margin : array_like, shape (n,) or scalar, >= 0
        Declared margin in the units of `measured`.
    threshold : float
        Standard errors beyond the margin at which the claim is refuted.
    unit : {"allowed", "standard error", "relative"}
        What 1 on the y axis means.
    label, color : str, optional
        As for :func:`measurement`.

    Returns
    -------
    matplotlib.container.ErrorbarContainer
        Points, with error bars of 2 standard errors where there are any.

    Raises
    ------
    ValueError
        If the unit is zero at a point: nothing allowed, no standard error, or a prediction of zero.
    """
    xs, theory, data = _points(x=x, predicted=predicted, measured=measured)
    errors = _errors(standard_error, data)
    spread = np.zeros_like(data) if errors is None else errors
    margins = _filled("margin", margin, data)
    allowed = margins + validation.check_number("threshold", threshold, minimum=0.0) * spread
    scale = {"allowed": allowed, "standard error": spread, "relative": np.abs(theory)}[
        validation.check_choice("unit", unit, tuple(_UNITS))
    ]
    if not np.all(scale > 0.0):
        index = int(np.argmin(scale))
        raise ValueError(
            f"unit must be positive at every point; got {unit!r}, which is {scale[index]:g} at index {index}. "
            "Give a margin or a standard error there, or choose another unit."
        )
    shade, marker = look(ax, "residual", label, color)
    height = (data - theory) / scale
    bars = spread / scale
    _draw_band(ax, xs, allowed / scale, shade, flat=unit == "allowed")
    _reach(ax, float(np.max(np.maximum(np.abs(height) + ERROR_BAR * bars, allowed / scale))))
    if not ax.get_ylabel():
        ax.set_ylabel(_UNITS[unit])
    parts = ["margin"] * bool(np.any(margins)) + [f"{threshold:g} std. errors"] * bool(np.any(spread))
    series_of(ax).shown["band"] = "allowed: " + " + ".join(parts)
    return _draw_points(ax, xs, height, bars if np.any(spread) else None, shade, marker, label)


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
    xs, ys = _curve(np.atleast_1d(arrays.to_numpy(x)), np.atleast_1d(arrays.to_numpy(y)))
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


def _verdict_text(result: _Result) -> str:
    n_controls = len(result.controls)
    refuted = sum(control.rejected for control in result.controls)
    controls = f"{refuted} of {n_controls} control{'s' if n_controls != 1 else ''} refuted"
    if result.status == "not upheld":
        return f"not upheld ({result.verdict}) · {controls}"
    if result.verdict == "refuted":  # "upheld" alone would say the opposite of what was found
        return f"refuted, as expected · {controls}"
    return f"{result.status} · {controls}"


def _points(**named: Any) -> tuple[Floats, ...]:
    checked = {name: arrays.to_numpy(validation.check_array(name, value, ndim=1)) for name, value in named.items()}
    validation.check_same_length(**checked)
    return tuple(checked.values())


def _curve(x: Any, y: Any) -> tuple[Floats, Floats]:
    (xs,) = _points(x=x)
    ys = arrays.to_numpy(validation.check_array("y", y, ndim=1, allow_infinite=True))
    validation.check_same_length(x=xs, y=ys)
    return xs, np.where(np.isinf(ys), np.nan, ys)


def _filled(name: str, value: Any, like: Floats) -> Floats:
    """A scalar or an array of the shape of `like`, never negative."""
    given = arrays.to_numpy(validation.check_array(name, value, ndim=(0, 1), minimum=0.0))
    if given.ndim == 1:
        validation.check_same_length(**{"y": like, name: given})
    return np.broadcast_to(given, like.shape)


def _errors(standard_error: Any, like: Floats) -> Floats | None:
    return None if standard_error is None else _filled("standard_error", standard_error, like)


def _label(ax: Axes, x: Floats, y: Floats, text: str, side: str, color: str, size: float = _LABEL_SIZE) -> EndLabel:
    if not np.isfinite(y).any():
        raise ValueError(
            f"y must have a finite value for the label {text!r} to stand at; got none. Label another line."
        )
    label = EndLabel.on(ax, x, y, text, side=side, color=darkened(color), size=size)
    label_layout(root_figure(ax)).labels.append(label)
    return label


def _draw_points(
    ax: Axes, x: Floats, y: Floats, errors: Floats | None, color: str, marker: str, label: str | None
) -> ErrorbarContainer:
    return ax.errorbar(
        x,
        y,
        yerr=None if errors is None else ERROR_BAR * errors,
        color=color,
        marker=marker,
        linestyle="none",
        markeredgecolor=PAPER,
        markeredgewidth=0.6,
        elinewidth=1.2,
        label=_hidden(label),
        zorder=3.0,
    )


def _hidden(label: str | None) -> str:
    """Label that names no entry of a legend: the line of the same series has it already."""
    return "_" if label is None else f"_{label}"


def _draw_band(ax: Axes, x: Floats, half: Floats, color: str, *, flat: bool) -> None:
    first = series_of(ax).counts[id(ax), "residual"] == 1
    if first:
        ax.axhline(0.0, color=_AXIS, linewidth=0.8, zorder=1.5)
    if not flat:
        order = np.argsort(x, kind="stable")
        ax.fill_between(x[order], -half[order], half[order], color=color, alpha=0.15, linewidth=0.0, zorder=1.0)
    elif first:
        ax.axhspan(-1.0, 1.0, color=_BAND, linewidth=0.0, zorder=1.0)


def _reach(ax: Axes, furthest: float) -> None:
    before = 0.0 if ax.get_autoscaley_on() else max(ax.get_ylim())
    limit = max(before, _ROOM * furthest)
    ax.set_ylim(-limit, limit)


def _key_handle(role: str) -> Any:
    if role == "prediction":
        return Line2D([], [], color=INK)
    if role == "control":
        return Line2D([], [], color=CONTROL, linestyle="--", linewidth=1.4)
    if role == "band":
        return Patch(facecolor=_BAND)
    dot = Line2D([], [], color=INK, marker=MARKERS[0], linestyle="none", markeredgecolor=PAPER)
    return ErrorbarContainer((dot, (), (LineCollection([], colors=INK, linewidths=1.2),)), has_yerr=True)
