"""The ledger: every claim is there, sorting and filtering give the right rows, and the address keeps the choice."""

import json
import time

import pytest

from tests.browser.browsing import served
from tests.browser.ledger import LedgerPage, disorder

#: A browser that needs longer for one key press, with a thousand claims, hangs.
HANG = 20.0


@pytest.fixture(scope="session")
def many(browser, tmp_path_factory):
    """Site with a thousand invented claims: its address and what its ledger.json says."""
    from tests.browser.many_claims import N_CLAIMS, render_many

    folder, records = render_many(tmp_path_factory.mktemp("many") / "project")
    claims = json.loads((folder / "ledger.json").read_text())["claims"]
    assert len(claims) == len(records) == N_CLAIMS
    with served(folder) as address:
        yield address, claims


@pytest.fixture(scope="session")
def real(site, address):
    """The site of this project: its address and what its ledger.json says."""
    return address, json.loads((site / "ledger.json").read_text())["claims"]


@pytest.fixture(params=["real", "many"])
def ledger(request, visit):
    """Each of the two in turn, open in a wide window: the page and the claims."""
    address, claims = request.getfixturevalue(request.param)
    return LedgerPage(visit(f"{address}/ledger.html")), claims


def ids(claims):
    return [claim["id"] for claim in claims]


def test_every_claim_has_its_row(ledger):
    page, claims = ledger
    assert sorted(page.shown) == sorted(ids(claims))
    assert page.told == f"{len(claims)} of {len(claims)} claims"


def test_sorting_by_each_column(ledger):
    page, claims = ledger
    assert {"Claim", "Source", "Predicted", "Measured", "Margin", "Verdict", "Controls rejected", "Run"} <= set(
        page.heads
    )
    for head in page.heads:
        assert page.sort(head) == "ascending"
        assert disorder(claims, page.shown, head, descending=False) == []
        assert page.sort(head) == "descending"
        assert disorder(claims, page.shown, head, descending=True) == []
        assert page.page.locator("#ledger [aria-sort]").count() == 1


def test_a_wrong_order_is_noticed():
    claims = [{"id": "a", "seconds": 1.0}, {"id": "b", "seconds": 2.0}, {"id": "c", "seconds": None}]
    assert disorder(claims, ["a", "b", "c"], "Run", descending=False) == []
    assert disorder(claims, ["b", "a", "c"], "Run", descending=True) == []
    assert len(disorder(claims, ["b", "a", "c"], "Run", descending=False)) == 1
    assert len(disorder(claims, ["c", "b", "a"], "Run", descending=True)) == 1
    assert disorder(claims, ["a", "b"], "Run", descending=False) == ["c is missing"]


def test_filtering_by_each_field(ledger):
    page, claims = ledger
    for name in ("chapter", "status", "verdict"):
        for value in sorted({claim[name] for claim in claims}):
            page.choose(**{name: value})
            assert sorted(page.shown) == sorted(claim["id"] for claim in claims if claim[name] == value)
        page.show_all()
    for value in sorted({source for claim in claims for source in claim["keys"]}):
        page.choose(source=value)
        assert sorted(page.shown) == sorted(claim["id"] for claim in claims if value in claim["keys"])


def test_filtering_by_words(ledger):
    page, claims = ledger
    word = claims[len(claims) // 2]["id"].partition(".")[2]
    page.choose(search=word.upper())
    assert set(page.shown) >= {claim["id"] for claim in claims if word in claim["id"]}
    assert 0 < len(page.shown) < len(claims)
    page.choose(search="no claim says this")
    assert page.shown == []
    assert page.told == f"0 of {len(claims)} claims"
    page.show_all()
    assert page.shown == ids(claims)


def test_two_filters_and_an_order_together_are_kept_in_the_address(ledger, visit):
    page, claims = ledger
    chapter, verdict = claims[0]["chapter"], claims[0]["verdict"]
    page.choose(chapter=chapter, verdict=verdict)
    page.sort("Measured")
    page.sort("Measured")
    wanted = [claim for claim in claims if (claim["chapter"], claim["verdict"]) == (chapter, verdict)]
    assert disorder(wanted, page.shown, "Measured", descending=True) == []
    assert len(page.shown) == len(wanted)
    again = LedgerPage(visit(page.page.url))
    assert again.shown == page.shown
    assert again.page.locator("#ledger-chapter").input_value() == chapter


def test_the_address_of_a_claim_shows_its_row(ledger, visit):
    page, claims = ledger
    claim = claims[-1]["id"]
    there = visit(f"{page.page.url}#{claim}")
    place = there.locator(f"[id='{claim}']").bounding_box()
    header = there.locator("header.bd-header").bounding_box()
    assert header["y"] + header["height"] <= place["y"] + 1
    assert place["y"] < there.viewport_size["height"]


def test_a_claim_that_a_filter_hides_is_shown_by_its_address(ledger, visit):
    page, claims = ledger
    other = next(claim for claim in claims if claim["chapter"] != claims[0]["chapter"])
    there = visit(f"{page.page.url}?chapter={claims[0]['chapter']}#{other['id']}")
    assert there.locator(f"[id='{other['id']}']").is_visible()


def test_a_thousand_claims_are_usable(many, visit):
    address, claims = many
    start = time.monotonic()
    page = LedgerPage(visit(f"{address}/ledger.html"))
    loaded = time.monotonic()
    page.sort("Measured")
    page.choose(search="invented 5", verdict="confirmed")
    shown = page.shown
    assert time.monotonic() - loaded < HANG
    assert loaded - start < 3 * HANG
    assert shown
    assert set(shown) <= {claim["id"] for claim in claims if claim["verdict"] == "confirmed"}


def test_the_ledger_from_the_disk(site, real, visit):
    page = LedgerPage(visit((site / "ledger.html").as_uri()))
    page.choose(chapter=real[1][0]["chapter"])
    page.sort("Run")
    assert page.shown
    assert LedgerPage(visit(page.page.url)).shown == page.shown


def test_the_ledger_without_scripts(address, real, browser):
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"{address}/ledger.html")
        assert page.locator("#ledger tbody tr").count() == len(real[1])
        assert not page.locator("#ledger-filters").is_visible()
    finally:
        context.close()


def test_the_ledger_on_a_phone(address, visit):
    page = visit(f"{address}/ledger.html", size="phone")
    region = page.locator(".lab-scroll").first
    region.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.lab-scroll').scrollLeft > 0")
