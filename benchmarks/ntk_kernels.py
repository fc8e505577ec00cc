"""The tangent kernel of a ReLU network of three hidden layers, n = 4000 points, beside neural-tangents' compiled one.

Both take turns in one run, with equal inputs and numbers of threads: medians, CPU seconds on one core and elapsed ones
on two; the largest differences of the two kernels; and the largest memory that ours held, in units of the result.  Run
it with `python benchmarks/ntk_kernels.py`.
"""

import tracemalloc

import numpy as np
from peers import ntk

from theorylab.ntk import NTK

N_POINTS, N_INPUTS, REPEATS = 4000, 64, 9


def peak_memory(kernel, X):
    """Largest memory held during a call, in matrices (n, n)."""
    tracemalloc.start()
    result = kernel(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / result.nbytes


def compare(python, threads, dtype):
    """Print one case."""
    X = np.random.default_rng(0).standard_normal((N_POINTS, N_INPUTS)).astype(dtype)
    kernel = NTK("relu", depth=3)
    with ntk.limited(threads), ntk.Peer(python, threads, single=dtype == "float32") as peer:
        theirs, ours = peer.prepare("kernel", X=X), kernel(X)
        overall, entrywise = ntk.difference(ours, theirs)
        del theirs, ours
        runs = {"ours": lambda: ntk.timed(lambda: kernel(X)), "theirs": lambda: peer.run("kernel")}
        seconds = ntk.alternate(runs, REPEATS, threads)
        memory = peak_memory(kernel, X)
    print(
        f"{dtype}, {threads} core{'s' * (threads > 1)}: {ntk.ratio(seconds)}; relative difference {overall:.1e}, "
        f"entry by entry {entrywise:.1e}; peak memory {memory:.2f} n x n",
        flush=True,
    )


def main():
    """Print every case."""
    python = ntk.interpreter()
    print(f"NTK, n = {N_POINTS}, d = {N_INPUTS}")
    for threads in ntk.cases(python):
        for dtype in ("float64", "float32"):
            compare(python, threads, dtype)


if __name__ == "__main__":
    main()
