"""Write docs/claims.md: every claim of every chapter, with its source and what it must refute, from the registry."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from theorylab import claims

PAGE = Path(__file__).resolve().parents[1] / "docs" / "claims.md"

HEAD = """# Claims

Every claim of every chapter: what it says, where it comes from, how far prediction and measurement may be apart, and
the wrong variants that the same comparison must refute. `make claims` writes this page from the code; verdicts are
measured anew by `make figures` and `make verify`. A claim whose *expected verdict is refuted* is a statement of the
literature, or one that suggests itself, which does not hold.
"""


def page() -> str:
    """Text of the page."""
    chapters: dict[str, list[claims.Claim]] = defaultdict(list)
    for claim in claims.discover().values():
        chapters[claim.chapter].append(claim)
    parts = [HEAD]
    for chapter in sorted(chapters):
        parts.append(f"\n## {chapter}\n")
        for claim in sorted(chapters[chapter], key=lambda claim: claim.id):
            expected = " Expected verdict: **refuted**." if claim.expected == "refuted" else ""
            controls = "".join(f"\n- `{name}`: {description}" for name, description in claim.controls.items())
            parts.append(
                f"\n### `{claim.id}`\n\n{claim.statement}{expected}\n\n*Source:* {claim.source}.  \n"
                f"*Tolerance:* {claim.tolerance}.\n\nMust be refuted:\n{controls}\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
