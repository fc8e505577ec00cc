"""The site as files: which addresses its pages name, and what is wrong with them, found without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

#: Attributes whose address the browser fetches by itself; a link is only followed when somebody asks for it.
_FETCHED = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("video", "src"), ("audio", "src")}
_FETCHED |= {("object", "data"), ("embed", "src"), ("image", "href"), ("use", "href"), ("input", "src")}
_FETCHED_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch"}
_FETCHED_RELATIONS |= {"manifest", "apple-touch-icon", "mask-icon", "shortcut"}
_FOLLOWED = {("a", "href"), ("area", "href"), ("form", "action"), ("link", "href"), ("a", "xlink:href")}
_IN_STYLE = re.compile(r"""url\(\s*["']?(?!["']?(?:data:|\#))([^"')]+)|@import\s+["']([^"']+)""")
_ELSEWHERE = ("http", "https", "mailto")


@dataclass
class Document(HTMLParser):
    """One page: its anchors, the addresses it names, and its images.

    Parameters
    ----------
    text : str
        The page.
    """

    text: str
    anchors: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    without_alt: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    language: str | None = None
    _style: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for anchor in {given.get("id"), given.get("name") if tag == "a" else None} - {None, ""}:
            (self.repeated if anchor in self.anchors else self.anchors).add(anchor)
        self._note_addresses(tag, given)
        if tag == "img" and not given.get("alt", "").strip() and given.get("aria-hidden") != "true":
            self.without_alt.append(self.get_starttag_text()[:200])
        if tag == "html":
            self.language = given.get("lang")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)
        self._style = tag == "style"

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        if self._style:
            self.fetched += styled(data)

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def _note_addresses(self, tag: str, given: dict[str, str]) -> None:
        relations = set(given.get("rel", "").lower().split())
        for name, value in given.items():
            if (tag, name) in _FETCHED or (tag == "link" and name == "href" and relations & _FETCHED_RELATIONS):
                self.fetched.append(value)
            elif (tag, name) in _FOLLOWED and not (tag == "link" and relations & {"canonical", "search"}):
                self.links.append(value)
            elif name == "srcset":
                self.fetched += [candidate.split()[0] for candidate in value.split(",") if candidate.split()]
            elif name == "style":
                self.fetched += styled(value)


def styled(text: str) -> list[str]:
    """Addresses in a style sheet."""
    return [found[0] or found[1] for found in _IN_STYLE.findall(text)]


@dataclass
class Site:
    """All pages and style sheets of a folder.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    folder: Path

    def __post_init__(self) -> None:
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        self.files = {path.relative_to(self.folder).as_posix() for path in files}
        self.pages = {
            name: Document((self.folder / name).read_text(encoding="utf-8"))
            for name in sorted(self.files)
            if name.endswith(".html") and not name.startswith("_static/")
        }

    def flaws(self) -> Iterator[str]:
        """Everything that is wrong with the addresses, the images and the outline of the pages.

        Yields
        ------
        str
            The page and what is wrong there.
        """
        for name, page in self.pages.items():
            for address in page.links + page.fetched:
                yield from (f"{name}: {flaw}" for flaw in self.flaws_of(name, address))
            for address in page.fetched:
                if urlsplit(address).scheme in _ELSEWHERE or address.startswith("//"):
                    yield f"{name}: fetches {address}"
            yield from (f"{name}: no alternative text: {image}" for image in page.without_alt)
            yield from (f"{name}: id {anchor} stands there twice" for anchor in sorted(page.repeated))
            if page.headings.count("h1") != 1:
                yield f"{name}: {page.headings.count('h1')} headings of the first level"
            if not page.language:
                yield f"{name}: does not say its language"
        for name in sorted(name for name in self.files if name.endswith(".css")):
            for address in styled((self.folder / name).read_text(encoding="utf-8")):
                yield from (f"{name}: {flaw}" for flaw in self.flaws_of(name, address))
                if urlsplit(address).scheme in _ELSEWHERE or address.startswith("//"):
                    yield f"{name}: fetches {address}"

    def flaws_of(self, source: str, address: str) -> Iterator[str]:
        """What is wrong with an address on a page: no such file, no such place in it, or a folder.

        Parameters
        ----------
        source : str
            The page, relative to the site.
        address : str
            As it stands there.

        Yields
        ------
        str
            At most one complaint.
        """
        parts = urlsplit(address)
        if parts.scheme in (*_ELSEWHERE, "data", "blob") or parts.netloc:
            return
        if parts.scheme:
            yield f"{address} cannot be followed from a page"
            return
        if parts.path.startswith("/"):
            yield f"{address} is not relative, so that the site works in one place only"
            return
        target = _joined(PurePosixPath(source), unquote(parts.path))
        if target not in self.files:
            folder = (self.folder / target).is_dir()
            yield (
                f"{address} is a folder, which a reader without a web server gets no page for"
                if folder
                else (f"{address} leads nowhere")
            )
        elif parts.fragment and target in self.pages:
            anchor = unquote(parts.fragment)
            if anchor != "top" and anchor not in self.pages[target].anchors:
                yield f"{address}: there is no #{anchor} on {target}"


def _joined(source: PurePosixPath, path: str) -> str:
    if not path:
        return source.as_posix()
    kept: list[str] = []
    for part in (source.parent / path).parts:
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        else:
            kept.append(part)
    return "/".join(kept)
