"""Figures with their axes: one, one above its residuals, or several side by side."""

from __future__ import annotations

from typing import Any, Literal, overload

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from theorylab import validation
from theorylab._figure_labels import label_layout
from theorylab._figure_style import use_style

__all__ = ["panel_row", "panels"]


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
