"""Headless Chromium that reaches nothing but this machine, and the watch over what a page does there."""

from __future__ import annotations

import contextlib
import importlib.resources
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"
#: The screens that pages are looked at on.
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES = ("light", "dark")
#: Nothing listens on port 9, so whatever is not for this machine ends there.
OFFLINE = [
    "--no-sandbox",
    f"--proxy-server=http://{HOST}:9",
    f"--proxy-bypass-list={HOST}",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pings",
    "--force-color-profile=srgb",
]
#: Milliseconds after which a browser that does not answer is taken to hang.
HANG = 60_000
_INLINE = ("data", "blob", "about")


@contextlib.contextmanager
def chromium(executable: str) -> Iterator[Any]:
    """A running headless browser without a network.

    Parameters
    ----------
    executable : str
        Path of Chromium or Chrome.

    Yields
    ------
    playwright.sync_api.Browser
        It is closed afterwards whatever happens.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OFFLINE, timeout=HANG)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Address of a web server, for this machine only, on the files of a folder.

    Parameters
    ----------
    folder : Path
        What is served.

    Yields
    ------
    str
        Address without a slash at its end.
    """
    server = ThreadingHTTPServer((HOST, 0), partial(_Silent, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Silent(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass


def is_local(address: str) -> bool:
    """Whether a request for the address stays on this machine."""
    parts = urlsplit(address)
    return parts.scheme in _INLINE or parts.scheme == "file" or parts.hostname == HOST


@dataclass
class Visit:
    """A page in the browser and what it did that a reader would mind.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page, still to be sent somewhere.
    """

    page: Any
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        page, outside, complain = self.page, self.outside.append, self.errors.append
        page.set_default_timeout(HANG)
        page.on("request", lambda request: is_local(request.url) or outside(f"asked {request.url}"))
        page.on("websocket", lambda socket: is_local(socket.url) or outside(f"connected to {socket.url}"))
        page.on("requestfailed", lambda request: complain(f"did not get {request.url}: {request.failure}"))
        page.on("response", lambda answer: answer.status >= 400 and complain(f"got {answer.status} for {answer.url}"))
        page.on("console", lambda line: line.type in ("error", "warning") and complain(f"console: {line.text}"))
        page.on("pageerror", lambda error: complain(f"error in a script: {error}"))

    @property
    def complaints(self) -> list[str]:
        """Everything in one list; empty for a good page."""
        return self.outside + self.errors

    def goto(self, address: str) -> Any:
        """Go to an address and wait until the page has all that it asked for."""
        self.page.goto(address, wait_until="load")
        self.page.wait_for_load_state("networkidle")
        return self.page


@contextlib.contextmanager
def visiting(browser: Any, *, size: str = "wide", scheme: str = "light") -> Iterator[Visit]:
    """A fresh, empty page, watched from its first request on.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
        From :func:`chromium`.
    size : {"wide", "phone"}
        Which screen.
    scheme : {"light", "dark"}
        What the reader prefers.

    Yields
    ------
    Visit
        The page and the complaints about it.
    """
    phone = {"is_mobile": True, "has_touch": True} if size == "phone" else {}
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce", **phone)
    try:
        yield Visit(context.new_page())
    finally:
        context.close()


def axe_violations(page: Any) -> list[str]:
    """What axe-core objects to on a page, a line for each element.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page as it stands.

    Returns
    -------
    list of str
        Rule, what it asks, and the element; empty on a page that everybody can use.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate((importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    # without preloading, for which axe asks for imported style sheets at wrong addresses
    options = "{resultTypes: ['violations'], preload: false}"
    found = page.evaluate(f"() => axe.run(document, {options}).then(run => run.violations)")
    return [
        f"{rule['id']} ({rule['impact']}): {node['failureSummary']} at {node['target']}: {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
    ]


def overflow(page: Any) -> list[str]:
    """Elements that make a page wider than its screen; empty when there is nothing to scroll sideways.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page as it stands.

    Returns
    -------
    list of str
        The first few elements that stick out and that no scrolling ancestor holds.
    """
    return page.evaluate(_OVERFLOW)


_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= width) return [];
  const held = element => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible") return true;
    return false;
  };
  const out = [...document.body.querySelectorAll("*")]
    .filter(element => element.getBoundingClientRect().right > width + 0.5 && !held(element))
    .map(element => element.outerHTML.slice(0, 160));
  return [`${document.scrollingElement.scrollWidth} px on a screen of ${width} px`, ...out.slice(0, 5)];
}"""
