"""A tiny project becomes a site: rendered by Sphinx, sound, whole, and only what changed is rendered again."""

import pytest

from tests.suite.report.conftest import write_record
from theorylab.suite.report import RenderError, render, staging

pytest.importorskip("myst_nb", reason="the extra 'report' is not installed")


@pytest.fixture
def sources(project):
    return project.state / "report" / "source"


def pages(site):
    return {path.relative_to(site).as_posix(): path.stat().st_mtime_ns for path in site.rglob("*.html")}


def test_a_project_becomes_a_site_and_stays_one(project):
    first = render(project)
    site = first.parent
    assert first == project.root / "site" / "index.html"
    assert {"ledger.html", "chapters/averages.html", "notebooks/averages/01_variance.html", "search.html"} <= set(
        pages(site)
    )
    ledger = (site / "ledger.html").read_text()
    assert 'id="averages.variance"' in ledger
    assert "rendered 20" in ledger
    lecture = (site / "notebooks" / "averages" / "01_variance.html").read_text()
    assert 'id="cell-claim"' in lecture
    assert "_static/mathjax/startup.js" in lecture
    assert (site / "_static" / "mathjax" / "startup.js").is_file()
    assert (site / "figures" / "averages" / "curve.svg").is_file()
    assert not (site / "_sources").exists()
    assert "searchindex.js" not in lecture
    assert "searchindex.js" in (site / "search.html").read_text()

    # what Sphinx renders again is told by the times of its own files, which are copied to the site
    html = project.state / "report" / "html"
    before = pages(html)
    page = project.root / "docs" / "decisions" / "0001-evidence-and-verdicts.md"
    page.write_text(page.read_text() + "\nOne sentence more.\n")
    render(project)
    changed = {name for name, time in pages(html).items() if before[name] != time}
    assert "decisions/0001-evidence-and-verdicts.html" in changed
    assert "notebooks/averages/01_variance.html" not in changed
    assert "One sentence more." in (site / "decisions" / "0001-evidence-and-verdicts.html").read_text()

    # a claim that is gone takes its row with it, one that fails is shown
    write_record(project.figures, name="bias", status="not upheld", verdict="refuted")
    (project.figures / "averages" / "variance.claim.json").unlink()
    render(project)
    ledger = (site / "ledger.html").read_text()
    assert 'id="averages.variance"' not in ledger
    assert "0 upheld, 1 not upheld" in ledger

    # a fault publishes nothing, twice in a row too, and names the page
    good = (site / "ledger.html").read_bytes()
    page.write_text("# 0001: evidence\n\n[nowhere](gone.md)\n")
    for _ in range(2):
        with pytest.raises(RenderError, match=r"nothing was published:\n.*0001-evidence"):
            render(project)
        assert (site / "ledger.html").read_bytes() == good
    page.write_text('# 0001: evidence\n\n<a href="gone.html">nowhere</a>\n')
    with pytest.raises(RenderError, match=r"0001-evidence-and-verdicts.html: gone.html leads nowhere"):
        render(project)
    assert (site / "ledger.html").read_bytes() == good


def test_pages_are_written_when_they_change_and_removed_when_they_go(project, results, sources):
    staging.stage(project, results, sources)
    ledger = sources / "ledger.md"
    before = ledger.stat().st_mtime_ns
    (sources / "old.md").write_text("# Old\n")
    staging.stage(project, results, sources)
    assert ledger.stat().st_mtime_ns == before
    assert not (sources / "old.md").exists()


def test_an_environment_without_the_extra_is_told_what_to_do(project, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "myst_nb" else object())
    with pytest.raises(RenderError, match=r"the report needs myst_nb.*make report"):
        render(project)
