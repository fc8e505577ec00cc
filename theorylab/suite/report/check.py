"""Faults of a finished site: links and anchors that lead nowhere, requests to elsewhere, missing alt texts, size."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["MAXIMUM_BYTES", "Page", "faults"]

#: No page may be larger, pictures aside.
MAXIMUM_BYTES = 2_000_000
# Elements whose address is fetched by itself, without a reader's click.
_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
_ELSEWHERE = re.compile(r"""(?:url\(\s*|@import\s+)["']?(?:https?:)?//""")
# Relations of a link element that fetch nothing.
_NOT_FETCHED = {"canonical", "alternate", "author", "license", "next", "prev", "index", "search"}


class Page(HTMLParser):
    """Addresses, anchors and pictures of a page.

    Parameters
    ----------
    text : str
        HTML.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.without_alt: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        address = given.get(_FETCHED.get(tag, ""))
        if address and not (tag == "link" and _NOT_FETCHED & set((given.get("rel") or "").split())):
            self.fetched.append(address)
        if tag == "img" and not (given.get("alt") or "").strip() and given.get("role") != "presentation":
            self.without_alt.append(str(given.get("src")))


def faults(site: Path) -> list[str]:
    """All faults of a site.

    Parameters
    ----------
    site : Path
        Its folder.

    Returns
    -------
    list of str
        One line for each, with the page.
    """
    paths = sorted(site.rglob("*.html"))
    pages = {path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8")) for path in paths}
    found = [fault for name, page in pages.items() for fault in _faults(site, pages, name, page)]
    found += [
        f"{path.relative_to(site)}: {path.stat().st_size} bytes, more than {MAXIMUM_BYTES}"
        for path in paths
        if path.stat().st_size > MAXIMUM_BYTES
    ]
    return found + _style_faults(site)


def _faults(site: Path, pages: dict[str, Page], name: str, page: Page) -> list[str]:
    lines = [
        f"{name}: id {id_!r} is there twice" for id_ in sorted({id_ for id_ in page.ids if page.ids.count(id_) > 1})
    ]
    lines += [f"{name}: the picture {source} has no alt text" for source in page.without_alt]
    for address in page.fetched:
        if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
            lines.append(f"{name}: {address} would be fetched from elsewhere")
    for address in dict.fromkeys([*page.links, *page.fetched]):
        lines += [f"{name}: {fault}" for fault in _broken(site, pages, name, address)]
    return lines


def _broken(site: Path, pages: dict[str, Page], name: str, address: str) -> list[str]:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return []
    place = (site / name).parent / unquote(parts.path) if parts.path else site / name
    target = place.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return [f"{address} leads nowhere"]
    to = target.relative_to(site.resolve()).as_posix() if target.is_relative_to(site.resolve()) else ""
    if parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].ids:
        return [f"{address} names no anchor of {to}"]
    return []


def _style_faults(site: Path) -> list[str]:
    """Style sheets that fetch from elsewhere."""
    return [
        f"{path.relative_to(site)}: {found[0]}... would be fetched from elsewhere"
        for path in sorted(site.rglob("*.css"))
        for found in _ELSEWHERE.finditer(path.read_text(encoding="utf-8"))
    ]
