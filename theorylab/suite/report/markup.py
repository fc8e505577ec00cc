"""Pieces of HTML that several pages share; every text that comes from records is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape

from theorylab.suite.report.results import Figure

__all__ = ["badge", "figure", "link", "plain", "prose", "raw", "root_of", "seconds", "times"]

_PIECES = re.compile(r"(\$[^$]+\$|`[^`]+`|https?://[^\s,;)]+)")


def prose(text: str) -> str:
    r"""HTML of a sentence with formulas in dollars and code in backticks.

    Parameters
    ----------
    text : str
        As claims write it.

    Returns
    -------
    str
        Formulas as MathJax finds them.

    Examples
    --------
    >>> prose("a < $x_1$")
    'a &lt; <span class="math notranslate nohighlight">\\(x_1\\)</span>'
    """
    return "".join(map(_piece, _PIECES.split(text)))


def _piece(text: str) -> str:
    if len(text) > 2 and text[0] == text[-1] == "$":
        return f'<span class="math notranslate nohighlight">\\({escape(text[1:-1])}\\)</span>'
    if len(text) > 2 and text[0] == text[-1] == "`":
        return f"<code>{escape(text[1:-1])}</code>"
    if text.startswith(("http://", "https://")):
        return f'<a href="{escape(text)}">{escape(text)}</a>'
    return escape(text)


def plain(text: str) -> str:
    """Text of a sentence without the signs around formulas and code, escaped for an attribute."""
    return escape(re.sub(r"[$`]", "", text))


def raw(html: str) -> str:
    """HTML as a block of a MyST page; blank lines would end it."""
    return "\n````{raw} html\n" + re.sub(r"\n\s*\n", "\n", html.strip()) + "\n````\n"


def root_of(page: str) -> str:
    """How a page names the root of the site: ``../`` for each folder it lies in.

    Examples
    --------
    >>> root_of("notebooks/ntk/01_training")
    '../../'
    """
    return "../" * page.count("/")


def link(page: str, target: str, text: str) -> str:
    """Link from a page to another; `target` is a page without suffix, with or without an anchor."""
    place, sharp, anchor = target.partition("#")
    return f'<a href="{root_of(page)}{place}.html{sharp}{anchor}">{text}</a>'


def badge(status: str) -> str:
    """Status as a word that has a colour too."""
    return f'<span class="lab-badge lab-{status.replace(" ", "-")}">{escape(status)}</span>'


def times(distance: float) -> str:
    """How far a control was rejected: 1 is where rejection begins.

    Examples
    --------
    >>> times(2.963), times(2158371.9), times(float("inf"))
    ('3.0×', '2×10⁶×', '∞')
    """
    if math.isinf(distance):
        return "∞"
    if not distance >= 1e4:
        return f"{distance:.1f}×" if distance < 100 else f"{distance:.0f}×"
    mantissa, _, exponent = f"{distance:.0e}".partition("e")
    return f"{mantissa}×10{str(int(exponent)).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}×"


def seconds(value: float | None) -> str:
    """Run time for a reader.

    Examples
    --------
    >>> seconds(0.004), seconds(12.34), seconds(184.0), seconds(None)
    ('< 0.1 s', '12.3 s', '3 min 4 s', 'not known')
    """
    if value is None:
        return "not known"
    if value < 0.1:
        return "< 0.1 s"
    return f"{value:.1f} s" if value < 60 else f"{int(value) // 60} min {int(value) % 60} s"


def figure(shown: Figure, page: str, *, anchor: bool = True, note: bool = True) -> str:
    """A figure with its caption: what it is, which claims it shows, how to make it again.

    Parameters
    ----------
    shown : Figure
        The figure; its files lie in ``figures/`` of the site.
    page : str
        Page that shows it.
    anchor : bool
        Whether it has an id: at most once on a page.
    note : bool
        Whether the caption says where it was made; a notebook need not.

    Returns
    -------
    str
        A ``figure`` element.
    """
    file = f"{root_of(page)}figures/{shown.name}"
    width, height = shown.size
    size = f' width="{width}" height="{height}"' if width and height else ""
    lines = [f"<strong>{escape(shown.title)}</strong>"]
    if shown.claims:
        lines.append("Claims: " + claim_links(shown.claims, page))
    if note and shown.notebook is not None:
        cell = f"{shown.notebook.page}#cell-{shown.cell}"
        lines.append("Made in " + link(page, cell, f"{escape(shown.notebook.title)}"))
    if shown.notebook is not None and shown.notebook.stale:
        lines.append(f"{badge('stale')} {escape(shown.notebook.stale)}")
    files = f'<a href="{file}.svg">SVG</a>, <a href="{file}.png">PNG</a>'
    command = f'Reproduce this figure: <code class="lab-command">{escape(shown.command)}</code>'
    id_ = f' id="{shown.anchor}"' if anchor else ""
    return (
        f'<figure class="lab-figure"{id_}>'
        f'<a href="{file}.svg"><img src="{file}.svg" alt="{escape(shown.alt)}"{size} loading="lazy"></a>'
        f"<figcaption><p>{'. '.join(line.rstrip('.') for line in lines)}. {files}.</p><p>{command}</p></figcaption>"
        "</figure>"
    )


def claim_links(ids: Iterable[str], page: str) -> str:
    """Links to rows of the ledger."""
    return ", ".join(link(page, f"ledger#{id_}", f"<code>{escape(id_)}</code>") for id_ in ids)
