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


def mend(html: str) -> str:
    """Give names to the arrows of the sidebar and take wrong roles from a bibliography, as axe-core asks.

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
    """
    named = _BRANCH.sub(r'\1<summary aria-label="Pages under \g<name>">', html)
    return _ROLES_LAST.sub(r"\1", _ROLES.sub(r"\1\2", named))


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
