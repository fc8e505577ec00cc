"""Entropic transport at eta = 1200: the Newton method beside POT's scaling Sinkhorn and OTT-JAX's log-domain Sinkhorn.

Costs lie in [0, 1].  Each solver runs on one core; the numbers are medians of CPU seconds, and the l1 errors of both
marginals are summed from the plans.  POT is asked for 1e-8 (in its own measure, the l2 error of one marginal), ours for
1e-10 in l1.  A run of POT is given up after MAX_SECONDS; its factor is then a lower bound.  OTT-JAX lives in an
environment of its own, made on first use in a temporary folder (or in the one named by OTT_VENV); where it cannot be
made, it is left out.  Run it with `python benchmarks/sparse_ot_entropic.py`; `--memory` adds n = 4000.
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from theorylab.numerics import NotConverged
from theorylab.sparse_ot.problem import gaussian_clouds, iid_costs, stroke_images
from theorylab.sparse_ot.theory import entropic_ot_newton

ETA, REPEATS = 1200.0, 5
#: CPU seconds that POT gets for one problem, and sweeps that it does between two looks at the clock.
MAX_SECONDS, SWEEPS = 60.0, 5_000
#: Environment of child processes.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
#: Sweeps that OTT-JAX gets.
OTT_SWEEPS = 5_000

CASES = {
    "iid n = 100": lambda: iid_costs(np.random.default_rng(0), 100),
    "iid n = 500": lambda: iid_costs(np.random.default_rng(0), 500),
    "iid n = 1000": lambda: iid_costs(np.random.default_rng(0), 1000),
    "Gaussian n = 300": lambda: gaussian_clouds(np.random.default_rng(0), 300),
    "squared l2, 28 x 28": lambda: stroke_images(28, "sqeuclidean"),
    "l1, 28 x 28": lambda: stroke_images(28, "cityblock"),
}

OTT_SCRIPT = """
import json, resource, sys, time
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
from ott.geometry import geometry
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn
data = np.load(sys.argv[1])
a, b, M = (jax.numpy.asarray(data[name]) for name in "abM")
problem = linear_problem.LinearProblem(geometry.Geometry(cost_matrix=M, epsilon=float(sys.argv[2])), a, b)
solver = jax.jit(sinkhorn.Sinkhorn(threshold=1e-8, max_iterations=int(sys.argv[3]), inner_iterations=50))
solver(problem).matrix.block_until_ready()
def seconds():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime
start = seconds()
out = solver(problem)
plan = np.asarray(out.matrix)
spent = seconds() - start
errors = [float(np.abs(plan.sum(1) - data["a"]).sum()), float(np.abs(plan.sum(0) - data["b"]).sum())]
found = {"seconds": spent, "errors": errors, "sweeps": int(out.n_iters), "converged": bool(out.converged)}
print(json.dumps(found))
"""


def errors(plan, a, b):
    """l1 errors of rows and columns."""
    return float(np.abs(plan.sum(axis=1) - a).sum()), float(np.abs(plan.sum(axis=0) - b).sum())


def timed(function):
    """CPU seconds and result of one call."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def run_pot(a, b, M):
    """CPU seconds, sweeps, errors, and whether POT's own test was met, doubling the sweeps until the time is up."""
    import ot

    sweeps = SWEEPS
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = {"method": "sinkhorn", "stopThr": 1e-8, "numItermax": sweeps, "log": True}
            seconds, (plan, log) = timed(lambda options=options: ot.sinkhorn(a, b, M, 1.0 / ETA, **options))
        reached = log["err"][-1] < 1e-8
        if reached or seconds > MAX_SECONDS / 2.0:
            return seconds, log["niter"], errors(plan, a, b), reached
        sweeps *= 2


def ott_python():
    """Interpreter of an environment with OTT-JAX 0.6.0, or None and why."""
    folder = Path(os.environ.get("OTT_VENV", Path(tempfile.gettempdir()) / "theorylab-ott-0.6.0"))
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            venv.create(folder, with_pip=True)
        if subprocess.run([python, "-c", "import ott"], capture_output=True, check=False).returncode:
            command = [python, "-m", "pip", "install", "--quiet", "ott-jax==0.6.0"]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error).partition("\n")[0]
    return python, ""


def run_ott(python, a, b, M):
    """CPU seconds (user), sweeps, errors, and whether OTT's own test was met."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "problem.npz"
        np.savez(data, a=a, b=b, M=M)
        environment = {**ONE_THREAD, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
        command = ["taskset", "-c", "0", python, "-c", OTT_SCRIPT, data, str(1.0 / ETA), str(OTT_SWEEPS)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found = json.loads(done.stdout)
    return found["seconds"], found["sweeps"], tuple(found["errors"]), found["converged"]


def peer_line(name, seconds, sweeps, both, reached, own):
    ratio = f"{seconds / own:.1f} x" if reached else f"not reached: at least {seconds / own:.1f} x"
    return f"    {name:14} {seconds:9.3f} s  {sweeps:>7} sweeps  rows {both[0]:.1e}  columns {both[1]:.1e}  {ratio}"


def solvers(a, b, M):
    """Name to call: the methods to 1e-10, and the automatic choice at the accuracy that POT stops at."""
    calls = {method: {"method": method} for method in ("auto", "lm")}
    calls["sinkhorn"] = {"method": "sinkhorn", "max_iter": 3000}
    calls["auto, to 2e-8"] = {"method": "auto", "tol": 2e-8}
    return {
        name: functools.partial(entropic_ot_newton, a, b, M, 1.0 / ETA, log=True, **keywords)
        for name, keywords in calls.items()
    }


def measure_own(a, b, M):
    """Median CPU seconds of each solver, in turns, so that a busy machine disturbs all of them alike."""
    calls, seconds, results = solvers(a, b, M), {}, {}
    for repeat in range(REPEATS + 1):
        for name, call in list(calls.items()):
            try:
                spent, results[name] = timed(call)
            except NotConverged as error:
                print(f"    {name:14} not within 3000 sweeps (error {float(error.residual):.1e})")
                del calls[name]
                continue
            if repeat:  # the first one does not count
                seconds.setdefault(name, []).append(spent)
    return {name: statistics.median(values) for name, values in seconds.items()}, results


def compare(name, python):
    """Print one case."""
    a, b, M = CASES[name]()
    print(name)
    own, results = measure_own(a, b, M)
    for method, seconds in own.items():
        plan, log = results[method]
        rows, columns = errors(plan, a, b)
        print(
            f"    {method:14} {seconds:9.3f} s  {log['n_sweeps']:>7} sweeps  rows {rows:.1e}  columns {columns:.1e}  "
            f"{log['n_factorizations']} factorisations, ended by {log['method']}"
        )
    best = min(own[method] for method in ("auto", "lm", "sinkhorn") if method in own)
    print(f"    auto over the best of its methods: {own['auto'] / best:.2f}")
    print(peer_line("POT", *run_pot(a, b, M), own["auto"]), flush=True)
    if python is not None:
        print(peer_line("OTT-JAX", *run_ott(python, a, b, M), own["auto"]), flush=True)


def measure_memory():
    """Peak memory and CPU seconds of n = 4000 in processes of their own."""
    for family in ("iid_costs", "gaussian_clouds"):
        code = (
            "import resource, time, numpy as np\n"
            f"from theorylab.sparse_ot.problem import {family}\n"
            "from theorylab.sparse_ot.theory import entropic_ot_newton\n"
            f"problem = {family}(np.random.default_rng(0), 4000)\n"
            "start = time.process_time()\n"
            f"plan, log = entropic_ot_newton(*problem, 1 / {ETA}, method='lm', log=True)\n"
            "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20\n"
            "print(f'{time.process_time() - start:.1f} s, {log[\"n_factorizations\"]} factorisations, '\n"
            "      f'error {log[\"errors\"][-1]:.1e}, peak memory {peak:.2f} GiB')\n"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=ONE_THREAD, capture_output=True, text=True, check=True)
        print(f"n = 4000, {family}: {done.stdout.strip()}")


def main():
    """Print every case, or those that are named."""
    python, why = ott_python()
    if python is None:
        print(f"OTT-JAX is left out: {why}")
    names = [name for name in CASES if name in sys.argv] or list(CASES)
    with threadpool_limits(1):
        for name in names:
            compare(name, python)
    if "--memory" in sys.argv:
        measure_memory()


if __name__ == "__main__":
    main()
