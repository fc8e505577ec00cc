"""Sweeps: the same numbers for any number of workers, nothing lost by a kill, nothing stale from the cache."""

import contextlib
import functools
import importlib.util
import os
import pickle
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st

from theorylab import _progress
from theorylab.sweeps import SweepError, sweep, trials

# the multiprocessing backend forks; from Python 3.12 on that warns where a thread runs
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

PATIENCE = 120  # seconds after which a child process counts as hung


def draw(n, scale=1.0, rng=None):
    return scale * rng.standard_normal(n)


def square(n):
    return n * n


def logged(log, n, rng):
    with Path(log).open("a") as file:
        file.write(f"{n}\n")
    return {"n": n, "values": rng.standard_normal(n)}


def fail_at(n, bad):
    if n == bad:
        raise ZeroDivisionError("no such n")
    return float(np.linalg.eigvalsh(np.random.default_rng(n).standard_normal((150, 150)))[0])  # some milliseconds


class StubbornError(Exception):
    """An error that cannot be pickled back: its constructor wants more than it keeps."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def fail_stubbornly(n):
    raise StubbornError(n, n)


def blas_threads(n):
    np.linalg.eigvalsh(np.eye(10))
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}


def eigenvalues(n, rng):
    sample = rng.standard_normal((n, n))
    return np.linalg.eigvalsh(sample @ sample.T)


def calls(log):
    return sorted(int(line) for line in Path(log).read_text().split()) if Path(log).exists() else []


POINTS = [{"n": n} for n in (3, 1, 4, 1, 5)]
WORKERS = [
    {"n_jobs": 1},
    {"n_jobs": 2},
    {"n_jobs": 2, "backend": "threading"},
    {"n_jobs": 2, "backend": "multiprocessing"},
]


def assert_same_bits(one, other):
    assert [pickle.dumps(result) for result in one] == [pickle.dumps(result) for result in other]


# ------------------------------------------------------------------------------------------------- order and streams


@pytest.mark.parametrize("workers", WORKERS)
def test_results_come_in_the_order_of_the_points(workers):
    assert sweep(square, [{"n": n} for n in range(20)], **workers) == [n * n for n in range(20)]


def test_results_do_not_depend_on_the_workers():
    points = [{"n": n} for n in (150, 60, 150, 90, 61, 62, 63)]
    expected = sweep(eigenvalues, points, seed=3)
    for workers in WORKERS[1:]:
        assert_same_bits(sweep(eigenvalues, points, seed=3, **workers), expected)


def test_an_enclosing_joblib_configuration_is_honoured():
    with joblib.parallel_config(backend="threading", n_jobs=2):
        inside = sweep(thread_name, [{"n": n} for n in range(4)])
        explicit = sweep(thread_name, [{"n": 0}], n_jobs=1)
    assert threading.current_thread().name not in inside
    assert explicit == [threading.current_thread().name]
    assert sweep(thread_name, [{"n": 0}]) == [threading.current_thread().name]


def thread_name(n):
    return threading.current_thread().name


def test_one_worker_means_no_pickling():
    lock = threading.Lock()
    assert sweep(lambda n: lock, [{"n": 1}]) == [lock]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, 2**70), st.randoms())
def test_the_stream_of_a_point_depends_on_its_content_alone(sizes, seed, random):
    points = [{"n": n} for n in sizes]
    results = sweep(draw, points, seed=seed)
    # other points before, between and behind leave each result as it was
    extended = points + [{"n": n} for n in (100, 101, 102)]
    assert_same_bits(sweep(draw, extended, seed=seed)[: len(points)], results)
    shuffled = sorted(set(sizes), key=lambda n: random.random())
    first = {n: results[sizes.index(n)] for n in set(sizes)}
    assert_same_bits(sweep(draw, [{"n": n} for n in shuffled], seed=seed), [first[n] for n in shuffled])


def test_streams_of_replicas_points_and_seeds_differ():
    points = [{"n": 2}, {"n": 2}, {"n": 2, "scale": 1.0}, {"n": 2, "scale": 1}]
    drawn = [tuple(values) for seed in (0, 1) for values in sweep(draw, points, seed=seed)]
    assert len(set(drawn)) == len(drawn)


def test_numpy_scalars_count_as_the_numbers_they_are():
    from_grid = sweep(draw, [{"n": np.int64(3), "scale": np.linspace(0, 1, 11)[3]}], seed=0)
    assert_same_bits(from_grid, sweep(draw, [{"scale": 0.30000000000000004, "n": 3}], seed=0))


def test_partial_arguments_do_not_change_the_stream():
    doubled = sweep(functools.partial(draw, scale=2.0), [{"n": 3}], seed=0)
    assert_same_bits(doubled, [2 * sweep(draw, [{"n": 3}], seed=0)[0]])


def test_streams_are_these_for_all_time():
    # other numbers here mean that no published result of a sweep can be had again
    expected = [[-0.6119052363572137, 0.7996612859479251], [0.15977744892659126, -1.0372792889373905]]
    np.testing.assert_allclose(sweep(draw, [{"n": 2}, {"n": 2}], seed=0), expected, rtol=1e-15)


@pytest.mark.parametrize("workers", WORKERS)
def test_each_point_has_one_blas_thread(workers):
    with threadpoolctl.threadpool_limits(2):
        before = blas_threads(0)
        assert sweep(blas_threads, [{"n": n} for n in range(4)], **workers) == [{1}] * 4
        assert blas_threads(0) == before
        assert 2 in before  # a solver's own BLAS, when another test has loaded it, may know one thread only


# ------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_names_the_point_and_finished_points_stay(workers, tmp_path):
    function = functools.partial(fail_at, bad=3)
    points = [{"n": n} for n in range(200)]
    with pytest.raises(ZeroDivisionError, match="no such n") as caught:
        sweep(function, points, cache=tmp_path, **workers)
    notes = "\n".join(caught.value.__notes__)
    assert "points[3] of the sweep: n=3" in notes
    assert f"kept in {tmp_path}" in notes
    n_kept = len(list(tmp_path.rglob("*.point")))
    assert f"{n_kept} of 200 points were finished" in notes
    assert 3 <= n_kept < 150  # what was under way is finished, nothing new is begun
    if workers["n_jobs"] > 1:
        assert isinstance(caught.value.__cause__, SweepError)
        assert "in fail_at" in str(caught.value.__cause__)


@pytest.mark.parametrize("workers", WORKERS[1:])
def test_an_error_that_cannot_travel_arrives_as_text(workers):
    with pytest.raises(SweepError, match="StubbornError: 7 and 7") as caught:
        sweep(fail_stubbornly, [{"n": 7}], **workers)
    assert "n=7" in caught.value.__notes__[0]


def test_without_a_cache_the_note_says_that_finished_points_are_lost():
    with pytest.raises(ZeroDivisionError) as caught:
        sweep(functools.partial(fail_at, bad=1), [{"n": 0}, {"n": 1}])
    assert "1 of 2 points were finished; they are lost" in caught.value.__notes__[-1]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_result_that_cannot_be_kept_is_an_error(n_jobs, tmp_path):
    with threadpoolctl.threadpool_limits(2):
        before = blas_threads(0)
        with pytest.raises(Exception, match="pickle") as caught:
            sweep(make_generator, [{"n": n} for n in range(3)], cache=tmp_path, n_jobs=n_jobs, backend="threading")
        assert blas_threads(0) == before
    assert "points[" in caught.value.__notes__[0]
    assert caught.value.__cause__ is None  # it happened here, and not in a worker


def make_generator(n):
    return (i for i in range(n))


def test_a_result_that_cannot_be_kept_lets_the_calls_under_way_finish(tmp_path):
    log, cache = tmp_path / "log", tmp_path / "cache"
    function = functools.partial(first_one_cannot_be_kept, log)
    with pytest.raises(OSError, match="no room") as caught:
        sweep(function, [{"n": n} for n in range(100)], cache=cache, n_jobs=2, backend="threading")
    n_begun = len(log.read_text())
    assert 2 <= n_begun < 50  # nothing new is begun
    assert len(list(cache.rglob("*.point"))) == n_begun - 1  # all but the one
    assert f"{n_begun - 1} of 100 points were finished" in caught.value.__notes__[-1]


def first_one_cannot_be_kept(log, n):
    with log.open("a") as file:
        file.write(".")
    if n == 0:
        return Unkeepable()
    time.sleep(0.1)  # so that calls are under way when the first result is looked at
    return n


class Unkeepable:
    """A result for which the disk has no room."""

    def __reduce__(self):
        raise OSError("no room")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"function": 3}, TypeError, "function must be callable; got 3"),
        ({"points": []}, ValueError, "points must hold at least one mapping"),
        ({"points": {"n": [1, 2]}}, TypeError, "points must be a sequence of mappings"),
        ({"points": "abc"}, TypeError, "points must be a sequence of mappings"),
        ({"points": 3}, TypeError, "points must be a sequence of mappings"),
        ({"points": [{"n": 1}, 2]}, TypeError, r"points\[1\] must be a mapping of argument names to values; got 2"),
        ({"points": [{1: 2}]}, TypeError, r"points\[0\] must be a mapping of argument names"),
        ({"points": [{"n": 1}, {"m": 1}]}, TypeError, r"points\[1\] must fit the arguments of function.*got m=1"),
        ({"points": [{"n": 1, "rng": 0}], "seed": 1}, ValueError, "must not hold 'rng' where seed is given"),
        ({"function": square, "seed": 1}, TypeError, "With a seed, function also receives rng"),
        ({"points": [{"n": object()}], "seed": 1}, TypeError, "values whose content can be read"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"seed": "a"}, TypeError, "seed must be"),
        ({"seed": 0.5}, ValueError, "seed must be"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer"),
        ({"n_jobs": True}, TypeError, "n_jobs must be an integer"),
        ({"cache": 3}, TypeError, "cache must be a folder"),
        ({"cache": __file__}, ValueError, "cache must be a folder that can be written to"),
        ({"description": 3}, TypeError, "description must be a string"),
        ({"progress": "yes"}, TypeError, "progress must be True, False or None"),
        ({"backend": "lokey", "n_jobs": 2}, ValueError, "backend must be a joblib backend.*'lokey'"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(change, error, message):
    def draw_nothing(n, rng=None):
        raise AssertionError("called")

    with pytest.raises(error, match=message):
        sweep(**{"function": draw_nothing, "points": [{"n": 1}], **change})


def test_a_function_whose_code_cannot_be_read_is_not_cached(tmp_path):
    unreadable = eval("lambda n: n", {"__name__": "__main__"})
    with pytest.raises(TypeError, match=r"cache must be None .* source of __main__\.<lambda> is not to be had"):
        sweep(unreadable, [{"n": 1}], cache=tmp_path)
    assert sweep(unreadable, [{"n": 1}]) == [1]


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_backend_that_is_not_there_says_so(backend):
    if importlib.util.find_spec(backend) is not None:
        pytest.skip(f"{backend} is installed")
    with pytest.raises((ImportError, ValueError), match=f"backend.*{backend}.*install {backend}"):
        sweep(square, [{"n": 1}], n_jobs=2, backend=backend)


def test_dask_cluster():
    distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        assert_same_bits(sweep(draw, POINTS, seed=0, n_jobs=2, backend="dask"), sweep(draw, POINTS, seed=0))
        with joblib.parallel_config(backend="dask"):
            assert_same_bits(sweep(draw, POINTS, seed=0), sweep(draw, POINTS, seed=0, n_jobs=1))


# ------------------------------------------------------------------------------------------------- cache


@pytest.mark.parametrize("workers", WORKERS)
def test_only_missing_points_are_computed(workers, tmp_path):
    log = tmp_path / "log"
    function = functools.partial(logged, str(log))
    first = sweep(function, [{"n": n} for n in (3, 5)], seed=0, cache=tmp_path / "cache", **workers)
    second = sweep(function, [{"n": n} for n in (1, 5, 3, 2, 3)], seed=0, cache=tmp_path / "cache", **workers)
    assert calls(log) == [1, 2, 3, 3, 5]  # 3 twice: the second is a replica
    assert_same_bits([second[2], second[1]], first)
    assert_same_bits(second, sweep(function, [{"n": n} for n in (1, 5, 3, 2, 3)], seed=0))


def test_the_cache_tells_seeds_functions_and_arguments_apart(tmp_path):
    log = tmp_path / "log"
    run = functools.partial(sweep, points=[{"n": 2}], cache=tmp_path / "cache")
    run(functools.partial(logged, str(log)), seed=0)
    run(functools.partial(logged, str(log)), seed=1)
    run(functools.partial(logged, f"{log}2"), seed=0)
    assert (calls(log), calls(f"{log}2")) == ([2, 2], [2])
    assert run(square) == [4]


def test_the_package_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THEORYLAB_CACHE", str(tmp_path))
    sweep(square, [{"n": 2}], cache=True)
    assert len(list((tmp_path / "sweeps").rglob("*.point"))) == 1
    sweep(square, [{"n": 3}], cache=False)
    assert len(list((tmp_path / "sweeps").rglob("*.point"))) == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "exchanged", "foreign"])
def test_damaged_files_are_computed_anew(damage, tmp_path, caplog):
    log, cache = tmp_path / "log", tmp_path / "cache"
    function = functools.partial(logged, str(log))
    points = [{"n": 4}, {"n": 6}]
    expected = sweep(function, points, seed=0, cache=cache)
    path, other = cache.rglob("*.point")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    damaged = {
        "truncated": content[:-1],
        "empty": b"",
        "flipped": content,
        "exchanged": other.read_bytes(),
        "foreign": pickle.dumps({"n": 4, "values": None}),
    }
    path.write_bytes(damaged[damage])
    assert_same_bits(sweep(function, points, seed=0, cache=cache), expected)
    assert len(calls(log)) == 3
    assert "damaged" in caplog.text
    assert_same_bits(sweep(function, points, seed=0, cache=cache), expected)
    assert len(calls(log)) == 3


SCRIPT = """
import sys, time
from pathlib import Path
from theorylab.sweeps import sweep

FOLDER = Path(sys.argv[1])

def work(n, rng):
    with open(FOLDER / "log", "a") as file:
        file.write(f"{n}\\n")
    while n >= 6 and not (FOLDER / "gate").exists():
        time.sleep(0.01)
    return {"n": n, "values": rng.standard_normal(50)}

if __name__ == "__main__":
    results = sweep(work, [{"n": n} for n in range(12)], seed=5, n_jobs=int(sys.argv[2]), cache=FOLDER / sys.argv[3])
    (FOLDER / sys.argv[4]).write_bytes(b"".join(result["values"].tobytes() for result in results))
"""


@pytest.fixture
def script(tmp_path):
    """Start the script above in a process group of its own; whatever is left of the groups is killed at the end."""
    (tmp_path / "script.py").write_text(SCRIPT)
    started = []

    def start(n_jobs, cache, output):
        command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path), str(n_jobs), cache, output]
        started.append(subprocess.Popen(command, start_new_session=True, cwd=tmp_path))
        return started[-1]

    yield start
    for process in started:
        kill_group(process)


def kill_group(process):
    process.kill()
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_sweep_resumes_where_it_was(n_jobs, tmp_path, script):
    log, cache = tmp_path / "log", tmp_path / "cache"
    process = script(n_jobs, "cache", "killed")
    # points 0..5 run through, those from 6 on wait for a gate: the process is killed while it is at them
    # (a hidden file is still being written)
    wait_until(lambda: len(list(cache.rglob("[!.]*.point"))) == 6 and 6 in calls(log))
    kill_group(process)
    assert not (tmp_path / "killed").exists()
    assert set(range(6)) < set(calls(log))

    log.unlink()
    (tmp_path / "gate").touch()
    assert script(n_jobs, "cache", "resumed").wait(PATIENCE) == 0
    assert calls(log) == list(range(6, 12))

    assert script(3 - n_jobs, "other cache", "uninterrupted").wait(PATIENCE) == 0
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "uninterrupted").read_bytes()


def test_concurrent_sweeps_share_a_cache(tmp_path, script):
    (tmp_path / "gate").touch()
    processes = [script(1, "cache", f"result{i}") for i in range(2)]
    assert [process.wait(PATIENCE) for process in processes] == [0, 0]
    (tmp_path / "log").unlink()
    assert script(1, "cache", "again").wait(PATIENCE) == 0
    assert calls(tmp_path / "log") == []
    assert len({(tmp_path / name).read_bytes() for name in ("result0", "result1", "again")}) == 1


# ------------------------------------------------------------------------------------------------- progress


@pytest.mark.parametrize(
    ("progress", "environment", "terminal", "kernel", "widgets", "expected"),
    [
        (None, {}, True, False, False, "text"),
        (None, {}, True, False, True, "text"),
        (None, {}, False, False, True, "silent"),
        (None, {}, False, True, True, "notebook"),
        (None, {}, False, True, False, "silent"),
        (None, {"CI": "true"}, True, False, False, "silent"),
        (None, {"CI": "1"}, False, True, True, "silent"),
        (None, {"CI": "false"}, True, False, False, "text"),
        (None, {"CI": ""}, True, False, False, "text"),
        (None, {"THEORYLAB_PROGRESS": "off"}, True, True, True, "silent"),
        (True, {"CI": "true", "THEORYLAB_PROGRESS": "off"}, False, False, False, "text"),
        (True, {}, False, True, True, "notebook"),
        (True, {}, False, True, False, "text"),
        (False, {}, True, True, True, "silent"),
    ],
)
def test_where_progress_is_shown(progress, environment, terminal, kernel, widgets, expected):
    style = _progress.style(progress, environment=environment, terminal=terminal, kernel=kernel, widgets=widgets)
    assert style == expected


def test_progress_on_order(capsys):
    sweep(square, POINTS, progress=True, description="squares")
    assert "squares: 100%" in capsys.readouterr().err
    sweep(square, POINTS)
    sweep(square, POINTS, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("ci", "shown"), [("", True), ("true", False)])
def test_progress_in_a_terminal(ci, shown):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    code = "from theorylab.sweeps import sweep; sweep(dict, [{'n': 1}] * 3)"
    environment = {**os.environ, "CI": ci, "THEORYLAB_PROGRESS": ""}
    subprocess.run([sys.executable, "-c", code], stderr=theirs, env=environment, check=True, timeout=PATIENCE)
    os.set_blocking(ours, False)
    try:
        text = os.read(ours, 10_000).decode()
    except BlockingIOError:
        text = ""
    os.close(ours)
    os.close(theirs)
    assert ("dict: 100%" in text) == shown
    assert "Warning" not in text


def test_in_a_notebook(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("THEORYLAB_PROGRESS", "off")  # with ipywidgets installed, the bar would be an output
    cells = [
        "calls = []\ndef f(n, rng):\n    return n + rng.random()",
        "from theorylab.sweeps import sweep\nfirst = sweep(f, [{'n': 1}, {'n': 2}], seed=0, cache='cache')",
        "f = None",
        "def f(n, rng):\n    return n + rng.random()",
        "from pathlib import Path\nassert sweep(f, [{'n': 2}], seed=0, cache='cache') == first[1:]",
        "assert len(list(Path('cache').rglob('*.point'))) == 2",
        "def f(n, rng):\n    return n - rng.random()",
        "assert sweep(f, [{'n': 2}], seed=0, cache='cache', n_jobs=2) != first[1:]",
        "assert len(list(Path('cache').rglob('*.point'))) == 3",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(
        notebook, timeout=PATIENCE, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert [cell.outputs for cell in notebook.cells] == [[]] * len(cells)


# ------------------------------------------------------------------------------------------------- trials


def experiment(rng, shift=0.0):
    return {"error": shift + rng.standard_normal(3), "count": rng.integers(10)}


def test_trials_stack_and_summarise():
    result = trials(experiment, 200, seed=0, parameters={"shift": 5.0})
    assert result.n_trials == 200
    assert result.values["error"].shape == (200, 3)
    assert result.values["count"].shape == (200,)
    np.testing.assert_array_equal(result.mean()["error"], result.values["error"].mean(axis=0))
    np.testing.assert_allclose(result.standard_error()["error"], result.values["error"].std(axis=0, ddof=1) / 200**0.5)
    # 6 numbers of unit variance, 5 standard errors: a false alarm in fewer than one of 10^5 seeds
    assert np.all(np.abs(result.mean()["error"] - 5) < 5 * result.standard_error()["error"])


def test_more_trials_keep_the_earlier_ones(tmp_path):
    few = trials(experiment, 5, seed=1, cache=tmp_path)
    many = trials(experiment, 9, seed=1, cache=tmp_path, n_jobs=2)
    np.testing.assert_array_equal(many.values["error"][:5], few.values["error"])
    assert len({tuple(row) for row in many.values["error"]}) == 9


def test_trials_of_numbers():
    result = trials(lambda rng: rng.random() < 0.5, 100, seed=0)
    assert result.values.shape == (100,)
    assert result.standard_error() == pytest.approx(0.05, rel=0.1)


def different_shapes(rng):
    return np.zeros(rng.integers(1, 50))


def different_keys(rng):
    return {str(rng.integers(1000)): 1.0}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: trials(experiment, 0, seed=0), ValueError, "n_trials must be"),
        (lambda: trials(experiment, 2, seed=None), TypeError, "seed must be"),
        (lambda: trials(different_shapes, 5, seed=0), ValueError, "numbers of one shape in every trial"),
        (lambda: trials(different_keys, 5, seed=0), ValueError, "the same keys in every trial"),
        (lambda: trials(lambda rng: "a", 2, seed=0), ValueError, "function must be numbers of one shape"),
        (lambda: trials(experiment, 1, seed=0).standard_error(), ValueError, "n_trials must be .*>= 2"),
    ],
)
def test_trials_refuse_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
