"""Figures that move: sliders in a running notebook, and the same on a page where nothing runs.

One call, given a function that draws a figure for some values, and the values::

    def draw(ridge, width):
        fig, ax = figures.panels(width=4.8)
        figures.prediction(ax, n, risk_estimate(spectrum, n, width, ridge).test_mse)
        ax.set(xscale="log", yscale="log", xlim=(10, 1000), ylim=(0.1, 10), xlabel="samples")
        return fig

    explore.explore(draw, name="chapter/name", alt="What the reader would see ...", ridge=[0.1, 1], width=[64, 256])

In a Jupyter kernel with ipywidgets it shows sliders and draws anew while they move.  Elsewhere, and whenever the build
runs the notebook, it draws all combinations of the values and packs them into a player: one element of HTML with native
sliders that needs no kernel, no network and no library.  Give the axes fixed limits, or the eye cannot compare.
"""

from __future__ import annotations

import inspect
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from theorylab import _explore_live, arrays, outputs
from theorylab._compact_svg import pack
from theorylab._explore_frames import FrameMaker, size_in_pixels
from theorylab._explore_player import Control, document, fragment_of, player
from theorylab._figure_files import (
    MINIMUM_ALT_LENGTH,
    Description,
    check_name,
    checked_text,
    heading,
    provenance_text,
)

__all__ = ["LARGEST", "MOST_FRAMES", "Player", "Slider", "describe", "embed", "explore", "save"]

#: Bytes that a player may have.
LARGEST = 200_000
#: Frames that a player may have.
MOST_FRAMES = 500


@dataclass(frozen=True)
class Slider:
    """Values that a reader can choose from.

    Parameters
    ----------
    values : iterable
        Numbers or strings, two or more, in the order of the slider; arrays of any namespace too.
    label : str, optional
        What the slider is called; the name of the argument when left out.
    format : str
        How a number is written, as for :func:`format`; no two values may look the same.
    start : optional
        Value at first; the first one when left out.
    fine : iterable, optional
        More values for a running notebook, which draws what is asked for and nothing else.

    Raises
    ------
    TypeError
        If a value is neither a number nor a string.
    ValueError
        If there are fewer than two values, two look the same, or `start` is not among `values`.

    Examples
    --------
    >>> Slider([0.001, 0.1, 10.0], label="ridge").texts
    ('0.001', '0.1', '10')
    """

    values: Iterable[Any]
    label: str | None = None
    format: str = ".3g"
    start: Any = None
    fine: Iterable[Any] | None = None

    def __post_init__(self) -> None:
        values = _checked_values("values", self.values)
        texts = self.texts_of(values)
        if len(set(texts)) < len(texts):
            twice = next(text for text in texts if texts.count(text) > 1)
            raise ValueError(f"values must look different from each other; got {twice!r} twice. Choose another format.")
        start = values[0] if self.start is None else self.start
        if start not in values:
            raise ValueError(f"start must be one of the values; got {start!r}. Choose from {', '.join(texts)}.")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "start", values[values.index(start)])
        if self.fine is not None:
            object.__setattr__(self, "fine", self._merged(values, _checked_values("fine", self.fine)))

    def _merged(self, values: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
        """All values in the direction of the slider; of two that look the same, the one that the page has too."""
        by_text = dict(zip(self.texts_of((*more, *values)), (*more, *values), strict=True))
        return tuple(sorted(by_text.values(), reverse=values[0] > values[-1]))

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as the reader sees them."""
        return self.texts_of(self.values)

    def texts_of(self, values: Iterable[Any]) -> tuple[str, ...]:
        """Values in the format of the slider.

        Parameters
        ----------
        values : iterable
            Numbers or strings.

        Returns
        -------
        tuple of str
            Their texts.
        """
        return tuple(v if isinstance(v, str) else format(v, self.format).replace("-", "−") for v in values)


@dataclass(frozen=True)
class Player:
    """A player that has been written; as the last expression of a notebook cell it shows itself.

    Parameters
    ----------
    path : Path
        The file, a page with nothing but the player.
    html : str
        The player: one ``figure`` element to be put on any page.
    alt : str
        Description of the figure.
    n_frames : int
        Number of drawings.
    """

    path: Path
    html: str
    alt: str
    n_frames: int

    def __repr__(self) -> str:
        size = math.ceil(len(self.html.encode()) / 1000)
        return f"Player({self.path.parent.name}/{self.path.stem}: {self.n_frames} frames, {size} KB)"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.alt}


def explore(draw: Callable[..., Any], *, name: str, alt: str, title: str | None = None, **sliders: Any) -> Any:
    """Show a figure whose parameters the reader can move.

    Parameters
    ----------
    draw : callable
        Takes a value for each slider by name and returns a :class:`matplotlib.figure.Figure`, always of the same size
        and with as many axes.
    name : str
        ``chapter/name`` in lower-case letters, digits and underscores.
    alt : str
        What the reader would see and how it changes, in at least 30 characters.
    title : str, optional
        Title for screen readers; made from `name` when left out.
    **sliders : Slider or iterable
        For each argument of `draw` the values, as a :class:`Slider` or as a plain list.

    Returns
    -------
    ipywidgets.VBox or Player
        Sliders in a Jupyter kernel with ipywidgets; else, and under the build, what :func:`save` returns.

    Raises
    ------
    TypeError
        If `draw` cannot be called with the sliders, or returns no figure.
    ValueError
        If a text is too short, a slider has fewer than two values, or the player becomes too large.
    """
    if "THEORYLAB_PROVENANCE" in os.environ or not _explore_live.available():
        return save(draw, name=name, alt=alt, title=title, **sliders)
    title, alt, chosen = _checked(draw, name, alt, title, sliders)
    offered = {
        key: _explore_live.LiveSlider(
            s.label or key, tuple(s.fine or s.values), s.texts_of(s.fine or s.values), s.start
        )
        for key, s in chosen.items()
    }
    return _explore_live.widget(FrameMaker(draw, name, _extremes(chosen)), offered, title=title, alt=alt)


def save(draw: Callable[..., Any], *, name: str, alt: str, title: str | None = None, **sliders: Any) -> Player:
    """Draw a figure for all combinations of values and write the player that shows them.

    Parameters
    ----------
    draw : callable
        As for :func:`explore`.
    name, alt, title : str
        As for :func:`explore`.
    **sliders : Slider or iterable
        As for :func:`explore`; together at most 500 combinations.

    Returns
    -------
    Player
        With the file ``<output directory>/<name>.html``, the same bytes on equal inputs.

    Raises
    ------
    TypeError
        If `draw` cannot be called with the sliders, or returns no figure.
    ValueError
        If a text is too short, a slider has fewer than two values, there are too many combinations, or the player has
        more than 200 KB.
    """
    title, alt, chosen = _checked(draw, name, alt, title, sliders)
    grid = [
        dict(zip(chosen, values, strict=True)) for values in itertools.product(*(s.values for s in chosen.values()))
    ]
    if len(grid) > MOST_FRAMES:
        counts = " x ".join(str(len(slider.texts)) for slider in chosen.values())
        raise ValueError(f"sliders must have at most {MOST_FRAMES} combinations; got {counts}. Offer fewer values.")
    maker = FrameMaker(draw, name, _extremes(chosen))
    frames = [maker.frame(values) for values in grid]
    first = frames[grid.index({key: slider.start for key, slider in chosen.items()})]
    html = player(
        first=first,
        frames=pack(frames),
        size=size_in_pixels(first),
        title=title,
        alt=alt,
        controls=[Control(s.label or key, s.texts, tuple(s.values).index(s.start)) for key, s in chosen.items()],
    )
    _check_size(html, frames, first)
    path = outputs.output_directory() / f"{name}.html"
    outputs.write_atomic(path, document(html, title=title, alt=alt, provenance=provenance_text()))
    return Player(path, html, alt, len(frames))


def describe(path: Path | str) -> Description:
    """Title, description and provenance of a file that :func:`save` wrote.

    Parameters
    ----------
    path : Path or str
        HTML file.

    Returns
    -------
    Description
        As :func:`theorylab.figures.describe` has it for a figure.

    Raises
    ------
    ValueError
        If the file is none of :func:`save`.
    """
    reader = _Head()
    reader.feed(_page(path))
    return Description(reader.title, reader.said["description"], json.loads(reader.said["theorylab-provenance"]))


def embed(path: Path | str) -> str:
    """The player in a file that :func:`save` wrote, to be put on a page.

    Parameters
    ----------
    path : Path or str
        HTML file.

    Returns
    -------
    str
        One ``figure`` element with its style and script; any number of them may stand on a page.

    Raises
    ------
    ValueError
        If the file is none of :func:`save`.
    """
    fragment = fragment_of(_page(path))
    assert fragment is not None
    return fragment


class _Head(HTMLParser):
    """Reads title and meta elements."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.said: dict[str, str] = {}
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._in_title = tag == "title"
        if tag == "meta" and "name" in values:
            self.said[str(values["name"])] = str(values["content"])

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._in_title = False


def _page(path: Path | str) -> str:
    page = Path(path).read_text(encoding="utf-8")
    if fragment_of(page) is None or '<meta name="theorylab-provenance"' not in page:
        raise ValueError(f"path must be an HTML file written by explore.save; got {str(path)!r}. Save it again.")
    return page


def _checked(
    draw: Callable[..., Any], name: str, alt: str, title: str | None, sliders: dict[str, Any]
) -> tuple[str, str, dict[str, Slider]]:
    """Title, description and sliders, with everything refused that would fail later or say nothing."""
    check_name(name)
    advice = "Say what the reader would see: axes, curves, and how they change with the sliders."
    text = checked_text("alt", alt, MINIMUM_ALT_LENGTH, advice)
    if not callable(draw):
        raise TypeError(f"draw must be a function; got {type(draw).__name__}. Pass the function, not what it returns.")
    if not sliders:
        raise ValueError("sliders must be one or more; got none. Pass values for an argument: ridge=[0.1, 1.0].")
    parameters = inspect.signature(draw).parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    known = [parameter.name for parameter in parameters if parameter.kind in _BY_NAME]
    unknown = [key for key in sliders if key not in known and not takes_any]
    if unknown:
        raise TypeError(f"draw has no argument {unknown[0]!r} for the slider; it has {', '.join(known) or 'none'}.")
    required = [parameter.name for parameter in parameters if parameter.kind in _BY_NAME and not _optional(parameter)]
    missing = [key for key in required if key not in sliders]
    if missing:
        raise TypeError(f"draw needs {missing[0]!r}, which has no slider. Give it values, or a default.")
    return heading(name, title), text, {key: _as_slider(key, values) for key, values in sliders.items()}


def _extremes(sliders: dict[str, Slider]) -> list[dict[str, Any]]:
    """Values at first, and all combinations of the ends of the sliders."""
    ends = itertools.product(*(tuple(slider.values)[:: len(slider.texts) - 1] for slider in sliders.values()))
    return [{key: slider.start for key, slider in sliders.items()}, *(dict(zip(sliders, e, strict=True)) for e in ends)]


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def _as_slider(name: str, values: Any) -> Slider:
    if isinstance(values, Slider):
        return values
    try:
        return Slider(values)
    except (TypeError, ValueError) as error:
        raise type(error)(f"slider {name!r}: {error}") from None


def _checked_values(name: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not (hasattr(values, "shape") or isinstance(values, Iterable)):
        raise TypeError(f"{name} must be a list of numbers or strings; got {values!r}. Write [0.1, 1.0].")
    listed = arrays.to_numpy(values).tolist() if hasattr(values, "shape") else list(values)
    if not isinstance(listed, list) or len(listed) < 2:
        raise ValueError(f"{name} must be two or more; got {listed!r}. A single value needs no slider.")
    plain = tuple(value.item() if hasattr(value, "item") else value for value in listed)
    for value in plain:
        if not isinstance(value, str | int | float):
            raise TypeError(f"{name} must be numbers or strings; got {value!r}. Choose by name and look it up in draw.")
        if value != value:
            raise ValueError(f"{name} must not be NaN; got {plain}.")
    return plain


def _check_size(html: str, frames: list[str], first: str) -> None:
    size = len(html.encode())
    if size <= LARGEST:
        return
    raise ValueError(
        f"the player must have at most {LARGEST // 1000} KB; got {size / 1000:.0f} KB for {len(frames)} frames, of "
        f"which one alone has {len(first.encode()) / 1000:.0f} KB. Offer fewer values on a slider, draw fewer points "
        "on each curve, or leave out what changes from frame to frame without need."
    )
