"""neural-tangents in an environment and a process of its own, which times itself on inputs from files.

Version 0.6.5 needs a JAX of 2024 that cannot share an environment with current libraries, hence
``.venv-neural-tangents``, made on first use from ``neural_tangents.txt`` (NEURAL_TANGENTS_VENV names another folder).
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("NEURAL_TANGENTS_VENV", HERE.parents[1] / ".venv-neural-tangents"))
#: What one thread or several is called, library by library.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def interpreter():
    """Path of the environment's Python, or None where it cannot be made, after saying why."""
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    check = [python, "-c", "import neural_tangents"]
    try:
        if not python.exists() or subprocess.run(check, capture_output=True, check=False).returncode:
            print(f"making {FOLDER.name} for neural-tangents 0.6.5, once; with TensorFlow, which it imports, 2.6 GB")
            venv.create(FOLDER, with_pip=True, clear=True)
            command = [python, "-m", "pip", "install", "--quiet", "--requirement", HERE / "neural_tangents.txt"]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
            subprocess.run(check, check=True, capture_output=True, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        print(f"neural-tangents is left out, since it cannot be installed here: {lines[-1]}")
        return None
    return python


@contextlib.contextmanager
def limited(threads):
    """Keep this process and those that it starts to so many cores and threads."""
    before = {name: os.environ.get(name) for name in THREADS}
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        if cores:
            os.sched_setaffinity(0, sorted(cores)[-threads:])
        with threadpool_limits(threads):
            yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Peer:
    """The process; it knows the tasks of ``ntk_child.py``.

    Parameters
    ----------
    python : path
        Of :func:`interpreter`.
    threads : int
        Of XLA and LAPACK.
    single : bool
        Single precision in the place of double.
    """

    def __init__(self, python, threads, *, single=False):
        flags = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()} intra_op_parallelism_threads={threads}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["JAX_ENABLE_X64"] = "0" if single else "1"
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [python, HERE / "ntk_child.py"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def prepare(self, task, **inputs):
        """Hand a task its inputs and let it compile; returns its result, or None and prints why not."""
        paths = {}
        for name, values in inputs.items():
            paths[name] = str(Path(self._folder.name) / f"{name}.npy")
            np.save(paths[name], values)
        output = Path(self._folder.name) / "result.npy"
        answer = self._ask({"prepare": task, "inputs": paths, "output": str(output)})
        if "error" in answer:
            print(f"    {task}: neural-tangents gives up: {answer['error']}")
            return None
        return np.load(output)

    def run(self, task):
        """Do a prepared task once more; (CPU seconds, seconds)."""
        answer = self._ask({"run": task})
        return answer["cpu"], answer["wall"]

    def _ask(self, question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"neural-tangents ended with status {self._process.wait()} at {question}.")
        return json.loads(line)


def timed(function):
    """(CPU seconds, seconds) of one call, whose result is dropped after the clock has stopped."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = function()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    del result
    return spent


def alternate(functions, repeats, threads):
    """Median seconds of each function that times itself, in turns: CPU seconds on one core, elapsed ones on more.

    In each turn the second of two calls counts: what the other functions have driven out of the caches, and the memory
    that a virtual machine has given back to its host in the meantime, cost every function the same and some much.
    """
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            function()
            seconds[name].append(function()[0 if threads == 1 else 1])
    return {name: statistics.median(values) for name, values in seconds.items()}


def ratio(seconds):
    """Medians of both in words, and how many times faster ours are."""
    ours, theirs = seconds["ours"], seconds["theirs"]
    return f"{ours:.4f} s, neural-tangents {theirs:.4f} s, {theirs / ours:.1f} x"


def difference(ours, theirs):
    """Largest difference relative to the largest entry, and entry by entry."""
    worst = np.abs(ours - theirs)
    entrywise = float(np.max(worst / np.maximum(np.abs(theirs), np.finfo(np.float64).tiny)))
    return float(np.max(worst)) / float(np.max(np.abs(theirs))), entrywise


def available_cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cases(python):
    """Every number of threads to compare at: one, and two where there are two cores."""
    if python is None:
        sys.exit(0)
    return [threads for threads in (1, 2) if threads <= available_cores()]
