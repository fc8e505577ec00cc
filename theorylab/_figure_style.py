"""The look of every figure: colours, fonts, grid, background.

Figures stand on pages whose background is not known: a white page, a dark one, paper.  A transparent figure with dark
text disappears on a dark page, so the background is opaque white, on which every colour below has been chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib import style
from matplotlib.colors import to_hex, to_rgb

__all__ = ["AXIS", "BAND", "CONTROL", "INK", "MARKERS", "PALETTE", "PAPER", "contrast", "darkened", "use_style"]

#: Background of figure and axes.
PAPER = "#ffffff"
#: Text and axes.
INK = "#222222"
#: Controls, always dashed.
CONTROL = "#767676"
#: Spines, ticks and the zero line of residuals.
AXIS = "#8a8a8a"
#: Band of what the verdict's rule allows.
BAND = "#e6ecf1"
#: Series colours: blue, vermillion, green and purple of Okabe and Ito, wine and indigo of Paul Tol.  Each has a
#: contrast of 3:1 or more against the background, and any two differ for readers with a colour-vision deficiency.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#882255", "#cc79a7", "#332288")
#: Markers that go with the colours; one more than the colours, so that the seventh series differs from the first.
MARKERS = ("o", "s", "D", "^", "v", "<", ">")

#: Contrast that the web guidelines (WCAG 2, level AA) ask of text.
_TEXT_CONTRAST = 4.5

_STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.transparent": False,
    # Only fonts that come with matplotlib, so that a figure does not depend on the fonts of the machine.
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": AXIS,
    "axes.facecolor": PAPER,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.formatter.min_exponent": 4,  # 0.001, 0.4, 20, 1000 in plain digits on logarithmic axes
    "axes.xmargin": 0.03,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.minor.width": 0.5,
    "ytick.minor.width": 0.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "svg.fonttype": "path",  # outlines: the same picture with or without the font
}


@contextmanager
def use_style() -> Iterator[None]:
    """Draw in the project's style, whatever the settings outside are.

    A context manager and a decorator.  matplotlib's own defaults are the base, so a reader's ``matplotlibrc`` changes
    nothing; the former settings return at the end.

    Examples
    --------
    >>> import matplotlib
    >>> with use_style():
    ...     matplotlib.rcParams["axes.spines.top"]
    False
    """
    interactive = mpl.is_interactive()
    try:
        with style.context(["default", _STYLE]):
            try:
                yield
            finally:
                interactive = mpl.is_interactive()
    finally:
        # The first figure of a notebook starts the backend, which switches the interactive mode on: for good, or the
        # notebook would show no figure that is not saved.
        mpl.interactive(interactive)


def contrast(color: str, background: str = PAPER) -> float:
    """Contrast ratio of two colours as the web guidelines (WCAG 2) define it.

    Parameters
    ----------
    color, background : str
        matplotlib colours without transparency.

    Returns
    -------
    float
        From 1 (equal) to 21 (black on white).

    Examples
    --------
    >>> round(contrast("black", "white"), 6)
    21.0
    """
    bright, dark = sorted((_luminance(color), _luminance(background)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def darkened(color: str) -> str:
    """The same hue, dark enough for small text on the background.

    Parameters
    ----------
    color : str
        matplotlib colour.

    Returns
    -------
    str
        Hexadecimal colour with a contrast of 4.5:1 or more; `color` itself where it has it already.

    Examples
    --------
    >>> contrast(darkened("#CC79A7")) >= 4.5
    True
    """
    red, green, blue = to_rgb(color)
    scale = 1.0
    while contrast(shade := to_hex((scale * red, scale * green, scale * blue))) < _TEXT_CONTRAST:
        scale -= 0.02
    return shade


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
