"""Outputs appear whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from theorylab import outputs


def test_output_directory_prefers_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("THEORYLAB_OUTPUT", str(tmp_path / "staging"))
    assert outputs.output_directory() == tmp_path / "staging"


def test_output_directory_is_that_of_the_enclosing_project(monkeypatch, tmp_path):
    monkeypatch.delenv("THEORYLAB_OUTPUT", raising=False)
    (tmp_path / "pyproject.toml").touch()
    deep = tmp_path / "notebooks" / "chapter"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert outputs.output_directory() == tmp_path / "figures"


def test_output_directory_outside_a_project_is_local(monkeypatch, tmp_path):
    monkeypatch.delenv("THEORYLAB_OUTPUT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert outputs.output_directory() == tmp_path / "figures"


def test_cache_directory_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("THEORYLAB_CACHE", str(tmp_path))
    assert outputs.cache_directory() == tmp_path
    monkeypatch.delenv("THEORYLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert outputs.cache_directory() == tmp_path / "theorylab"


def test_write_atomic_replaces_text_and_bytes(tmp_path):
    path = tmp_path / "new" / "record.json"
    outputs.write_atomic(path, "é")
    assert path.read_bytes() == "é".encode()
    outputs.write_atomic(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_written_files_are_as_readable_as_any_other(tmp_path):
    outputs.write_atomic(tmp_path / "a", "a")
    (tmp_path / "b").write_text("b")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_text("old")

    def fail_half_way():
        with outputs.atomic_path(path) as temporary:
            assert temporary.suffix == ".svg"
            temporary.write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("old")
    script = textwrap.dedent(
        f"""
        import time
        from theorylab import outputs
        with outputs.atomic_path({str(path)!r}) as temporary:
            temporary.write_text("half")
            print("writing", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "writing\n"
        os.kill(child.pid, signal.SIGKILL)
    assert path.read_text() == "old"


def test_provenance_carries_what_the_build_says_and_versions(monkeypatch):
    monkeypatch.setenv("THEORYLAB_PROVENANCE", json.dumps({"seed": 3}))
    found = outputs.provenance()
    assert found["seed"] == 3
    assert {"python", "theorylab", "numpy"} <= set(found["versions"])


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_provenance_that_is_no_object_is_refused(monkeypatch, text):
    monkeypatch.setenv("THEORYLAB_PROVENANCE", text)
    with pytest.raises(ValueError, match="THEORYLAB_PROVENANCE must be a JSON object"):
        outputs.provenance()
