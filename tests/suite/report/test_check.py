"""Each kind of fault of a site is found, and nothing else."""

import pytest

from theorylab.suite.report import check
from theorylab.suite.report.finish import mend

SOUND = """<!doctype html><html><head><link rel="stylesheet" href="style.css"><link rel="canonical" href="https://x.org/">
</head><body id="top"><a href="#top">up</a> <a href="sub/page.html#end">there</a> <a href="https://example.org">out</a>
<a href="mailto:a@b.c">mail</a><img src="a.svg" alt="A line.">
<img src="data:image/png;base64,AA==" alt="A dot."></body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(SOUND)
    (tmp_path / "sub" / "page.html").write_text('<p id="end"><a href="../index.html?sort=1#top">back</a></p>')
    (tmp_path / "a.svg").write_text("<svg/>")
    (tmp_path / "style.css").write_text("a { background: url(a.svg) }")
    return tmp_path


def test_a_sound_site_has_no_faults(site):
    assert check.faults(site) == []


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="gone.html">x</a>', "index.html: gone.html leads nowhere"),
        ('<a href="sub/page.html#gone">x</a>', "index.html: sub/page.html#gone names no anchor of sub/page.html"),
        ('<a href="#gone">x</a>', "index.html: #gone names no anchor of index.html"),
        ('<a href="../secret.txt">x</a>', "index.html: ../secret.txt leads nowhere"),
        ('<img src="a.svg">', "index.html: the picture a.svg has no alt text"),
        ('<img src="a.svg" alt=" ">', "index.html: the picture a.svg has no alt text"),
        ('<img src="b.svg" alt="x">', "index.html: b.svg leads nowhere"),
        (
            '<script src="https://cdn.org/x.js"></script>',
            "index.html: https://cdn.org/x.js would be fetched from elsewhere",
        ),
        ('<script src="//cdn.org/x.js"></script>', "index.html: //cdn.org/x.js would be fetched from elsewhere"),
        ('<iframe src="http://x.org/"></iframe>', "index.html: http://x.org/ would be fetched from elsewhere"),
        ('<p id="top">x</p>', "index.html: id 'top' is there twice"),
    ],
)
def test_a_fault_is_found(site, html, fault):
    (site / "index.html").write_text(SOUND.replace("</body>", f"{html}</body>"))
    assert check.faults(site) == [fault]


@pytest.mark.parametrize(
    "rule", ["@import 'https://x.org/a.css';", 'a{background:url( "//x.org/a.png")}', "a{src:url(http://x)}"]
)
def test_style_sheets_that_fetch_are_found(site, rule):
    (site / "style.css").write_text(rule)
    (fault,) = check.faults(site)
    assert fault.startswith("style.css: ")


def test_a_page_that_is_too_large_is_found(site, monkeypatch):
    monkeypatch.setattr(check, "MAXIMUM_BYTES", 100)
    (fault,) = check.faults(site)
    assert fault == f"index.html: {len(SOUND)} bytes, more than 100"


def test_roles_that_rules_refuse_are_taken_away():
    html = (
        '<div role="list" class="citation-list"><div class="citation" id="a" role="doc-biblioentry"><div role="list">'
    )
    assert mend(html) == '<div class="citation-list"><div class="citation" id="a"><div role="list">'
