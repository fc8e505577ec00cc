"""Last touches to pages as Sphinx wrote them: what theme and docutils leave unsaid, or load in vain."""

from __future__ import annotations

import re

__all__ = ["lighten", "mend"]

# The arrow that opens a branch of the sidebar has no name of its own; it stands behind the link that it belongs to.
_BRANCH = re.compile(r'(<a [^>]*>(?P<name>[^<]+)</a><details(?: open="open")?>)<summary>')
# Roles that docutils gives to a bibliography and that the rules for such roles refuse.
_ROLES = re.compile(r'(<div [^>]*?)role="(?:list|doc-biblioentry)" ?([^>]*class="citation[^"]*")')
# The theme loads the index of the search on every page, for suggestions that are switched off.
_SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchindex|searchtools|language_data)\.js[^"]*"></script>')
_ROLES_LAST = re.compile(r'(<div [^>]*class="citation[^"]*"[^>]*?) role="(?:list|doc-biblioentry)"')
# A table without a heading over a column has no head there; one that is a formula alone is named by its source.
_EMPTY_HEAD = re.compile(r'<th class="head"([^>]*)>(?:<p>\s*</p>)?</th>')
_FORMULA_HEAD = re.compile(
    r'<th class="head"(>(?:<p>)?<span class="math[^"]*">\\\((?P<formula>[^<]*)\\\)</span>(?:</p>)?</th>)'
)


def mend(html: str) -> str:
    """Name the arrows of the sidebar and the heads of tables, take wrong roles from a bibliography, as axe-core asks.

    Parameters
    ----------
    html : str
        A page as Sphinx wrote it.

    Returns
    -------
    str
        The same page.

    Examples
    --------
    >>> mend('<a class="reference internal" href="x.html">Plans</a><details><summary>')
    '<a class="reference internal" href="x.html">Plans</a><details><summary aria-label="Pages under Plans">'
    >>> mend('<a aria-current="page" href="#">Plans</a><details open="open"><summary>')
    '<a aria-current="page" href="#">Plans</a><details open="open"><summary aria-label="Pages under Plans">'
    >>> mend('<th class="head"><p></p></th>')
    '<td></td>'
    """
    named = _BRANCH.sub(r'\1<summary aria-label="Pages under \g<name>">', html)
    headed = _EMPTY_HEAD.sub(r"<td\1></td>", named)
    headed = _FORMULA_HEAD.sub(_named_formula, headed)
    return _ROLES_LAST.sub(r"\1", _ROLES.sub(r"\1\2", headed))


def _named_formula(head: re.Match[str]) -> str:
    name = head["formula"].replace("\\", "")
    return f'<th class="head"><span class="visually-hidden">{name}</span{head[1]}'


def lighten(html: str) -> str:
    """Leave out the index of the search, some hundred kilobytes, on a page that searches nothing.

    Parameters
    ----------
    html : str
        A page other than that of the search.

    Returns
    -------
    str
        The same page.

    Examples
    --------
    >>> lighten('<head><script src="../searchindex.js"></script><script src="../a.js"></script></head>')
    '<head><script src="../a.js"></script></head>'
    """
    return _SEARCH.sub("", html)
