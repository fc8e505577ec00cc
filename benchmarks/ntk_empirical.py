"""The empirical tangent kernel of a finite network, layer by layer, beside its explicit Jacobian and neural-tangents.

A ReLU network with three hidden layers of width 512 and one output, at 500 points: all three give the same matrix, and
the peer with its structured derivatives, the fastest of its implementations here, and with the contraction of
Jacobians, both mapped over the points (its vector products were not faster than the contraction at 100 points).  They
take turns in one run, with equal inputs and numbers of threads: medians, CPU seconds on one core and elapsed ones on
two.  The Jacobian takes 2.2 GB, and twice that while it is made.  Run it with `python benchmarks/ntk_empirical.py`.
"""

import functools

import numpy as np
from peers import ntk

from theorylab.ntk import MLP, empirical_ntk
from theorylab.ntk.experiment import explicit_jacobian
from theorylab.ntk.problem import relu

N_POINTS, N_INPUTS, WIDTH, REPEATS = 500, 64, 512, 7
IMPLEMENTATIONS = ("structured_derivatives, vmap", SLOW := "jacobian_contraction, vmap")


def by_jacobian(mlp, parameters, X):
    """The same kernel from the derivative by every parameter."""
    jacobian = explicit_jacobian(mlp, parameters, X)[:, 0, :]
    return jacobian @ jacobian.T


def compare(python, threads):
    """Print one number of threads."""
    rng = np.random.default_rng(0)
    mlp = MLP((N_INPUTS, WIDTH, WIDTH, WIDTH, 1), relu(), W_std=2.0**0.5, b_std=0.1)
    X, parameters = rng.standard_normal((N_POINTS, N_INPUTS)), mlp.initial(rng)
    own, explicit = (functools.partial(function, mlp, parameters, X) for function in (empirical_ntk, by_jacobian))
    pairs = enumerate(zip(parameters.weights, parameters.biases, strict=True))
    inputs = {"X": X} | {f"{kind}{i}": part for i, pair in pairs for kind, part in zip("Wb", pair, strict=True)}
    with ntk.limited(threads), ntk.Peer(python, threads) as peer:
        result, names = own(), []
        print(f"{threads} core{'s' * (threads > 1)}")
        for name in IMPLEMENTATIONS:
            theirs = peer.prepare(name, **inputs)
            if theirs is not None:
                names.append(name)
                print(f"    {name}: largest difference {ntk.difference(result, theirs)[0]:.1e} of the largest entry")
        runs = {name: functools.partial(peer.run, name) for name in names}
        quick = {name: run for name, run in runs.items() if name != SLOW}
        seconds = ntk.alternate({"ours": lambda: ntk.timed(own), **quick}, REPEATS, threads)
        seconds |= ntk.alternate({name: run for name, run in runs.items() if name == SLOW}, 3, threads)
        jacobian = ntk.alternate({"explicit": lambda: ntk.timed(explicit)}, 3, threads)["explicit"]
        error = ntk.difference(result, explicit())[0]
    print(f"  explicit Jacobian: {jacobian:.3f} s, {jacobian / seconds['ours']:.0f} x; largest difference {error:.1e}")
    for name in names:
        print(f"  {name}: {ntk.ratio({'ours': seconds['ours'], 'theirs': seconds[name]})}", flush=True)


def main():
    """Print every case."""
    python = ntk.interpreter()
    for threads in ntk.cases(python):
        compare(python, threads)


if __name__ == "__main__":
    main()
