"""Frames of an exploration: what `draw` returns for given values, checked, laid out, and written as small SVG."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from theorylab._compact_svg import compact
from theorylab._figure_files import check_figure, settle_layout
from theorylab._figure_labels import LabelLayout
from theorylab._figure_style import use_style

__all__ = ["FrameMaker", "size_in_pixels"]

_POINTS_PER_INCH = 72
_PIXELS_PER_POINT = 96 / _POINTS_PER_INCH


class FrameMaker:
    """Draws figures of one size whose axes stand still.

    Tick labels and labels beside the axes change from figure to figure, and with them what the layout would choose.
    A few figures are laid out beforehand, and in all of them every axes gets the place that those have in common.

    Parameters
    ----------
    draw : callable
        Takes the values by name and returns a matplotlib figure.
    name : str
        ``chapter/name``, from which the identifiers inside the drawings are made.
    samples : sequence of mapping
        Values whose figures decide on the places: one or more.

    Raises
    ------
    TypeError, ValueError
        As from :meth:`frame`.
    """

    def __init__(self, draw: Callable[..., Any], name: str, samples: Sequence[Mapping[str, Any]]) -> None:
        self._draw = draw
        self._name = name
        self._measures: tuple[float, float, int] | None = None
        places = []
        for values in samples:
            fig = self._drawn(values)
            with use_style():
                settle_layout(fig)
            boxes = [ax.get_position(original=True) for ax in fig.axes]
            places.append([(box.x0, box.y0, box.x1, box.y1) for box in boxes])
        lower, upper = np.max(places, axis=0)[:, :2], np.min(places, axis=0)[:, 2:]
        self._places = np.round(np.hstack([lower, upper - lower]), 9)

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

        Raises
        ------
        TypeError
            If `draw` returns something else than a figure.
        ValueError
            If the figure has no axes, text in LaTeX, or another size or number of axes than those before.
        """
        fig = self._drawn(values)
        engine = fig.get_layout_engine()
        content = StringIO()
        with use_style(), mpl.rc_context({"svg.hashsalt": f"theorylab:{self._name}"}):
            fig.set_layout_engine("none")
            fig.set_dpi(_POINTS_PER_INCH)
            for ax, place in zip(fig.axes, self._places, strict=True):
                ax.set_position(tuple(place))
            if isinstance(engine, LabelLayout):
                engine.place_labels(fig)
            canvas: Any = FigureCanvasSVG(fig)  # not savefig, which draws everything twice
            canvas.print_svg(content, metadata={"Date": None})
        return compact(content.getvalue())

    def _drawn(self, values: Mapping[str, Any]) -> Figure:
        with use_style():
            fig = self._draw(**values)
        shown = ", ".join(f"{name}={value!r}" for name, value in values.items())
        if not isinstance(fig, Figure):
            got = f"{type(fig).__name__} for {shown}"
            raise TypeError(f"draw must return a matplotlib Figure; got {got}. End it with `return fig`.")
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close(fig)
        measures = (float(fig.get_figwidth()), float(fig.get_figheight()), len(fig.axes))
        if self._measures is None:
            _check_first(fig, shown)
            self._measures = measures
        elif measures != self._measures:
            raise ValueError(
                f"draw must return figures of one size with as many axes each; got {_text(measures)} for {shown}, and "
                f"{_text(self._measures)} before. Make an axes invisible instead of leaving it out."
            )
        return fig


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


def _check_first(fig: Figure, shown: str) -> None:
    try:
        check_figure(fig)
    except ValueError as error:
        raise ValueError(f"draw must return a figure that can be saved; for {shown}: {error}") from None


def _text(measures: tuple[float, float, int]) -> str:
    width, height, count = measures
    return f"{width:g} x {height:g} inches with {count} axes"
