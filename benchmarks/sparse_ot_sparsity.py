"""Sparsity-constrained transport beside POT, whose solver is L-BFGS on the semi-dual: to POT's value, and to the end.

Uniform marginals, two Gaussian clouds and iid costs, n = 100, 500, 1000, at most k = 1, 2, 4, 8 entries in a column,
reg = n/10.  For each problem, CPU seconds on one thread, medians of several runs taken in turn:

* POT: `ot.smooth.smooth_ot_semi_dual` with its defaults, and how far its value is from the optimum;
* first: the first stage here, until it reaches POT's value;
* certified: `sparse_ot(plan="convex")`, from the cold start to a relative duality gap of at most 1e-9, which is
  recomputed from the dense problem with the public objectives.

Run it with `python benchmarks/sparse_ot_sparsity.py`; a list of sizes as arguments runs those alone.
"""

import contextlib
import io
import statistics
import sys
import time

import numpy as np
import ot
from threadpoolctl import threadpool_limits

from theorylab.sparse_ot import convexified_cost, gaussian_clouds, iid_costs, semi_dual_objective, sparse_ot
from theorylab.sparse_ot.theory._columns import Columns, SemiDual
from theorylab.sparse_ot.theory._first_order import ascend, entropic_start

FAMILIES = {"Gaussian": gaussian_clouds, "iid": iid_costs}
REPEATS = {100: 15, 500: 3, 1000: 3}
ENTRIES = (1, 2, 4, 8)


class Reached(Exception):
    """The value asked for."""


def pot(problem, reg, k):
    """Value of POT's solver."""
    # its projection writes a line for every evaluation
    with contextlib.redirect_stdout(io.StringIO()):
        _, log = ot.smooth.smooth_ot_semi_dual(*problem, reg, "sparsity_constrained", max_nz=k, log=True)
    return -float(log["res"].fun)


def first_stage(problem, reg, k, value):
    """Run the first stage until it reaches a value."""
    columns = Columns.of(*problem, reg, k)
    semi_dual = SemiDual(columns)

    def watched(alpha):
        found, gradient = semi_dual(alpha)
        if found * columns.value_unit >= value:
            raise Reached
        return found, gradient

    try:
        ascend(watched, entropic_start(columns), 5000, 1e-14)
    except Reached:
        return
    raise RuntimeError("the first stage did not reach the value")


def certified(problem, reg, k):
    """Plan and log of the solver."""
    return sparse_ot(*problem, reg, k, plan="convex", log=True)


def gap(problem, reg, k, plan, log):
    """Relative gap of the two bounds on the dense problem, and the l1 error of the plan's marginals."""
    lower = float(semi_dual_objective(log.alpha, *problem, reg, k).value)
    upper = float(convexified_cost(plan, problem.M, reg, k))
    error = np.abs(plan.sum(axis=1) - problem.a).sum() + np.abs(plan.sum(axis=0) - problem.b).sum()
    return abs(upper - lower) / upper, error, lower


def seconds(function):
    """CPU time of one call, and what it returns."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def compare(name, n, k):
    """One line of the table."""
    problem, reg = FAMILIES[name](np.random.default_rng(0), n), n / 10
    times = {"pot": [], "first": [], "certified": []}
    for _ in range(REPEATS.get(n, 3)):
        taken, value = seconds(lambda: pot(problem, reg, k))
        times["pot"].append(taken)
        times["first"].append(seconds(lambda value=value: first_stage(problem, reg, k, value))[0])
        taken, (plan, log) = seconds(lambda: certified(problem, reg, k))
        times["certified"].append(taken)
    medians = {key: statistics.median(values) for key, values in times.items()}
    relative, error, optimum = gap(problem, reg, k, plan, log)
    print(
        f"{name:8} {n:5} {k:2} | {medians['pot']:8.3f} {(optimum - value) / optimum:8.1e} | {medians['first']:7.3f} "
        f"{medians['first'] / medians['pot']:5.2f} | {medians['certified']:7.3f} "
        f"{medians['certified'] / medians['pot']:5.2f} {relative:8.1e} {error:8.1e} {int(log.tied_columns.sum()):5}",
        flush=True,
    )


def main():
    """Print the table."""
    print(f"{'':17} | {'POT':>17} | {'first stage':>13} | {'certified':>37}")
    print(f"{'family':8} {'n':>5} {'k':>2} | {'s':>8} {'missing':>8} | {'s':>7} {'/POT':>5} | ", end="")
    print(f"{'s':>7} {'/POT':>5} {'gap':>8} {'marg.':>8} {'tied':>5}")
    with threadpool_limits(1):
        certified(iid_costs(np.random.default_rng(1), 10), 1.0, 2)  # imports
        for n in [int(size) for size in sys.argv[1:]] or REPEATS:
            for name in FAMILIES:
                for k in ENTRIES:
                    compare(name, n, k)


if __name__ == "__main__":
    main()
