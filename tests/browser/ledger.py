"""The ledger page as a reader uses it: heads to sort by, fields to filter by, rows that are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

#: What a column must be sorted by, by its head.
_NUMBERS = {"Predicted": "predicted", "Measured": "measured", "Margin": "margin", "Strain": "strain", "Run": "seconds"}


@dataclass(frozen=True)
class LedgerPage:
    """The page in a browser.

    Parameters
    ----------
    page : playwright.sync_api.Page
        Where the ledger is open.
    """

    page: Any

    @property
    def shown(self) -> list[str]:
        """Ids of the claims that are seen, in their order."""
        return self.page.locator("#ledger tbody tr").evaluate_all(
            "rows => rows.filter(row => row.checkVisibility()).map(row => row.id)"
        )

    @property
    def heads(self) -> list[str]:
        """Heads that one can sort by."""
        return self.page.locator("#ledger thead button").all_text_contents()

    @property
    def told(self) -> str:
        """How many claims are shown, as the page says."""
        return self.page.locator("#ledger-count").text_content()

    def sort(self, head: str) -> str:
        """Press the head of a column by keyboard; gives the order that it then tells a screen reader."""
        button = self.page.locator("#ledger thead").get_by_role("button", name=head, exact=True)
        button.press("Enter")
        return button.locator("xpath=ancestor::th").get_attribute("aria-sort")

    def choose(self, **fields: str) -> None:
        """Fill fields of the form above the table: search, chapter, status, verdict, source."""
        for name, value in fields.items():
            field = self.page.locator(f"#ledger-{name}")
            if name == "search":
                field.fill(value)
            else:
                field.select_option(value)

    def show_all(self) -> None:
        """Press the button that takes all choices back."""
        self.page.locator("#ledger-reset").click()
        self.page.wait_for_function("() => !location.search")


def key(claim: dict[str, Any], head: str) -> Any:
    """What a claim, as ``ledger.json`` has it, is sorted by under a head; None for what sorts last."""
    if head in _NUMBERS:
        return claim[_NUMBERS[head]]
    if head == "Controls rejected":
        controls = claim["controls"]
        return sum(control["rejected"] for control in controls) / len(controls) if controls else None
    if head == "Claim":
        return claim["id"]
    return {"Source": claim["source"], "Verdict": f"{claim['status']} {claim['verdict']}"}[head].lower()


def disorder(claims: Sequence[dict[str, Any]], shown: Sequence[str], head: str, *, descending: bool) -> list[str]:
    """Neighbours that stand in the wrong order, and claims that are missing.

    Parameters
    ----------
    claims : sequence of dict
        What ``ledger.json`` says.
    shown : sequence of str
        Ids in the order of the page.
    head : str
        The head that was pressed.
    descending : bool
        Largest first.

    Returns
    -------
    list of str
        What is wrong; empty for a sorted ledger.
    """
    known = {claim["id"]: key(claim, head) for claim in claims}
    wrong = [f"{name} is missing" for name in known.keys() - set(shown)]
    for first, second in pairwise(shown):
        low, high = known[first], known[second]
        numbered = low is not None and high is not None
        if (low < high if descending else low > high) if numbered else high is not None:
            wrong.append(f"{first} ({low}) stands before {second} ({high})")
    return wrong
