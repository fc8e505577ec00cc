"""Small SVG: the drawings of matplotlib without what a picture on a page does not need.

Paths are written with relative coordinates on a grid of a tenth of a point, which the eye does not notice and which
compress three times better; metadata and white space between elements go.  Many drawings of one figure are kept as a
table of the elements that occur and one list of indices for each drawing, so that what stays the same is stored once.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence

__all__ = ["compact", "pack", "unpack"]

#: Digits after the point: of curves, and of the shapes of glyphs and markers, which are drawn many times.
_DRAWN, _DEFINED = 1, 2
_DEFINITIONS = re.compile(r"(<defs>.*?</defs>)", re.DOTALL)
_DROPPED = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_PATH = re.compile(r'(?<= d=")[MLQCz\d.e+\s-]*(?=")')
_PLACE = re.compile(r'(?<= [xy]=")-?\d+\.\d+(?=")|(?<=translate\()-?[\d.]+ -?[\d.]+(?=\))')
_POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0}


def compact(svg: str) -> str:
    """The same picture in fewer characters.

    Parameters
    ----------
    svg : str
        What matplotlib wrote.

    Returns
    -------
    str
        SVG without declaration, comments and metadata.
    """
    pieces = _DEFINITIONS.split(_DROPPED.sub("", svg))
    drawn = [_shorten(piece, _DEFINED if piece.startswith("<defs>") else _DRAWN) for piece in pieces]
    return re.sub(r">\s+<", "><", "".join(drawn).strip())


def pack(drawings: Sequence[str]) -> str:
    """Many drawings in one text of printable characters.

    Parameters
    ----------
    drawings : sequence of str
        SVG.

    Returns
    -------
    str
        Base64 of the deflated JSON ``{"parts": [str, ...], "frames": [[index of a part, ...], ...]}``; a drawing is
        its parts, one after the other.
    """
    table: dict[str, int] = {}
    frames = [[table.setdefault(part, len(table)) for part in re.split(r"(?=<)", svg)] for svg in drawings]
    text = json.dumps({"parts": list(table), "frames": frames}, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(packed: str) -> list[str]:
    """The drawings that :func:`pack` was given.

    Parameters
    ----------
    packed : str
        What it returned.

    Returns
    -------
    list of str
        SVG.
    """
    content = json.loads(zlib.decompress(base64.b64decode(packed)))
    return ["".join(content["parts"][index] for index in frame) for frame in content["frames"]]


def _shorten(piece: str, digits: int) -> str:
    piece = _PATH.sub(lambda found: _relative(found[0], digits), piece)
    return _PLACE.sub(lambda found: " ".join(f"{float(number):.2f}" for number in found[0].split()), piece)


def _relative(path: str, digits: int) -> str:
    """Path data with relative commands; rounding errors do not add up, since differences are taken on the grid."""
    scale = 10**digits
    words = iter(re.findall(r"[MLQCz]|[^MLQCz\s]+", path))
    written, command, previous = [], "", ""
    here = start = (0, 0)
    for word in words:
        command = word
        numbers = [round(float(next(words)) * scale) for _ in range(2 * _POINTS[command])]
        corners = list(zip(numbers[::2], numbers[1::2], strict=True))
        text = "".join(_number(a - b, scale) for corner in corners for a, b in zip(corner, here, strict=True))
        written.append(text if command == previous else command.lower() + text.removeprefix(" "))
        here = corners[-1] if corners else start
        if command == "M":
            start = here
        previous = command if command != "M" else ""
    return "".join(written)


def _number(steps: int, scale: int) -> str:
    """A number of steps of the grid, with a separator only where one is needed."""
    text = f"{steps / scale:.{len(str(scale)) - 1}f}".rstrip("0").rstrip(".")
    text = re.sub(r"^(-?)0\.", r"\1.", text)
    return text if text.startswith("-") else f" {text}"
