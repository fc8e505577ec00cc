"""Every page of the site, on a wide screen and a phone, in the light and in the dark."""

import re
from itertools import cycle, product
from pathlib import Path

import pytest

from tests.browser.browsing import SCHEMES, SIZES, axe_violations, overflow
from tests.browser.conftest import BROWSER, SITE
from tests.browser.links import Site
from tests.browser.pictures import contrast, screenshot

#: Bytes of a page with all that it loads but pictures.
HEAVY = 2_000_000
SCREENS = list(product(SIZES, SCHEMES))


def all_pages() -> list[str]:
    """Addresses of all pages, relative to the site; none without a browser."""
    if not BROWSER:
        return []
    pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    return [page for page in pages if not page.startswith(("_static/", "figures/"))]


def kinds(pages: list[str]) -> list[str]:
    """One page of each kind: those at the top, and of each folder the largest, which has everything on it."""
    largest: dict[str, str] = {}
    for page in pages:
        kind = page.partition("/")[0] if "/" in page else page
        if kind not in largest or size(page) > size(largest[kind]):
            largest[kind] = page
    return sorted(largest.values())


def size(page: str) -> int:
    return (SITE / page).stat().st_size


def looks() -> list[tuple[str, str, str]]:
    """Each kind of page on each screen, and each other page on one of them in turn."""
    pages = all_pages()
    thorough = [(page, *screen) for page in kinds(pages) for screen in SCREENS]
    others = [page for page in pages if page not in kinds(pages)]
    return thorough + [(page, *screen) for page, screen in zip(others, cycle(SCREENS), strict=False)]


def with_figures() -> list[str]:
    """Pages of each kind that show figures."""
    return [page for page in kinds(all_pages()) if re.search(r"<img [^>]*\.(?:svg|png)", (SITE / page).read_text())]


@pytest.mark.parametrize(("page", "screen", "scheme"), looks())
def test_everybody_can_use_the_page(address, visit, page, screen, scheme):
    shown = visit(f"{address}/{page}", size=screen, scheme=scheme)
    assert axe_violations(shown) == []
    assert overflow(shown) == []
    assert sum(weights(shown).values()) < HEAVY, weights(shown)


def weights(page):
    """Bytes of each file that a page loaded, pictures left out."""
    loaded = page.evaluate(
        "() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(entry => [entry.name, entry.decodedBodySize])"
    )
    assert loaded[0][1] > 0
    return {name: size for name, size in loaded if not re.search(r"\.(svg|png|ico)$", name)}


@pytest.mark.parametrize("page", kinds(all_pages()))
def test_a_page_is_whole_from_the_disk(site, visit, page):
    shown = visit((site / page).as_uri())
    assert shown.title()
    assert shown.locator("h1").count() == 1


@pytest.mark.parametrize("page", kinds(all_pages()))
def test_formulas_are_typeset_without_a_network(address, visit, page):
    shown = visit(f"{address}/{page}")
    formulas = shown.locator("article .math")
    if formulas.count():
        formulas.last.scroll_into_view_if_needed()
        shown.wait_for_function(
            "() => [...document.querySelectorAll('article .math')].every(math => math.querySelector('mjx-container'))"
        )
    assert shown.locator("mjx-merror, [data-mjx-error]").count() == 0
    prose = shown.locator("main").evaluate(
        "main => { const copy = main.cloneNode(true);"
        " copy.querySelectorAll('mjx-container, code, pre, script, style, noscript').forEach(part => part.remove());"
        " return copy.textContent }"
    )
    assert re.findall(r"\\[(\[]|\\[a-z]{3,}|\$\$", prose) == []


@pytest.mark.parametrize("page", with_figures())
def test_the_figures_of_a_page_can_be_read_in_the_dark_too(address, visit, page):
    light, dark = (contrasts(visit(f"{address}/{page}", scheme=scheme)) for scheme in SCHEMES)
    assert min(light) > 0.3  # the smallest pictures have thin lines
    assert [round(after / before, 2) for before, after in zip(light, dark, strict=True) if after < 0.8 * before] == []


def contrasts(shown):
    """Contrast of the first pictures of a page."""
    values = []
    for picture in shown.locator("article img").all()[:4]:
        picture.scroll_into_view_if_needed()
        shown.wait_for_function("picture => picture.complete && picture.naturalWidth", arg=picture.element_handle())
        values.append(contrast(screenshot(picture)))
    return values


def test_links_anchors_pictures_and_outlines(site):
    assert list(Site(site).flaws()) == []


def test_every_kind_of_page_is_there(site):
    """The kinds that readers were promised, whatever the site holds beyond them."""
    pages = all_pages()
    tops = {"index.html", "ledger.html", "gallery.html", "bibliography.html", "search.html", "cost.html"}
    assert tops <= set(pages)
    assert {"chapters", "notebooks", "papers", "how-to", "api"} <= {page.partition("/")[0] for page in pages}
    chapters = {path.name for path in (Path(__file__).parents[2] / "notebooks").iterdir() if path.is_dir()}
    assert {f"chapters/{chapter}.html" for chapter in chapters} <= set(pages)


# --- what a reader does ----------------------------------------------------------------------------------------------


def theme(page):
    """What a page looks like: the name of its theme, and the brightness of its ground from 0 to 255."""
    name, ground = page.evaluate(
        "() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]"
    )
    return name, max(int(part) for part in re.findall(r"\d+", ground)[:3])


def test_the_dark_mode_is_chosen_and_kept(address, visit):
    shown = visit(f"{address}/index.html", scheme="light")
    name, light = theme(shown)
    assert name == "light"
    assert light > 224
    shown.locator("button.theme-switch-button").locator("visible=true").click()
    shown.get_by_role("button", name="Dark", exact=True).locator("visible=true").click()
    for page in ("index.html", "gallery.html"):
        shown.goto(f"{address}/{page}", wait_until="load")
        name, dark = theme(shown)
        assert name == "dark"
        assert dark < 64
    assert axe_violations(shown) == []


@pytest.mark.parametrize("from_disk", [False, True])
def test_the_search_finds_a_page(site, address, visit, from_disk):
    start = (site / "index.html").as_uri() if from_disk else f"{address}/index.html"
    shown = visit(start)
    shown.keyboard.press("Control+k")
    field = shown.locator("input[type=search]").locator("visible=true").first
    field.fill("random features")
    field.press("Enter")
    found = shown.locator("#search-results a, .search a")
    found.first.wait_for()
    assert any("random_features" in link.get_attribute("href") for link in found.all())
    shown.wait_for_load_state("networkidle")  # the pages that it shows summaries of; leaving breaks that off
    found.first.click()
    shown.wait_for_load_state("networkidle")
    assert shown.locator("h1").count() == 1


def test_the_menu_opens_on_a_phone(address, visit):
    shown = visit(f"{address}/chapters/index.html", size="phone")
    link = shown.locator("dialog, .bd-sidebar-primary").get_by_role("link", name="Ledger").locator("visible=true")
    assert link.count() == 0
    shown.locator("button.primary-toggle").click()
    link.first.wait_for()
    assert axe_violations(shown) == []
    assert overflow(shown) == []
    link.first.click()
    shown.wait_for_url("**/ledger.html")


def test_the_keyboard_reaches_the_content(address, visit):
    shown = visit(f"{address}/ledger.html")
    shown.keyboard.press("Tab")
    skip = shown.locator(":focus")
    assert "main content" in skip.text_content().lower()
    skip.press("Enter")
    assert shown.evaluate("() => location.hash") == "#main-content"
