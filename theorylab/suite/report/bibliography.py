"""Sources: which bibliography keys a claim names, and what the bibliography knows of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from theorylab.suite.project import UsageError

__all__ = ["keys_of", "read_bibliography", "unknown_keys"]

_KEY_LIKE = re.compile(r"\b[a-z]+(?:-[a-z]+)?(?:1[6-9]|20)\d\d[a-z]?\b")
_ENTRY = re.compile(r"^@(\w+)\s*\{\s*([^,\s]+)\s*,(.*?)^\}", flags=re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s*(\w+)\s*=\s*[{\"](.*?)[}\"],?\s*$", flags=re.MULTILINE | re.DOTALL)


def keys_of(source: str, known: Sequence[str]) -> tuple[str, ...]:
    """Bibliography keys in the source of a claim.

    Parameters
    ----------
    source : str
        As the claim declares it.
    known : sequence of str
        Keys of the bibliography.

    Returns
    -------
    tuple of str
        In the order in which they are named, each once.

    Examples
    --------
    >>> keys_of("lee2019, Theorem 2.1; compare jacot2018", ["jacot2018", "lee2019"])
    ('lee2019', 'jacot2018')
    """
    return tuple(dict.fromkeys(key for key in _KEY_LIKE.findall(source) if key in known))


def unknown_keys(source: str, known: Sequence[str]) -> tuple[str, ...]:
    """What looks like a key and is in no bibliography.

    Parameters
    ----------
    source, known
        As in :func:`keys_of`.

    Returns
    -------
    tuple of str
        For example ``("jacott2018",)``.
    """
    return tuple(dict.fromkeys(key for key in _KEY_LIKE.findall(source) if key not in known))


def read_bibliography(path: Path) -> dict[str, Mapping[str, str]]:
    """Entries of a BibTeX file with one field to a line.

    Parameters
    ----------
    path : Path
        The file; a project without one has an empty bibliography.

    Returns
    -------
    dict
        Key to fields.

    Raises
    ------
    UsageError
        If a key is there twice, or an entry has neither title nor year.
    """
    entries: dict[str, Mapping[str, str]] = {}
    for _, key, body in _ENTRY.findall(path.read_text(encoding="utf-8")) if path.is_file() else ():
        fields = {name.lower(): re.sub(r"[{}]", "", " ".join(text.split())) for name, text in _FIELD.findall(body)}
        if key in entries:
            raise UsageError(f"{path} must name each key once; {key} is there twice. Remove one.")
        if not {"title", "year"} <= fields.keys():
            raise UsageError(f"entry {key} of {path} must have a title and a year; it has {', '.join(fields)}.")
        entries[key] = fields
    return entries
