"""Chromium, the rendered site and a JupyterLab server for the tests of this folder.

``make test-browser`` names the browser in THEORYLAB_TEST_BROWSER; without it what needs one is skipped.  With it
nothing is: a browser that does not start, or a site that is not there, fails.
"""

import contextlib
import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BROWSER = os.environ.get("THEORYLAB_TEST_BROWSER", "")
SITE = Path(os.environ.get("THEORYLAB_TEST_SITE") or PROJECT / "site")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium without a network."""
    if not BROWSER:
        pytest.skip("needs Chromium and the report: make test-browser")
    from tests.browser.browsing import chromium

    with chromium(BROWSER) as running:
        yield running


@pytest.fixture
def visit(browser):
    """Open a page: ``visit(address, size=, scheme=)``; the test fails when a page did what a reader would mind."""
    from tests.browser.browsing import visiting

    visits = []
    with contextlib.ExitStack() as pages:

        def go(address, **screen):
            visits.append(pages.enter_context(visiting(browser, **screen)))
            return visits[-1].goto(address)

        yield go
        complaints = [complaint for visit in visits for complaint in visit.complaints]
    assert complaints == []


@pytest.fixture(scope="session")
def site():
    """Folder of the rendered site."""
    if not BROWSER:
        pytest.skip("needs Chromium and the report: make test-browser")
    if not (SITE / "index.html").is_file():
        pytest.fail(f"there is no {SITE / 'index.html'}; make report renders it")
    return SITE


@pytest.fixture(scope="session")
def address(site):
    """Address of a local web server on the site."""
    from tests.browser.browsing import served

    with served(site) as url:
        yield url
