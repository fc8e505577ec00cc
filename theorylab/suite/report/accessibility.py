"""Mends what theme and docutils leave unsaid to readers who do not see the page (found by axe-core)."""

from __future__ import annotations

import re

__all__ = ["mend"]

# The arrow that opens a branch of the sidebar has no name of its own; it stands behind the link that it belongs to.
_BRANCH = re.compile(r'(<a class="[^"]*" href="[^"]*">(?P<name>[^<]+)</a><details(?: open="open")?>)<summary>')
# Roles that docutils gives to a bibliography and that the rules for such roles refuse.
_ROLES = re.compile(r'(<div [^>]*?)role="(?:list|doc-biblioentry)" ?([^>]*class="citation[^"]*")')
_ROLES_LAST = re.compile(r'(<div [^>]*class="citation[^"]*"[^>]*?) role="(?:list|doc-biblioentry)"')


def mend(html: str) -> str:
    """Give names to the arrows of the sidebar and take wrong roles from a bibliography.

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
    """
    named = _BRANCH.sub(r'\1<summary aria-label="Pages under \g<name>">', html)
    return _ROLES_LAST.sub(r"\1", _ROLES.sub(r"\1\2", named))
