"""Training dynamics at 100 times beside neural-tangents: gradient flow, and ensembles with their full covariance.

Gradient flow predicts n = m = 1000 points from given kernels, eigendecomposition included.  Ensembles have 200 test
points and start from the points, as neural-tangents has it, or from given kernels; the peer's time is the better one of
its function as it is and compiled.  What remains of the time is also shown against its floor, the eigendecomposition.
Both take turns in one run, with equal inputs and numbers of threads: medians, CPU seconds on one core and elapsed ones
on two.  Run it with `python benchmarks/ntk_dynamics.py`.
"""

import functools

import numpy as np
from peers import ntk

from theorylab.ntk import NTK, KernelGradientFlow

N_INPUTS, N_TEST, REPEATS = 64, 200, 7
TIMES = np.geomspace(1.0, 1e5, 100)
KERNEL = NTK("relu", depth=3)


def points(n, m):
    """Training points, test points and targets."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, N_INPUTS)), rng.standard_normal((m, N_INPUTS)), rng.standard_normal((n, 1))


def gradient_flow(K, y, K_star):
    return KernelGradientFlow(K, y).predict(TIMES, K_star)


def kernels_of(X, Z):
    """Tangent kernel of the training points, and what an ensemble needs besides."""
    train, cross = KERNEL(X, get=("nngp", "ntk")), KERNEL(Z, X, get=("nngp", "ntk"))
    others = {"S": train.nngp, "S_star": cross.nngp, "S_star_star": KERNEL(Z, get="nngp")}
    return train.ntk, {"K_star": cross.ntk, **others}


def ensemble(K, y, kernels):
    return KernelGradientFlow(K, y).ensemble(TIMES, full=True, **kernels).covariance


def ensemble_of_points(X, Z, y):
    K, kernels = kernels_of(X, Z)
    return ensemble(K, y, kernels)


def compare(name, peer, task, own, inputs, threads):
    """Print our time beside the better one of the peer's two ways."""
    versions = [version for version in (task, f"{task}, compiled") if not skip(peer, version, own, inputs)]
    runs = {version: functools.partial(peer.run, version) for version in versions}
    medians = ntk.alternate({"ours": lambda: ntk.timed(own), **runs}, REPEATS, threads)
    best = min(versions, key=medians.get)
    print(f"  {name}: {ntk.ratio({'ours': medians['ours'], 'theirs': medians[best]})} ({best})", flush=True)


def skip(peer, version, own, inputs):
    """Prepare one version and print how far it is from ours; whether it failed."""
    theirs = peer.prepare(version, **inputs)
    if theirs is not None:
        overall, _ = ntk.difference(np.reshape(own(), theirs.shape), theirs)
        print(f"    {version}: largest difference {overall:.1e} of the largest entry")
    return theirs is None


def main():
    """Print every case."""
    python = ntk.interpreter()
    for threads in ntk.cases(python):
        with ntk.limited(threads), ntk.Peer(python, threads) as peer:
            print(f"{threads} core{'s' * (threads > 1)}")
            X, Z, y = points(1000, 1000)
            K, K_star = KERNEL(X), KERNEL(Z, X)
            inputs = {"K": K, "y": y, "K_star": K_star, "times": TIMES}
            compare("gradient flow", peer, "flow", functools.partial(gradient_flow, K, y, K_star), inputs, threads)
            for n in (100, 500, 1000):
                X, Z, y = points(n, N_TEST)
                K, kernels = kernels_of(X, Z)
                inputs = {"X": X, "Z": Z, "y": y, "times": TIMES}
                own = functools.partial(ensemble_of_points, X, Z, y)
                compare(f"ensemble of points, n = {n}", peer, "ensemble", own, inputs, threads)
                own = functools.partial(ensemble, K, y, kernels)
                compare(f"ensemble of kernels, n = {n}", peer, "ensemble_of_kernels", own, inputs, threads)
                floor = ntk.alternate({"eigh": lambda K=K: ntk.timed(lambda: np.linalg.eigh(K))}, REPEATS, threads)
                print(f"    its eigendecomposition alone: {floor['eigh']:.4f} s")


if __name__ == "__main__":
    main()
