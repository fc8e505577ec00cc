"""What a screenshot shows: whether two differ, and whether one can be read."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ATTEMPTS = 50


def pixels(picture: bytes) -> NDArray[np.float64]:
    """Luminance of a PNG file, from 0 to 1.

    Parameters
    ----------
    picture : bytes
        Contents of the file.

    Returns
    -------
    numpy.ndarray, shape (height, width)
        One number for each pixel.
    """
    with Image.open(BytesIO(picture)) as image:
        return np.asarray(image.convert("L"), dtype=np.float64) / 255.0


def changed(before: bytes, after: bytes) -> float:
    """Share of the pixels that differ visibly between two pictures; 1 when not even the sizes agree.

    Parameters
    ----------
    before, after : bytes
        PNG files.

    Returns
    -------
    float
        From 0 to 1.
    """
    first, second = pixels(before), pixels(after)
    return 1.0 if first.shape != second.shape else float(np.mean(np.abs(first - second) > 0.1))


def contrast(picture: bytes) -> float:
    """How far the ink of a picture is from its paper, from 0 (nothing to be seen) to 1 (black on white).

    The outermost pixels are left out: where an element ends between two pixels they show what lies around it.

    Parameters
    ----------
    picture : bytes
        PNG file.

    Returns
    -------
    float
        Difference between the commonest luminance and the 0.5 % of the pixels that are furthest from it.
    """
    values = pixels(picture)[2:-2, 2:-2].ravel()
    counts, edges = np.histogram(values, bins=32, range=(0.0, 1.0))
    paper = edges[int(np.argmax(counts))] + 1.0 / 64.0
    return float(np.quantile(np.abs(values - paper), 0.995))


def screenshot(element: Any) -> bytes:
    """PNG file of an element of a page.

    Parameters
    ----------
    element : playwright.sync_api.Locator
        What is looked at.  It may be replaced by another one at any time, which is then looked at.

    Returns
    -------
    bytes
        The file.
    """
    from playwright.sync_api import Error

    for _ in range(_ATTEMPTS):
        try:
            return element.screenshot(animations="disabled")
        except Error as error:
            if "not attached" not in str(error):
                raise
    raise RuntimeError(f"{element} was replaced {_ATTEMPTS} times while it was looked at")
