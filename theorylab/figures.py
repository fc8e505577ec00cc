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

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from theorylab import validation
from theorylab._figure_files import Description, Saved, describe, save
from theorylab._figure_notes import direct_label, key, label_lines, title, verdict_badge
from theorylab._figure_panels import panel_row, panels
from theorylab._figure_series import curve, filled, look, points, series_of
from theorylab._figure_style import AXIS, BAND, CONTROL, INK, MARKERS, PALETTE, PAPER, contrast, use_style
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

_ROOM = 1.15  # the residual axes reaches this much further than its furthest point
_UNITS = {
    "allowed": "discrepancy\n/ allowed",
    "standard error": "discrepancy\n/ std. error",
    "relative": "relative\ndiscrepancy",
}


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
    xs, ys = curve(x, y)
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
        Name of the series; a name that the figure has seen brings its colour.
    color : str, optional
        Instead of the colour that the prediction of the same rank has.

    Returns
    -------
    matplotlib.container.ErrorbarContainer
        Points and bars.
    """
    xs, ys = points(x=x, y=y)
    errors = None if standard_error is None else filled("standard_error", standard_error, ys)
    shade, marker = look(ax, "measurement", label, color)
    if errors is None:
        series_of(ax).shown.setdefault("measurement", "measurement")
    else:
        series_of(ax).shown["measurement"] = f"measurement ± {ERROR_BAR:g} std. errors"
    return _draw_points(ax, xs, ys, errors, shade, marker)


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
    xs, ys = curve(x, y)
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
    xs, theory, data = points(x=x, predicted=predicted, measured=measured)
    spread = filled("standard_error", 0.0 if standard_error is None else standard_error, data)
    margins = filled("margin", margin, data)
    allowed = margins + validation.check_number("threshold", threshold, minimum=0.0) * spread
    scale = _scale(unit, {"allowed": allowed, "standard error": spread, "relative": np.abs(theory)})
    shade, marker = look(ax, "residual", label, color)
    height = (data - theory) / scale
    bars = spread / scale
    _draw_band(ax, xs, allowed / scale, shade, flat=unit == "allowed")
    _reach(ax, float(np.max(np.maximum(np.abs(height) + ERROR_BAR * bars, allowed / scale))))
    if not ax.get_ylabel():
        ax.set_ylabel(_UNITS[unit])
    parts = ["margin"] * bool(np.any(margins)) + [f"{threshold:g} std. errors"] * bool(np.any(spread))
    series_of(ax).shown["band"] = "allowed: " + " + ".join(parts)
    return _draw_points(ax, xs, height, bars if np.any(spread) else None, shade, marker)


def _scale(unit: str, scales: Mapping[str, Floats]) -> Floats:
    scale = scales[validation.check_choice("unit", unit, tuple(scales))]
    if not np.all(scale > 0.0):
        index = int(np.argmin(scale))
        raise ValueError(
            f"unit must be positive at every point; got {unit!r}, which is {scale[index]:g} at index {index}. "
            "Give a margin or a standard error there, or choose another unit."
        )
    return scale


def _draw_points(ax: Axes, x: Floats, y: Floats, errors: Floats | None, color: str, marker: str) -> ErrorbarContainer:
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
        zorder=3.0,
    )


def _draw_band(ax: Axes, x: Floats, half: Floats, color: str, *, flat: bool) -> None:
    first = series_of(ax).counts[id(ax), "residual"] == 1
    if first:
        ax.axhline(0.0, color=AXIS, linewidth=0.8, zorder=1.5)
    if not flat:
        order = np.argsort(x, kind="stable")
        ax.fill_between(x[order], -half[order], half[order], color=color, alpha=0.15, linewidth=0.0, zorder=1.0)
    elif first:
        ax.axhspan(-1.0, 1.0, color=BAND, linewidth=0.0, zorder=1.0)


def _reach(ax: Axes, furthest: float) -> None:
    before = 0.0 if ax.get_autoscaley_on() else max(ax.get_ylim())
    limit = max(before, _ROOM * furthest)
    ax.set_ylim(-limit, limit)
