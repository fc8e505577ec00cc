"""Which kernels are positive definite, what rank the others have, and what networks of that rank never learn."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from theorylab import datasets
from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.ntk import experiment
from theorylab.ntk.problem import Activation, abs_, cos, erf, leaky_relu, monomial, relu
from theorylab.ntk.theory import NTK, KernelDegrees, gram_rank, kernel_degrees

__all__ = ["odd_labels", "positive_definite", "rank_of_gram"]

#: Forty equidistant points of the circle: twenty pairs of opposite ones.
_CIRCLE = experiment.equidistant_points(40)
_W_STD = math.sqrt(2.0)


class _Case(NamedTuple):
    """A network whose Gram matrices are examined."""

    label: str
    activation: Activation
    depth: int
    b_std: float

    @property
    def degrees(self) -> KernelDegrees:
        return kernel_degrees(self.activation, self.depth, self.b_std)

    def gram(self, X: np.ndarray) -> np.ndarray:
        """Tangent kernel of infinite width, integrated by brute force."""
        profile = experiment.interpolated_kernel(
            self.activation, kind="ntk", depth=self.depth, W_std=_W_STD, b_std=self.b_std
        )
        return profile(experiment.angles_between(X))

    def gram_of_network(self, conditions: Conditions, X: np.ndarray, width: int) -> np.ndarray:
        """Tangent kernel of one random network."""
        mlp = experiment.MLP((X.shape[1], *[width] * self.depth, 1), self.activation, _W_STD, self.b_std)
        backend = conditions.backend
        parameters = mlp.initial(conditions.rng("network", self.label, X.shape[1]), backend=backend)
        inputs = backend.asarray(math.sqrt(X.shape[1]) * X)
        return backend.to_numpy(experiment.empirical_ntk(mlp, parameters, inputs))


_DEFINITE = (
    _Case("ReLU, 1 layer, bias", relu(), 1, 0.1),
    _Case("ReLU, 3 layers, bias", relu(), 3, 0.1),
    _Case("leaky ReLU, 1 layer, bias", leaky_relu(0.2), 1, 0.1),
    _Case("absolute value, 1 layer, bias", abs_(), 1, 0.3),
    _Case("ReLU, 2 layers", relu(), 2, 0.0),
)
_SINGULAR = {
    "polynomial": (
        _Case("square, 1 layer, bias", monomial(2), 1, 0.3),
        _Case("square, 3 layers, bias", monomial(2), 3, 0.3),
    ),
    "one_layer_without_bias": (_Case("ReLU, 1 layer", relu(), 1, 0.0),),
    "odd_without_bias": (_Case("erf, 2 layers", erf(), 2, 0.0),),
    "even_without_bias": (_Case("absolute value, 2 layers", abs_(), 2, 0.0), _Case("cosine, 2 layers", cos(), 2, 0.0)),
}
#: Further cases of a known rank.
_RANKED = (
    _Case("square, 2 layers, bias", monomial(2), 2, 0.3),
    _Case("square, 2 layers", monomial(2), 2, 0.0),
    _Case("cube, 1 layer, bias", monomial(3), 1, 0.3),
    _Case("cube, 2 layers, bias", monomial(3), 2, 0.3),
    _Case("leaky ReLU, 1 layer", leaky_relu(0.2), 1, 0.0),
)


def _sphere(conditions: Conditions) -> np.ndarray:
    """Pairs of opposite points of the sphere in three dimensions."""
    return experiment.opposite_points(conditions.rng("sphere"), conditions.choose(quick=40, full=250), 3)


def _full_rank(label: str, gram: np.ndarray) -> Agreement:
    return Agreement(
        predicted=float(len(gram)), measured=float(experiment.numerical_rank(gram)), margin=0.0, label=f"rank, {label}"
    )


@claim(
    statement=r"With biases the tangent kernel of an activation that is no polynomial is strictly positive definite on "
    r"the sphere, $\mathrm{rank}\,\Theta(X, X) = n$ for all distinct points, for every depth $D \geq 1$; two layers "
    r"of ReLUs need no bias.",
    source="jacot2018, Proposition 2; ReLU without bias derived here",
    tolerance="none: a rank is a whole number; eigenvalues count above 1e-11 of the largest for ReLUs, whose smallest "
    "are above 1e-8 and whose rounding is below 1e-13; those of the sine, which fall below any rounding, in as many "
    "digits as needed",
    controls={
        "polynomial": "square as activation, whose kernel has the degree 2^D",
        "one_layer_without_bias": "one layer of ReLUs without bias, which has no odd degree beyond one",
        "odd_without_bias": "error function without bias, an odd kernel at every depth",
        "even_without_bias": "absolute value and cosine without bias, even kernels at every depth",
    },
)
def positive_definite(conditions: Conditions) -> Outcome:
    """Ranks of Gram matrices of pairs of opposite points, the kernel integrated by brute force."""
    sphere = _sphere(conditions)
    doublings, digits = conditions.choose(quick=(6, 100), full=(7, 300))
    sine = experiment.sine_gram_eigenvalues(doublings, depth=2, bias_variance=0.25, digits=digits)
    waves = np.array([1, *[2] * (len(sine) - 2), 1])  # a cosine and a sine of each frequency but the first and last
    # half of the digits is left for the rounding
    positive = np.array([float(value > sine[0].scaleb(-digits // 2)) for value in sine])
    grams = {case.label: case.gram(_CIRCLE) for case in (*_DEFINITE, *sum(_SINGULAR.values(), ()))}
    return Outcome(
        evidence=[
            *(_full_rank(f"circle, {case.label}", grams[case.label]) for case in _DEFINITE),
            *(_full_rank(f"sphere, {case.label}", case.gram(sphere)) for case in _DEFINITE),
            Agreement(
                predicted=float(waves.sum()),
                measured=float(waves @ positive),
                margin=0.0,
                label=f"rank in {digits} digits, sine, 2 layers, bias",
            ),
        ],
        controls={
            name: [_full_rank(f"circle, {case.label}", grams[case.label]) for case in cases]
            for name, cases in _SINGULAR.items()
        },
        arrays={
            "sine": np.array([float(value / sine[0]) for value in sine]),
        },
    )


@claim(
    statement=r"The Gram matrix of $m$ pairs of opposite points has the rank $\min(m, D_{even}) + \min(m, D_{odd})$ "
    r"with $D_K = \binom{K+d-1}{d-1}$, $K$ the highest degree of each parity in the kernel: $2p^D + 1$ on the circle "
    r"for a polynomial of degree $p$ with bias, $m + d$ for one layer of ReLUs without; at infinite width as at any.",
    source="derived here",
    tolerance="none: a rank is a whole number; eigenvalues count above 1e-11 of the largest, where the smallest that "
    "is not zero is above 1e-10 and rounding below 1e-13",
    controls={
        "parity_ignored": "opposite points counted as if they were any points",
        "degree_grows_linearly": "a polynomial of degree p in D layers taken to have the degree p D",
        "bias_ignored": "the rank that the network would have without its biases",
        "bias_everywhere": "the rank that the network would have with biases",
    },
)
def rank_of_gram(conditions: Conditions) -> Outcome:
    """Ranks of the limiting kernel, and of the kernels of single random networks, on the circle and on a sphere."""
    cases = [*_DEFINITE, *sum(_SINGULAR.values(), ()), *_RANKED]
    # analytic kernels and high powers have eigenvalues below any rounding on many points of the sphere
    spherical = [case for case in cases if case.activation.name == "leaky_relu" or case.depth == 1]
    sphere, width = _sphere(conditions), conditions.choose(quick=256, full=1024)
    settings = [(case, _CIRCLE) for case in cases] + [(case, sphere) for case in spherical]
    grams = [case.gram(X) for case, X in settings]
    limits = np.array([experiment.numerical_rank(gram) for gram in grams], dtype=float)
    networks = np.array(
        [experiment.numerical_rank(case.gram_of_network(conditions, X, width)) for case, X in settings], dtype=float
    )

    def compare(rank: Callable[[_Case, np.ndarray], float]) -> list[Agreement]:
        predicted = np.array([rank(case, X) for case, X in settings])
        kinds = (("infinite width", limits), (f"one network of width {width}", networks))
        return [
            Agreement(predicted=predicted, measured=measured, margin=0.0, label=f"rank, {label}")
            for label, measured in kinds
        ]

    def rank(degrees: KernelDegrees, X: np.ndarray, antipodal: bool = True) -> float:
        return float(gram_rank(degrees, X.shape[1], len(X), antipodal=antipodal))

    def linear(case: _Case, X: np.ndarray) -> float:
        if case.activation.name != "polynomial":
            return rank(case.degrees, X)
        top = case.depth * (len(case.activation.parameters) - 1)
        return rank(kernel_degrees(monomial(top), 1, case.b_std), X)

    predicted = [rank(case.degrees, X) for case, X in settings]
    return Outcome(
        evidence=compare(lambda case, X: rank(case.degrees, X)),
        controls={
            "parity_ignored": compare(lambda case, X: rank(case.degrees, X, antipodal=False)),
            "degree_grows_linearly": compare(linear),
            "bias_ignored": compare(lambda case, X: rank(case._replace(b_std=0.0).degrees, X)),
            "bias_everywhere": compare(lambda case, X: rank(case._replace(b_std=1.0).degrees, X)),
        },
        arrays={
            "labels": np.array([case.label for case in cases]),
            "predicted": np.array(predicted[: len(cases)]),
            "limit": limits[: len(cases)],
            "network": networks[: len(cases)],
            "spectra": np.array([np.linalg.eigvalsh(gram)[::-1] for gram in grams[: len(cases)]]),
        },
    )


@functools.cache
def _odd_problem(n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of two digits on a sphere of few dimensions, each with its negative, and labels that turn their sign."""
    digits = datasets.load("digits")
    chosen = np.flatnonzero(np.isin(digits.y, (3, 8)))[:n]
    X = datasets.standardized(digits.X)[chosen]
    X = X @ np.linalg.svd(X, full_matrices=False)[2][:dim].T  # principal components
    X *= math.sqrt(dim) / np.linalg.norm(X, axis=1, keepdims=True)
    y = np.where(digits.y[chosen] == 3, 1.0, -1.0)[:, None]
    return np.concatenate([X, -X]), np.concatenate([y, -y])


def _losses(
    conditions: Conditions, X: np.ndarray, y: np.ndarray, depth: int, b_std: float, record: list[int]
) -> np.ndarray:
    """Training loss of one network after each of the recorded numbers of steps."""
    mlp = experiment.MLP((X.shape[1], *[conditions.choose(quick=256, full=384)] * depth, 1), relu(), _W_STD, b_std)
    backend = conditions.backend
    start = mlp.initial(conditions.rng("trained", depth, str(b_std)), backend=backend)
    inputs, targets = backend.asarray(X), backend.asarray(y)
    kernel = backend.to_numpy(experiment.empirical_ntk(mlp, start, inputs))
    rate = len(X) / float(np.linalg.eigvalsh(kernel)[-1])  # half of what is stable
    run = experiment.train(mlp, start, inputs, targets, learning_rate=rate, record=record)
    return np.mean((backend.to_numpy(run.outputs) - y) ** 2, axis=(1, 2))


@claim(
    statement=r"A network with one layer of ReLUs and no bias never fits labels with $y(-x) = -y(x)$ better than the "
    r"part of them in the range of its kernel, $\frac1n|f_k - y|^2 \geq \frac1n|(1 - P_{\Theta})\,y|^2$ at every "
    r"width and every step: the odd part of what it computes is linear.",
    source="derived here, from the rank of the kernel",
    tolerance="1e-9 for the rounding of the training; that the bound is nearly attained is asked for too: the loss "
    "ends within 5 % above it, since the modes in the range decay",
    controls={
        "bias": "biases of the size of the weights, which make the kernel positive definite",
        "two_layers": "a second hidden layer, likewise",
        "whole_range": "bound of a positive definite kernel, zero, as one that is nearly attained",
    },
)
def odd_labels(conditions: Conditions) -> Outcome:
    """Networks trained on digits and their negatives, on a sphere in few dimensions."""
    X, y = _odd_problem(*conditions.choose(quick=(40, 3), full=(100, 4)))
    steps = conditions.choose(quick=1000, full=2000)
    record = sorted({int(step) for step in np.geomspace(1, steps, 25)})
    eigenvalues, vectors = np.linalg.eigh(NTK(relu(), 1, _W_STD, 0.0)(X))
    unreached = vectors[:, eigenvalues <= 1e-11 * eigenvalues[-1]]
    floor = float(np.sum((unreached.T @ y) ** 2)) / len(X)
    losses = {
        name: _losses(conditions, X, y, depth, b_std, record)
        for name, depth, b_std in (("without_bias", 1, 0.0), ("bias", 1, 1.0), ("two_layers", 2, 0.0))
    }

    def bounded(name: str) -> Bound:
        return Bound(lhs=np.full(len(record), floor), rhs=losses[name], margin=1e-9, label="floor below the loss")

    def attained(at: float) -> Bound:
        return Bound(lhs=losses["without_bias"][-1], rhs=1.05 * at, margin=0.0, label="loss at the end near the floor")

    return Outcome(
        evidence=[bounded("without_bias"), attained(floor)],
        controls={"bias": bounded("bias"), "two_layers": bounded("two_layers"), "whole_range": attained(0.0)},
        arrays={"steps": np.array(record), "floor": floor, **losses},
    )
