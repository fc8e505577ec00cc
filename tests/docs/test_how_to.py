"""Every code block of the how-to pages runs, page by page, and what the pages say came out does come out."""

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theorylab import explore

PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    """What the pages save goes to a folder of the test."""
    monkeypatch.setenv("THEORYLAB_OUTPUT", str(tmp_path))


@functools.cache
def run(page: Path) -> dict[str, Any]:
    """Variables after the blocks of a page were run one after the other; errors name the line of the page."""
    text, variables = page.read_text(encoding="utf-8"), {}
    for block in BLOCK.finditer(text):
        above = text[: block.start(1)].count("\n")
        exec(compile("\n" * above + block[1], page.name, "exec"), variables)
    return variables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_have_a_title_and_run(page):
    assert page.read_text(encoding="utf-8").startswith("# ")
    run(page)


def test_what_the_page_on_learning_curves_says():
    (page,) = (page for page in PAGES if page.stem == "predict-a-learning-curve")
    found = run(page)
    errors = {(row["n_samples"], row["n_features"]): row["heldout_mse"] for row in found["curve"].table()}
    assert [round(errors[key], 2) for key in ((449, 449), (449, float("inf")), (898, 28))] == [0.15, 0.10, 0.46]
    assert round(found["wanted"].optimal_heldout_mse[0, 2], 3) == 0.125
    assert 0.03 < found["digits_excess"] < 0.07
    assert 0.15 < found["excess"]["standardised"] < 0.3
    assert abs(found["excess"]["power transform"]) < 0.06


def test_what_the_page_on_moving_figures_says():
    (page,) = (page for page in PAGES if page.stem == "move-a-figure")
    found = run(page)
    assert [found[name].n_frames for name in ("moving", "player")] == [6, 6]
    assert found["page"].count("<figure class=") == 2
    many, few = (
        explore.save(
            found["draw"], name="my_project/size", alt="The same figure with many and with few frames.", **values
        )
        for values in (
            {"ridge": np.geomspace(0.01, 1.0, 20), "width": [32, 64]},
            {"ridge": [0.01, 1.0], "width": [32, 64]},
        )
    )
    assert 200 < (len(many.html) - len(few.html)) / (many.n_frames - few.n_frames) < 800  # "about 500 bytes a frame"


def test_a_broken_block_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\n```\n\n```python\nundefined\n```\n")
    with pytest.raises(NameError) as error:
        run(page)
    assert error.traceback[-1].lineno == 7
