import os

import pytest

from theorylab.suite.project import UsageError
from theorylab.suite.store import ContentChecker, Records, build_lock


def test_records_survive_only_a_dump(tmp_path):
    records = Records(str(tmp_path / "doit.json"))
    records.set("a", "deps:", ["x"])
    assert not (tmp_path / "doit.json").exists()
    records.dump()
    assert Records(str(tmp_path / "doit.json")).get("a", "deps:") == ["x"]


def test_nothing_changed_writes_nothing(tmp_path):
    path = tmp_path / "doit.json"
    records = Records(str(path))
    records.remove("nobody")
    records.dump()
    assert not path.exists()


def test_an_unreadable_file_counts_as_empty(tmp_path):
    path = tmp_path / "doit.json"
    path.write_text('{"a": ')
    assert Records(str(path)).task_names == []


def test_forgetting(tmp_path):
    records = Records(str(tmp_path / "doit.json"))
    for name in ("a", "b"):
        records.set(name, "_values_:", {"outputs": []})
    records.remove("a")
    assert (records.in_("a"), records.in_("b")) == (False, True)
    records.remove_all()
    assert records.task_names == []
    assert records.values("b") == {}


def test_content_counts_and_time_does_not(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    state = ContentChecker(tmp_path).get_state("file", None)
    stat = path.stat()
    os.utime(path, (1, 1))
    assert not ContentChecker(tmp_path).check_modified("file", None, state)
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert ContentChecker(tmp_path).check_modified("file", None, state)


def test_the_state_saved_is_that_of_the_beginning(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    checker = ContentChecker(tmp_path)
    before = checker.digest("file")
    path.write_text("two")
    assert checker.get_state("file", None) == before
    assert checker.get_state("file", before) is None
    assert checker.digest("file", fresh=True) != before


def test_one_build_at_a_time(tmp_path):
    state = tmp_path / "state"
    with build_lock(state), pytest.raises(UsageError, match="another build is running"), build_lock(state):
        pass
    with build_lock(state):
        pass
