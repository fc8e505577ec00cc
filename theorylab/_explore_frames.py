"""Frames of an exploration: what `draw` returns for given values, checked, laid out, and written as small SVG."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from theorylab._compact_svg import compact
from theorylab._figure_files import check_figure, settle_layout
from theorylab._figure_style import use_style

__all__ = ["FrameMaker", "size_in_pixels"]

_PIXELS_PER_POINT = 96 / 72


class FrameMaker:
    """Draws figures of one size whose axes stand still.

    Tick labels and labels beside the axes change from figure to figure, and with them what the layout would choose.
    Every axes gets the place that is common to all figures so far.

    Parameters
    ----------
    draw : callable
        Takes the values by name and returns a matplotlib figure.
    name : str
        ``chapter/name``, from which the identifiers inside the drawings are made.
    """

    def __init__(self, draw: Callable[..., Any], name: str) -> None:
        self._draw = draw
        self._name = name
        self._size: tuple[float, float] | None = None
        self._places: NDArray[np.float64] | None = None  # of each axes: left, bottom, right, top

    def lay_out(self, values: Mapping[str, Any]) -> Figure:
        """The figure for some values, with its own layout; later ones leave it the room that it needs.

        Parameters
        ----------
        values : mapping
            A value for each slider.

        Returns
        -------
        matplotlib.figure.Figure
            For :meth:`write`.

        Raises
        ------
        TypeError
            If `draw` returns something else than a figure.
        ValueError
            If the figure has no axes, or another size or number of axes than those before.
        """
        with use_style():
            fig = self._draw(**values)
            _check_drawn(fig, values)
            pyplot = sys.modules.get("matplotlib.pyplot")
            if pyplot is not None:
                pyplot.close(fig)
            settle_layout(fig)
            fig.set_layout_engine("none")
        bounds = [ax.get_position(original=True) for ax in fig.axes]
        places = np.array([[box.x0, box.y0, -box.x1, -box.y1] for box in bounds])
        size = (float(fig.get_figwidth()), float(fig.get_figheight()))
        if self._places is None or self._size is None:
            self._size, self._places = size, places
        elif size != self._size or places.shape != self._places.shape:
            raise ValueError(
                f"draw must return figures of one size with as many axes each; got {_measures(size, places)} for "
                f"{_shown(values)} after {_measures(self._size, self._places)}. Hide an axes instead of leaving it out."
            )
        self._places = np.maximum(self._places, places)
        return fig

    def write(self, fig: Figure) -> str:
        """A figure as small SVG, its axes in the common places.

        Parameters
        ----------
        fig : matplotlib.figure.Figure
            What :meth:`lay_out` returned.

        Returns
        -------
        str
            SVG.
        """
        assert self._places is not None
        for ax, (left, bottom, right, top) in zip(fig.axes, np.round(self._places, 9), strict=True):
            ax.set_position((left, bottom, -right - left, -top - bottom))
        content = BytesIO()
        with use_style(), mpl.rc_context({"svg.hashsalt": f"theorylab:{self._name}"}):
            fig.savefig(content, format="svg", metadata={"Date": None})
        return compact(content.getvalue().decode())

    def frame(self, values: Mapping[str, Any]) -> str:
        """Drawing for some values.

        Parameters
        ----------
        values : mapping
            A value for each slider.

        Returns
        -------
        str
            SVG.
        """
        return self.write(self.lay_out(values))


def size_in_pixels(svg: str) -> tuple[int, int]:
    """Width and height at which a drawing has its natural size on a page.

    Parameters
    ----------
    svg : str
        Drawing by :class:`FrameMaker`.

    Returns
    -------
    width, height : int
        CSS pixels.
    """
    lengths = {side: float(value) for side, value in re.findall(r'(width|height)="([\d.]+)pt"', svg[:500])}
    return round(lengths["width"] * _PIXELS_PER_POINT), round(lengths["height"] * _PIXELS_PER_POINT)


def _check_drawn(fig: Any, values: Mapping[str, Any]) -> None:
    if not isinstance(fig, Figure):
        raise TypeError(
            f"draw must return a matplotlib Figure; got {type(fig).__name__} for {_shown(values)}. "
            "End it with `return fig`."
        )
    try:
        check_figure(fig)
    except ValueError as error:
        raise ValueError(f"draw must return a figure that can be saved; for {_shown(values)}: {error}") from None


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _measures(size: tuple[float, float], places: NDArray[np.float64]) -> str:
    return f"{size[0]:g} x {size[1]:g} inches with {len(places)} axes"
