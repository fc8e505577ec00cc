"""A site appears whole or not at all."""

import os
import subprocess

import pytest

from theorylab.suite.report import publish


@pytest.fixture
def site(tmp_path):
    old = tmp_path / "site"
    old.mkdir()
    (old / "index.html").write_text("old")
    (old / "gone.html").write_text("old")
    return old


@pytest.fixture
def prepared(tmp_path):
    new = tmp_path / "work" / "next"
    new.mkdir(parents=True)
    (new / "index.html").write_text("new")
    return new


def test_the_new_site_takes_the_place_of_the_old(site, prepared):
    publish.swap(prepared, site)
    assert [path.name for path in site.iterdir()] == ["index.html"]
    assert (site / "index.html").read_text() == "new"
    assert sorted(path.name for path in site.parent.iterdir()) == ["site", "work"]


def test_the_first_site_needs_no_folder(tmp_path, prepared):
    publish.swap(prepared, tmp_path / "deep" / "site")
    assert (tmp_path / "deep" / "site" / "index.html").read_text() == "new"


def test_a_failure_on_the_way_leaves_the_old_site(site, prepared, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(publish.shutil, "move", full)
    with pytest.raises(OSError, match="no space"):
        publish.swap(prepared, site)
    assert (site / "index.html").read_text() == "old"


def test_what_a_killed_publication_left_is_cleared_away(site, prepared):
    for name in (".site-incoming", ".site-outgoing"):
        (site.parent / name).mkdir()
    publish.swap(prepared, site)
    assert sorted(path.name for path in site.parent.iterdir()) == ["site", "work"]


def test_pages_that_no_source_makes_any_more_are_found(tmp_path):
    for name in ("index.html", "old.html", "sub/page.html", "search.html", "_static/x.html", "api/a.b.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    sources = {"index.md": b"", "sub/page.ipynb": b"", "api/a.b.rst": b"", "old.txt": b""}
    assert publish.surplus(tmp_path, sources) == [tmp_path / "old.html"]


def test_the_commit_says_whether_files_were_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    monkeypatch.setattr(os, "environ", environment)

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    assert publish.about(tmp_path)["commit"] == "not known"
    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "first")
    clean = publish.about(tmp_path)
    assert len(clean["commit"]) == 12
    assert clean["date"] == "1970-01-02"
    (tmp_path / "a").write_text("2")
    assert publish.about(tmp_path)["commit"] == f"{clean['commit']} with changes"
