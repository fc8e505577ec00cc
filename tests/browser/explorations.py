"""Figures that move, in JupyterLab and on a page: their sliders are moved, and the pictures compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.browser.pictures import changed, screenshot

#: So much of a picture must change for a reader to see it; a moved curve changes more.
VISIBLE = 2e-4
_HANG = 60.0


@dataclass(frozen=True)
class Exploration:
    """A figure and its sliders.

    Parameters
    ----------
    box : playwright.sync_api.Locator
        What holds both.
    """

    box: Any

    @property
    def sliders(self) -> list[Any]:
        """Sliders that a reader sees."""
        return [slider for slider in self.box.get_by_role("slider").all() if slider.is_visible()]

    def picture(self) -> bytes:
        """The figure alone, without sliders and the numbers beside them, once it has stopped moving."""
        figure = self.box.locator("svg, img, canvas").locator("visible=true").first
        before, now = b"", screenshot(figure)
        while before != now:
            before, now = now, screenshot(figure)
        return now


def move_by_keyboard(shown: Exploration, *, seconds: float = _HANG) -> None:
    """Move each slider by the arrow keys there and back; the figure must follow.

    Parameters
    ----------
    shown : Exploration
        Figure and sliders.
    seconds : float
        After that long a figure that looks the same is taken not to follow.
    """
    assert shown.sliders
    for slider in shown.sliders:
        before = shown.picture()
        forward = value(slider) != _end(slider, "max")
        slider.press("ArrowRight" if forward else "ArrowLeft")
        assert follows(shown, before, seconds), f"the figure did not change with {name(slider)}"
        slider.press("ArrowLeft" if forward else "ArrowRight")
        assert returns(shown, before, seconds), f"the figure did not come back with {name(slider)}"


def move_by_pointer(shown: Exploration, *, seconds: float = _HANG) -> None:
    """Drag the first slider to the other half of its range; the figure must follow.

    Parameters
    ----------
    shown : Exploration
        Figure and sliders.
    seconds : float
        After that long a figure that looks the same is taken not to follow.
    """
    slider = shown.sliders[0]
    before = shown.picture()
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    mouse = slider.page.mouse
    if slider.evaluate("element => element instanceof HTMLInputElement"):
        share = _share(slider)
        start, end = box["width"] * (0.02 + 0.96 * share), box["width"] * (0.98 if share < 0.5 else 0.02)
    else:  # the handle of a widget, which lies on a track of its own
        track = slider.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        start = box["width"] / 2
        end = start + (0.6 if _share(slider) < 0.5 else -0.6) * track["width"]
    height = box["y"] + box["height"] / 2
    mouse.move(box["x"] + start, height)
    mouse.down()
    mouse.move(box["x"] + end, height, steps=8)
    mouse.up()
    assert follows(shown, before, seconds), f"the figure did not change with {name(slider)}"


def follows(shown: Exploration, before: bytes, seconds: float) -> bool:
    """Whether the figure comes to look otherwise."""
    return within(seconds, lambda: changed(before, shown.picture()) > VISIBLE)


def returns(shown: Exploration, before: bytes, seconds: float) -> bool:
    """Whether the figure comes to look the same again."""
    return within(seconds, lambda: changed(before, shown.picture()) == 0.0)


def name(slider: Any) -> str:
    """What a slider is called by a screen reader."""
    return slider.evaluate(
        "s => s.getAttribute('aria-label') || [...(s.labels || [])].map(label => label.textContent.trim()).join()"
    )


def value(slider: Any) -> float:
    """Where a slider stands."""
    return float(slider.evaluate("s => s.value ?? s.getAttribute('aria-valuenow')"))


def _end(slider: Any, which: str) -> float:
    return float(slider.evaluate(f"s => s.{which} || s.getAttribute('aria-value{which}')"))


def _share(slider: Any) -> float:
    least, most = _end(slider, "min"), _end(slider, "max")
    return (value(slider) - least) / (most - least)


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
