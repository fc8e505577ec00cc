"""Sliders in a running notebook: every value that they pass is drawn anew, as often as the drawing can follow."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from theorylab._explore_frames import FrameMaker, size_in_pixels

__all__ = ["LiveSlider", "available", "widget"]

_PAUSE = 0.02  # seconds, in which the kernel reads what the sliders send
_REMEMBERED = 256  # drawings


class LiveSlider(NamedTuple):
    """A slider as the reader sees it.

    Parameters
    ----------
    label : str
        What it sets.
    values, texts : sequence
        What it offers, and how that is written.
    start : object
        The value at first.
    """

    label: str
    values: Sequence[Any]
    texts: Sequence[str]
    start: Any


def available() -> bool:
    """Whether there is a notebook to show widgets in.

    Returns
    -------
    bool
        True in a Jupyter kernel that has ipywidgets.
    """
    if importlib.util.find_spec("IPython") is None or importlib.util.find_spec("ipywidgets") is None:
        return False
    shell = importlib.import_module("IPython").get_ipython()
    return getattr(shell, "kernel", None) is not None


def widget(maker: FrameMaker, sliders: Mapping[str, LiveSlider], *, title: str, alt: str) -> Any:
    """Figure with its sliders below it.

    Parameters
    ----------
    maker : FrameMaker
        Draws.
    sliders : mapping of str to LiveSlider
        What can be set, by the name that `draw` has for it.
    title, alt : str
        Title and description of the figure.

    Returns
    -------
    ipywidgets.VBox
        Children: the image, a slider for each value, the description, and a line for errors.
    """
    widgets: Any = importlib.import_module("ipywidgets")
    first = maker.frame({name: slider.start for name, slider in sliders.items()})
    width, _ = size_in_pixels(first)
    image = widgets.Image(value=first.encode(), format="svg+xml", layout={"width": "100%", "max_width": "none"})
    trouble = widgets.HTML()
    controls = {
        name: widgets.SelectionSlider(
            options=list(zip(slider.texts, slider.values, strict=True)),
            value=slider.start,
            description=slider.label,
            continuous_update=True,
            style={"description_width": "initial"},
            layout={"width": "100%", "margin": "0"},
        )
        for name, slider in sliders.items()
    }
    described = widgets.HTML(f"<details><summary>{escape(title)}: description</summary>{escape(alt)}</details>")
    painter = _Painter(maker, controls, image, trouble)
    for control in controls.values():
        control.observe(painter.request, names="value")
    box = widgets.VBox(
        [image, *controls.values(), described, trouble], layout={"width": f"{width}px", "max_width": "100%"}
    )
    box.add_class("theorylab-live")
    return box


class _Painter:
    """Draws what the sliders ask for: the latest values, never two drawings at a time, none that is overtaken."""

    def __init__(self, maker: FrameMaker, controls: Mapping[str, Any], image: Any, trouble: Any) -> None:
        self._maker = maker
        self._controls = controls
        self._image = image
        self._trouble = trouble
        self._drawn: dict[tuple[Any, ...], bytes] = {}

    def request(self, _change: Any) -> None:
        """A slider has moved: draw soon; of several requests at once the first draws, the others find it done."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no event loop to wait in
            self.paint()
            return
        loop.call_later(_PAUSE, self.paint)

    def paint(self) -> None:
        """Draw for the present values; what the sliders have sent meanwhile is read before the next drawing."""
        values = {name: control.value for name, control in self._controls.items()}
        key = tuple(values.values())
        try:
            if key not in self._drawn:
                while len(self._drawn) >= _REMEMBERED:
                    del self._drawn[next(iter(self._drawn))]
                self._drawn[key] = self._maker.frame(values).encode()
            self._image.value = self._drawn[key]
            self._trouble.value = ""
        except Exception as error:  # an exception in a callback would only reach the log of the notebook
            self._trouble.value = f"<pre>{escape(f'{type(error).__name__}: {error}')}</pre>"
