"""Pages of chapters, papers and overviews are written from what is there; a chapter without a page is shown too."""

import re

import pytest

from tests.suite.report.conftest import load, write_record
from theorylab.suite.project import UsageError
from theorylab.suite.report.api_pages import api_pages, public_names
from theorylab.suite.report.bibliography import read_bibliography
from theorylab.suite.report.chapter_pages import chapter_index, chapter_page, find_chapters
from theorylab.suite.report.overview_pages import cost_page, gallery_page, index_parts
from theorylab.suite.report.paper_pages import paper_pages
from theorylab.suite.report.provenance import footer
from theorylab.suite.report.rows import ledger_rows

FACTS = {"version": "1.2", "commit": "abc", "date": "2026-01-01"}


@pytest.fixture
def rows(results):
    return ledger_rows(results, ["gauss1823"])


def chapter_text(project, name="averages", stale=None):
    results = load(project, stale)
    (chapter,) = (chapter for chapter in find_chapters(project, results) if chapter.name == name)
    return chapter_page(chapter, results, ledger_rows(results, ["gauss1823"]))


def test_without_a_page_a_chapter_says_what_its_package_says(project, results):
    (chapter,) = find_chapters(project, results)
    assert chapter.title == "Averages"
    assert chapter.summary == "How averages scatter: the variance of a mean."
    assert chapter_text(project).startswith("# Averages\n\nHow averages scatter: the variance\nof a mean.\n\nAnd more.")


def test_an_invented_chapter_needs_nothing_but_its_records(project):
    write_record(project.figures, chapter="invented", name="law", statement="It is so.")
    text = chapter_text(project, "invented")
    assert text.startswith("# Invented\n")
    assert "It is so." in text
    assert "## Figures" not in text
    assert "Lectures" not in text
    assert "/chapters/invented" in chapter_index(find_chapters(project, load(project)))


def test_a_page_of_prose_comes_first_and_names_the_figure(project):
    page = project.root / "docs" / "chapters" / "averages.md"
    page.parent.mkdir()
    page.write_text("---\nfigure: curve\n---\n# On averages\n\nThey scatter.\n")
    (chapter,) = find_chapters(project, load(project))
    assert (chapter.title, chapter.figure) == ("On averages", "averages/curve")
    assert chapter_text(project).startswith("# On averages\n\nThey scatter.\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [("prose only\n", r"must begin with a heading"), ("---\nfigure: x\n---\n# T\n", r"no figures/averages/x.svg")],
)
def test_faults_of_a_page_are_named(project, text, message):
    page = project.root / "docs" / "chapters" / "averages.md"
    page.parent.mkdir()
    page.write_text(text)
    with pytest.raises(UsageError, match=rf"averages\.md .*{message}"):
        find_chapters(project, load(project))


def test_a_chapter_shows_its_figures_claims_and_lectures(project):
    text = chapter_text(project)
    assert 'id="figure-curve"' in text
    assert 'id="moving-figure-moving"' in text
    assert 'id="claim-variance"' in text
    assert "[How averages scatter](/notebooks/averages/01_variance.ipynb)" in text
    assert "make figures ONLY=averages/01_variance PROFILE=quick SEED=0" in text
    assert "the factor of the unbiased estimate: rejected, 1.4×" in text


def test_results_of_an_earlier_run_are_marked_where_they_are_shown(project):
    stale = {"averages/01_variance.ipynb": "its code changed", "averages/variance.claim.json": "its code changed"}
    text = chapter_text(project, stale=stale)
    assert text.count("its code changed") == 2  # the figure and the player; the claim has its badge
    assert 'lab-badge lab-stale">stale</span></h3>' in text


def test_without_a_figure_that_moves_the_chosen_one_stands_for_the_chapter(project):
    (project.figures / "averages" / "moving.html").unlink()
    results = load(project)
    parts = index_parts(results, ledger_rows(results, []), find_chapters(project, results))
    assert '<img src="figures/averages/curve.svg"' in parts["_parts/chapters.md"]


def test_prose_leads_to_the_claims_that_it_names(project):
    page = project.root / "docs" / "chapters" / "averages.md"
    page.parent.mkdir()
    page.write_text("# On averages\n\nSee `averages.variance`, not `averages.myth`.\n")
    linked = '<a href="../ledger.html#averages.variance"><code>averages.variance</code></a>'
    assert f"See {linked}, not `averages.myth`." in chapter_text(project)


def test_papers_list_the_claims_that_test_them(project, rows):
    bibliography = read_bibliography(project.root / "docs" / "references.bib")
    pages = paper_pages(bibliography, rows)
    assert set(pages) == {"papers/gauss1823", "papers/derived-here", "papers/index"}
    assert "# Theoria Combinationis" in pages["papers/gauss1823"]
    assert "Carl Friedrich Gauss. *Commentationes*. 1823." in pages["papers/gauss1823"]
    assert "../ledger.html#averages.variance" in pages["papers/gauss1823"]
    assert pages["papers/index"].index("gauss1823") < pages["papers/index"].index("derived-here")


def test_the_gallery_and_the_first_page_show_what_there_is(project, results, rows):
    chapters = find_chapters(project, results)
    gallery = gallery_page(results, chapters)
    assert 'src="figures/averages/curve.svg" alt="A line and a point' in gallery
    assert 'href="chapters/averages.html#moving-figure-moving"><img src="data:image/svg+xml' in gallery
    assert "(with sliders)" in gallery
    parts = index_parts(results, rows, chapters)
    assert "1 of 1 claims upheld" in parts["_parts/chapters.md"]
    assert '<img src="data:image/svg+xml' in parts["_parts/chapters.md"]  # what moves is the most legible
    assert "1 claims: 1 upheld" in parts["_parts/state.md"]


def test_an_empty_project_has_pages_too(project):
    for path in project.figures.rglob("*.*"):
        path.unlink()
    results = load(project)
    assert index_parts(results, [], [])["_parts/state.md"]
    assert cost_page(results, []).count("not known") == 2
    assert footer("index", results, [], FACTS) == "theorylab 1.2, commit abc, rendered 2026-01-01."


def test_costs_are_those_of_the_records_longest_first(project):
    write_record(project.figures, name="long", seconds=61.0)
    results = load(project)
    text = cost_page(results, ledger_rows(results, []))
    assert text.index("averages.long") < text.index("averages.variance")
    assert "1 min 1 s" in text
    assert "3.0 s" in text


@pytest.mark.parametrize("page", ["notebooks/averages/01_variance", "chapters/averages", "papers/gauss1823", "cost"])
def test_the_footer_tells_where_results_come_from(results, rows, page):
    text = footer(page, results, rows, FACTS)
    assert text.startswith("theorylab 1.2, commit abc, rendered 2026-01-01.<br>")
    assert "profile quick, seed 0, numpy on cpu; python 3.11.7, numpy 2.4.6; run time of" in text
    assert "3.0 s" in text


def test_the_footer_tells_conditions_apart(project):
    full = {"profile": "full", "seed": 7, "backend": "torch", "device": "cuda"}
    versions = {"python": "3.12.1", "numpy": "2.4.6"}
    write_record(project.figures, name="bias", chapter="other", conditions=full, versions=versions, seconds=9.0)
    results = load(project)
    rows = ledger_rows(results, ["gauss1823"])
    assert "profile full, seed 7, torch on cuda; python 3.12.1" in footer("chapters/other", results, rows, FACTS)
    everything = footer("index", results, rows, FACTS)
    assert "profile quick, seed 0, numpy on cpu / profile full, seed 7, torch on cuda" in everything
    assert "python 3.11.7/3.12.1" in everything


def test_api_pages_are_those_of_modules_with_public_names(project):
    package = project.root / "toylab"
    for name, text in {
        "tools.py": '"""Tools: hammers."""\n__all__ = ["hammer"]\n',
        "_inner.py": '__all__ = ["secret"]\n',
        "averages/theory/__init__.py": '"""Laws."""\nfrom toylab.tools import hammer\n__all__ = ["hammer", "law"]\n',
        "averages/theory/laws.py": '"""Laws."""\n',
        "averages/estimators/__init__.py": '"""No names here."""\n',
        "averages/estimators/mean.py": '"""The mean."""\n__all__ = ["Mean"]\n',
        "averages/claims.py": '__all__ = ["variance"]\n',
    }.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text)
    pages = api_pages(project)
    assert set(pages) == {
        "api/index.md",
        "api/toylab.tools.rst",
        "api/toylab.averages.theory.rst",
        "api/toylab.averages.estimators.mean.rst",
    }
    theory = pages["api/toylab.averages.theory.rst"]
    assert re.search(r":members: law$", theory, flags=re.MULTILINE)  # hammer is explained where it is made
    assert "automodule:: toylab.averages.theory.laws\n   :no-members:" in theory
    assert "[toylab.tools](/api/toylab.tools.rst): Tools: hammers." in pages["api/index.md"]


def test_public_names_of_a_lazily_loading_module_are_those_of_its_stub(tmp_path):
    (tmp_path / "__init__.py").write_text("__getattr__, __dir__, __all__ = attach()\n")
    (tmp_path / "__init__.pyi").write_text("from .a import b as b\nfrom .a import c as d\n")
    assert public_names(tmp_path / "__init__.py") == ["b", "d"]
