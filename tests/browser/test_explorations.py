"""Figures that move, on the page: by keyboard and by pointer, several on a page, and without scripts."""

import pytest

from tests.browser.conftest import BROWSER, PROJECT, SITE
from tests.browser.explorations import Exploration, move_by_keyboard, move_by_pointer, name, value
from tests.browser.pictures import changed, contrast

PLAYER = "figure.theorylab-player"


def pages() -> list[str]:
    """Pages with a figure that moves."""
    if not BROWSER:
        return []
    files = sorted(SITE.rglob("*.html"))
    return [file.relative_to(SITE).as_posix() for file in files if "theorylab-player" in file.read_text("utf-8")]


def players(page):
    """The figures that move, once they do."""
    page.wait_for_function(
        f"() => [...document.querySelectorAll('{PLAYER}')].every(player => player.dataset.state === 'ready')"
    )
    return [Exploration(box) for box in page.locator(PLAYER).all()]


def test_every_chapter_has_one(site):
    chapters = {path.name for path in (PROJECT / "notebooks").iterdir() if path.is_dir()}
    assert {f"chapters/{chapter}.html" for chapter in chapters} <= set(pages())


@pytest.mark.parametrize("page", pages())
def test_a_slider_moves_the_figure(address, visit, page):
    for shown in players(visit(f"{address}/{page}")):
        move_by_keyboard(shown)
        move_by_pointer(shown)


@pytest.mark.parametrize("page", pages()[:1])
def test_a_slider_moves_the_figure_from_the_disk_on_a_dark_phone(site, visit, page):
    shown = players(visit((site / page).as_uri(), size="phone", scheme="dark"))[0]
    move_by_keyboard(shown)
    assert contrast(shown.picture()) > 0.6
    width = shown.box.evaluate("box => box.getBoundingClientRect().width")
    assert width <= 390


@pytest.mark.parametrize("page", pages())
def test_a_reader_who_does_not_see_it_is_told(address, visit, page):
    for shown in players(visit(f"{address}/{page}")):
        picture = shown.box.locator("img").first
        before = picture.get_attribute("alt")
        assert len(before) > 40
        for slider in shown.sliders:
            assert name(slider)
            told = slider.get_attribute("aria-valuetext")
            slider.press("End" if value(slider) == 0 else "Home")
            assert slider.get_attribute("aria-valuetext") != told
        shown.box.page.wait_for_function(
            "([picture, before]) => picture.alt !== before", arg=[picture.element_handle(), before]
        )


@pytest.mark.parametrize("page", pages()[:1])
def test_moving_one_figure_leaves_the_others(address, visit, page):
    first = visit(f"{address}/{page}")
    # the same figure a second time on the page: a notebook's page and a chapter's page may be put together
    first.evaluate(f"() => {{ const one = document.querySelector('{PLAYER}'); one.after(one.cloneNode(true)) }}")
    moving, resting = (Exploration(first.locator(PLAYER).nth(place)) for place in (0, 1))
    before = resting.picture()
    move_by_keyboard(moving)
    assert changed(before, resting.picture()) == 0.0


@pytest.mark.parametrize("page", pages()[:1])
def test_the_first_picture_is_there_without_scripts(address, browser, page):
    context = browser.new_context(java_script_enabled=False)
    try:
        shown = context.new_page()
        shown.goto(f"{address}/{page}")
        figure = Exploration(shown.locator(PLAYER).first)
        assert figure.sliders == []
        assert contrast(figure.picture()) > 0.6
    finally:
        context.close()
