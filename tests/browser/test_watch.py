"""The watch notices what it is there for: each test shows it a page with one known fault, and one without."""

import http.server
import threading

import pytest

from tests.browser.browsing import axe_violations, is_local, overflow, served, visiting
from tests.browser.links import Site
from tests.browser.pictures import changed, contrast, screenshot

GOOD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><h1>A page</h1><p id="here">Words, a <a href="#here">link</a>.</p>{}</main></body></html>"""


@pytest.fixture
def invented(tmp_path):
    """Write a page with something added, and return its folder."""

    def write(added="", name="index.html"):
        (tmp_path / name).write_text(GOOD.format(added), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def complaints(browser, invented):
    """Complaints about a page with something added, served or from the disk."""

    def gather(added, *, from_disk=False):
        folder = invented(added)
        with served(folder) as address, visiting(browser) as visit:
            visit.goto((folder / "index.html").as_uri() if from_disk else f"{address}/index.html")
            return visit.complaints

    return gather


# --- requests and errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_page_without_fault_is_accepted(complaints, from_disk):
    assert complaints("<script>console.log('all is well')</script>", from_disk=from_disk) == []


@pytest.mark.parametrize(
    "request_outside",
    [
        '<img alt="" src="https://example.org/picture.png">',
        '<link rel="stylesheet" href="https://example.org/style.css">',
        "<style>h1 { background: url(https://example.org/paper.png) }</style>",
        "<script>fetch('https://example.org/data.json').catch(() => 0)</script>",
        "<script>new Image().src = 'http://192.0.2.1/count.gif'</script>",
        "<script>navigator.sendBeacon('https://example.org/', 'seen')</script>",
        "<script>new WebSocket('wss://example.org/')</script>",
    ],
)
def test_a_request_outside_is_noticed(complaints, request_outside):
    assert any("example.org" in told or "192.0.2.1" in told for told in complaints(request_outside))


def test_a_request_outside_does_not_leave_the_machine(browser, invented):
    """A server under another address of this machine stands for the network: it is never asked."""
    asked = []

    class Outside(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.2", 0), Outside)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        folder = invented(f'<img alt="" src="http://example.org.localhost:{server.server_port}/x.png">')
        with visiting(browser) as visit:
            visit.goto((folder / "index.html").as_uri())
            assert visit.complaints
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("<script>console.error('something broke')</script>", "something broke"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<script>Promise.reject(new Error('rejected'))</script>", "rejected"),
        ('<img alt="lost" src="lost.png">', "404"),
    ],
)
def test_an_error_of_a_page_is_noticed(complaints, fault, told):
    assert any(told in complaint for complaint in complaints(fault))


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://127.0.0.1:8000/page.html", True),
        ("file:///page.html", True),
        ("data:image/png;base64,", True),
        ("https://example.org/", False),
        ("http://127.0.0.1.example.org/", False),
        ("ws://example.org/", False),
    ],
)
def test_what_is_local(address, local):
    assert is_local(address) is local


# --- accessibility and layout ----------------------------------------------------------------------------------------


def look(browser, folder, check, **screen):
    """Result of a check of the folder's page."""
    with visiting(browser, **screen) as visit:
        return check(visit.goto((folder / "index.html").as_uri()))


def test_axe_accepts_a_page_without_fault(browser, invented):
    assert look(browser, invented(), axe_violations) == []


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', "image-alt"),
        ('<p style="color: #aaa; background: #fff">pale</p>', "color-contrast"),
        ('<input type="range">', "label"),
        ("<button></button>", "button-name"),
        ("<select><option>1</option></select>", "select-name"),
        ('<span role="slider" tabindex="0">half</span>', "aria-"),
        ("<h4>skips two levels</h4>", "heading-order"),
    ],
)
def test_axe_refuses_a_known_violation(browser, invented, fault, rule):
    found = look(browser, invented(fault), axe_violations)
    assert found
    assert all(line.startswith(rule) for line in found)


def test_a_page_that_is_too_wide_is_noticed(browser, invented):
    broad = '<div style="width: 700px">broad</div>'
    assert "broad" in look(browser, invented(broad), overflow, size="phone")[1]
    assert look(browser, invented(broad), overflow, size="wide") == []


def test_what_scrolls_by_itself_is_not_too_wide(browser, invented):
    region = '<div style="overflow-x: auto"><div style="width: 700px">broad</div></div>'
    assert look(browser, invented(region), overflow, size="phone") == []


# --- pictures --------------------------------------------------------------------------------------------------------


def boxes(browser, folder, *styles):
    """Screenshots of a page's first figure under several styles."""
    with visiting(browser) as visit:
        page = visit.goto((folder / "index.html").as_uri())
        pictures = []
        for style in styles:
            page.locator("figure").evaluate("(figure, style) => figure.setAttribute('style', style)", style)
            pictures.append(screenshot(page.locator("figure")))
        return pictures


def test_a_picture_that_changes_is_told_from_one_that_does_not(browser, invented):
    folder = invented("<figure>A curve</figure>")
    before, same, moved = boxes(browser, folder, "", "", "padding-left: 5px")
    assert changed(before, same) == 0.0
    assert 0.0 < changed(before, moved) < 0.5
    assert changed(before, boxes(browser, folder, "font-size: 9em")[0]) == 1.0


def test_a_picture_that_cannot_be_read_is_noticed(browser, invented):
    folder = invented("<figure>A curve with <b>words</b></figure>")
    black, white, dim = boxes(
        browser,
        folder,
        "color: #000; background: #fff",
        "color: #fff; background: #000",
        "color: #222; background: #111",
    )
    assert min(contrast(black), contrast(white)) > 0.8
    assert contrast(dim) < 0.2


# --- the files of the site -------------------------------------------------------------------------------------------


def test_a_site_without_flaw_is_accepted(invented):
    invented(name="other.html")
    added = (
        '<a href="other.html#here">x</a> <a href="?q=1">x</a> <a href="https://example.org">x</a> <a href="#top">x</a>'
    )
    assert list(Site(invented(added)).flaws()) == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ('<a href="lost.html">x</a>', "leads nowhere"),
        ('<a href="../outside.html">x</a>', "leads nowhere"),
        ('<a href="#lost">x</a>', "there is no #lost"),
        ('<a href="index.html#lost">x</a>', "there is no #lost"),
        ('<a href="part/">x</a>', "is a folder"),
        ('<a href="/index.html">x</a>', "not relative"),
        ('<a href="javascript:go()">x</a>', "cannot be followed"),
        ('<img src="lost.png" alt="lost">', "leads nowhere"),
        ('<img src="data:," alt=" ">', "no alternative text"),
        ('<script src="https://example.org/code.js"></script>', "fetches"),
        ('<link rel="preconnect" href="https://example.org">', "fetches"),
        ('<link rel="stylesheet" href="//example.org/style.css">', "fetches"),
        ("<style>p { background: url('https://example.org/p.png') }</style>", "fetches"),
        ('<p style="background: url(lost.png)">x</p>', "leads nowhere"),
        ('<img srcset="https://example.org/big.png 2x" src="data:," alt="x">', "fetches"),
        ('<p id="here">again</p>', "stands there twice"),
        ("<h1>another</h1>", "2 headings of the first level"),
    ],
)
def test_a_flaw_of_the_files_is_noticed(invented, tmp_path, fault, told):
    (tmp_path / "part").mkdir()
    flaws = list(Site(invented(fault)).flaws())
    assert flaws
    assert all(told in flaw for flaw in flaws)


def test_a_flaw_of_a_style_sheet_is_noticed(invented):
    (invented() / "style.css").write_text("@import 'https://example.org/a.css'; p { background: url(lost.png) }")
    flaws = sorted(Site(invented()).flaws())
    assert flaws == ["style.css: fetches https://example.org/a.css", "style.css: lost.png leads nowhere"]
