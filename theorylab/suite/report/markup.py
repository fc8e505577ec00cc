"""Pieces of HTML that several pages share; every text that comes from records is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from html import escape

from theorylab.suite.report.results import Figure, Player, figure_anchor

__all__ = [
    "badge",
    "claim_links",
    "figure",
    "figure_anchor",
    "figure_link",
    "link",
    "linked",
    "player",
    "prose",
    "raw",
    "root_of",
    "seconds",
    "times",
    "toctree",
]

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


def linked(text: str, page: str, ids: Container[str]) -> str:
    """Prose in Markdown in which ids of claims, as code, lead to their rows of the ledger.

    Examples
    --------
    >>> linked("see `lab.law`, not `lab.myth`", "index", {"lab.law"})
    'see <a href="ledger.html#lab.law"><code>lab.law</code></a>, not `lab.myth`'
    """
    return re.sub(r"`(\w+\.\w+)`", lambda found: claim_links([found[1]], page) if found[1] in ids else found[0], text)


def toctree(pages: Iterable[str]) -> str:
    """A hidden table of contents as a block of a MyST page."""
    return "\n".join(["", "```{toctree}", ":hidden:", "", *(f"/{page}" for page in pages), "```", ""])


def figure(shown: Figure, page: str, *, note: bool = True) -> str:
    """A figure with its caption: what it is, which claims it shows, how to make it again.

    Parameters
    ----------
    shown : Figure
        The figure; its files lie in ``figures/`` of the site.
    page : str
        Page that shows it, once.
    note : bool
        Whether the caption says where it was made; a notebook need not.

    Returns
    -------
    str
        A ``figure`` element.
    """
    file = f"{root_of(page)}figures/{shown.name}"
    width, height = shown.size
    image = f'<img src="{file}.svg" alt="{escape(shown.alt)}" width="{width}" height="{height}" loading="lazy">'
    files = f'<a href="{file}.svg">SVG</a>, <a href="{file}.png">PNG</a>'
    return (
        f'<figure class="lab-figure" id="{shown.anchor}"><a href="{file}.svg">{image}</a>'
        f"<figcaption>{_caption(shown, page, files, note)}</figcaption></figure>"
    )


def player(shown: Player, page: str) -> str:
    """A figure that moves, with the caption of a figure.

    Parameters
    ----------
    shown : Player
        The figure.
    page : str
        Page that shows it, once.

    Returns
    -------
    str
        A ``div`` element, since the player is a ``figure`` of its own.
    """
    caption = _caption(shown, page, "", note=True)
    return f'<div class="lab-figure" id="{shown.anchor}">{shown.html}<div class="lab-caption">{caption}</div></div>'


def _caption(shown: Figure, page: str, files: str, note: bool) -> str:
    lines = [f"<strong>{escape(shown.title)}</strong>"]
    if shown.claims:
        lines.append("Claims: " + claim_links(shown.claims, page))
    if note and shown.notebook is not None:
        lines.append("Made in " + link(page, f"{shown.notebook.page}#cell-{shown.cell}", escape(shown.notebook.title)))
    if shown.notebook is not None and shown.notebook.stale:
        lines.append(f"{badge('stale')} {escape(shown.notebook.stale)}")
    if files:
        lines.append(files)
    told = "".join(f"{line.rstrip('.')}. " for line in lines)
    command = f'Reproduce this figure: <code class="lab-command">{escape(shown.command)}</code>'
    return f"<p>{told.strip()}</p><p>{command}</p>"


def figure_link(name: str, page: str) -> str:
    """Link to a figure on its chapter's page."""
    chapter, _, own = name.partition("/")
    return link(page, f"chapters/{chapter}#{figure_anchor(name)}", escape(own.replace("_", " ")))


def claim_links(ids: Iterable[str], page: str) -> str:
    """Links to rows of the ledger."""
    return ", ".join(link(page, f"ledger#{id_}", f"<code>{escape(id_)}</code>") for id_ in ids)
