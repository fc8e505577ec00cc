"""Writing a figure: SVG and PNG with an alternative text and provenance, byte for byte the same on equal inputs.

What would make the bytes depend on the moment or on the machine is fixed: no dates, identifiers from the figure's name
and contents, bundled fonts as outlines, the settings of :func:`theorylab.figures.use_style`, and a layout that does not
depend on whether the figure was shown before.  Both files are rendered in memory and written when both are whole.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.text import Text

from theorylab import outputs
from theorylab._figure_style import use_style

__all__ = [
    "MINIMUM_ALT_LENGTH",
    "Description",
    "Saved",
    "check_figure",
    "check_name",
    "checked_text",
    "describe",
    "heading",
    "provenance_text",
    "save",
    "settle_layout",
]

#: Characters that say what a reader would see; fewer cannot.
MINIMUM_ALT_LENGTH = 30

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*/[a-z0-9][a-z0-9_]*")
_PNG_DPI = 200
_SCREEN_DPI = 96  # CSS pixels per inch: the width at which a notebook shows the figure
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Saved:
    """The two files of a figure; as the last expression of a notebook cell it shows the figure.

    Parameters
    ----------
    svg, png : Path
        The files.
    alt : str
        Alternative text.
    """

    svg: Path
    png: Path
    alt: str

    def __repr__(self) -> str:
        # The executed notebook keeps this text; a path of the machine has no place in it.
        return f"Saved({self.svg.parent.name}/{self.svg.stem}: svg, png)"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        data = self.png.read_bytes()
        width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))  # of the IHDR chunk
        size = {"width": width * _SCREEN_DPI // _PNG_DPI, "height": height * _SCREEN_DPI // _PNG_DPI}
        bundle = {"image/png": base64.b64encode(data).decode(), "text/plain": self.alt}
        return bundle, {"image/png": {**size, "alt": self.alt}}


@dataclass(frozen=True)
class Description:
    """What a saved figure says of itself.

    Parameters
    ----------
    title, alt : str
        Title and alternative text.
    provenance : dict
        Parameters, versions, and what else :func:`theorylab.outputs.provenance` told at the time.
    """

    title: str
    alt: str
    provenance: dict[str, Any]


def save(
    fig: Figure, name: str, *, alt: str, title: str | None = None, parameters: Mapping[str, Any] | None = None
) -> Saved:
    """Write a figure as SVG and PNG under the output directory.

    A figure of :mod:`matplotlib.pyplot` is taken off its list of open figures, so that a notebook shows it once: end
    the cell with this call.  The figure itself stays usable.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Figure with at least one axes.
    name : str
        ``chapter/name`` in lower-case letters, digits and underscores.
    alt : str
        What the reader would see, in at least 30 characters: axes, curves, what agrees and what does not.
    title : str, optional
        Title for screen readers and viewers; made from `name` when left out.
    parameters : mapping, optional
        JSON values to add to the parameters of the provenance.

    Returns
    -------
    Saved
        The paths ``<output directory>/<name>.svg`` and ``.png``.

    Raises
    ------
    TypeError
        If `fig` is not a figure, or `parameters` cannot be written as JSON.
    ValueError
        If `fig` has no axes or text in LaTeX, `name` is malformed, `alt` is too short, or `title` is empty.
    """
    check_figure(fig)
    check_name(name)
    text = checked_text("alt", alt, MINIMUM_ALT_LENGTH, "Say what the reader would see: axes, curves, what agrees.")
    spoken = heading(name, title)
    record = provenance_text(parameters)
    with use_style(), mpl.rc_context({"svg.hashsalt": f"theorylab:{name}"}):
        svg, png = _render(fig, name, spoken, text, record)
    target = outputs.output_directory() / name
    saved = Saved(target.with_suffix(".svg"), target.with_suffix(".png"), text)
    outputs.write_atomic(saved.svg, svg)
    outputs.write_atomic(saved.png, png)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)
    return saved


def describe(path: Path | str) -> Description:
    """Title, alternative text and provenance of a file that :func:`save` wrote.

    Parameters
    ----------
    path : Path or str
        SVG or PNG file.

    Returns
    -------
    Description
        The same for both files of a figure.

    Raises
    ------
    ValueError
        If the file carries no such description.
    """
    file = Path(path)
    fields = _png_fields(file) if file.suffix == ".png" else _svg_fields(file)
    title, alt, record = fields
    if not (title and alt and record):
        raise ValueError(f"path must be an SVG or PNG file written by figures.save; got {str(file)!r}. Save it again.")
    return Description(title, alt, json.loads(record))


def heading(name: str, title: str | None) -> str:
    """Title of a figure: the one given, or one made from its name."""
    if title is None:
        return name.replace("/", ": ").replace("_", " ")
    return checked_text("title", title, 1, "Say in a few words what is shown, or leave it out.")


def check_figure(fig: Figure) -> None:
    """Refuse what is no figure, empty, or set by LaTeX."""
    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure; got {type(fig).__name__}. Pass ax.figure for an axes.")
    if not fig.axes:
        raise ValueError("fig must have at least one axes; got an empty figure. Draw something before saving.")
    with_tex = [text.get_text() for text in fig.findobj(Text) if isinstance(text, Text) and text.get_usetex()]
    if with_tex:
        raise ValueError(f"fig must be free of LaTeX text; got {with_tex[0]!r}. Use mathtext: usetex=False.")


def check_name(name: str) -> None:
    """Refuse a name that is not ``chapter/name``."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name must be 'chapter/name' in lower-case letters, digits and underscores; got {name!r}. "
            "Write it like 'random_features/learning_curves', without a suffix."
        )


def checked_text(name: str, value: str, minimum: int, advice: str) -> str:
    """The text of an argument on one line; refused when it is short or not printable."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string; got {type(value).__name__}. {advice}")
    text = " ".join(value.split())
    # A character that is not printable may not occur in XML either.
    if len(text) < minimum or not text.isprintable():
        raise ValueError(f"{name} must be {minimum} or more printable characters; got {text!r}. {advice}")
    return text


def provenance_text(parameters: Mapping[str, Any] | None = None) -> str:
    """What the results of this process come from, as JSON, with parameters added."""
    record = outputs.provenance()
    if parameters:
        record["parameters"] = {**(record.get("parameters") or {}), **parameters}
    try:
        return json.dumps(record, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"parameters must hold finite JSON values under string names; got {parameters!r} ({error}). "
            "Convert arrays with tolist()."
        ) from error


def _render(fig: Figure, name: str, title: str, alt: str, record: str) -> tuple[bytes, bytes]:
    engine, dpi = fig.get_layout_engine(), fig.dpi
    try:
        settle_layout(fig)
        fig.set_layout_engine("none")  # both files show the same layout
        svg, png = BytesIO(), BytesIO()
        labels = {"Title": title, "Description": alt}
        about = {**labels, "Identifier": name, "Source": record, "Creator": "theorylab", "Date": None}
        fig.savefig(svg, format="svg", dpi=_PNG_DPI, metadata=about)
        fig.savefig(png, format="png", dpi=_PNG_DPI, metadata={**labels, "Provenance": record, "Software": None})
    finally:
        fig.set_layout_engine(engine)
        fig.set_dpi(dpi)
    return _accessible(svg.getvalue().decode(), name, title, alt).encode(), png.getvalue()


def settle_layout(fig: Figure) -> None:
    """Lay a figure out as if it had never been drawn before."""
    fig.set_dpi(_PNG_DPI)
    engine = fig.get_layout_engine()
    if engine is None:
        return
    # Constrained layout starts from the present positions; from the grid's own ones it forgets earlier drawings.
    for ax in fig.axes:
        place = ax.get_subplotspec()
        if place is not None:
            ax.set_subplotspec(place)
    engine.execute(fig)
    # What remains of the past is in the last bits, which would change the identifiers made from positions.
    for ax in fig.axes:
        bounds, in_layout = ax.get_position(original=True).bounds, ax.get_in_layout()
        ax.set_position((round(bounds[0], 9), round(bounds[1], 9), round(bounds[2], 9), round(bounds[3], 9)))
        ax.set_in_layout(in_layout)


def _accessible(svg: str, name: str, title: str, alt: str) -> str:
    """Make title and description known to screen readers, under identifiers of their own on a page of many figures."""
    key = name.replace("/", "-")
    svg = svg.replace("<svg ", f'<svg role="img" aria-labelledby="{key}-title {key}-desc" ', 1)
    spoken = f'<title id="{key}-title">{escape(title)}</title>\n <desc id="{key}-desc">{escape(alt)}</desc>'
    return re.sub(r"<title>.*?</title>", lambda _: spoken, svg, count=1, flags=re.DOTALL)


def _svg_fields(file: Path) -> tuple[str | None, str | None, str | None]:
    root = ET.parse(file).getroot()
    return root.findtext(f"{_SVG}title"), root.findtext(f"{_SVG}desc"), root.findtext(f".//{_DUBLIN_CORE}source")


def _png_fields(file: Path) -> tuple[str | None, str | None, str | None]:
    from PIL import Image  # a dependency of matplotlib

    with Image.open(file) as image:
        return image.info.get("Title"), image.info.get("Description"), image.info.get("Provenance")
