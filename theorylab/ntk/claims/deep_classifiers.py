"""What deep networks become as classifiers, and which of them learn the best rule there is."""

from __future__ import annotations

import math

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from theorylab.claims import Agreement, Bound, Conditions, Ordering, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.estimators import DepthLimitClassifier
from theorylab.ntk.experiment import Samples
from theorylab.ntk.problem import optimal_activation
from theorylab.ntk.theory import DepthLimit

__all__ = ["bayes_consistency", "majority_vote", "nearest_neighbour", "singular_smoother"]

#: Share of test points on which two classifiers must agree to count as one.  Points whose vote is nearly tied may fall
#: either way at finite depth; every control agrees on fewer than 97 %.
_SAME = 0.985
#: Samples on which the limit of the deep kernel itself is evaluated, which takes a hundred layers.
_DEEP_REPETITIONS = 4
#: Majority of a vote up to which it counts as tied.
_TIED = 0.1
_NEAREST = (0.0, 0.0, 1.0)
_MAJORITY = (0.25, 0.0, 0.75)


def _samples(conditions: Conditions, dim: int, n: int) -> tuple[Samples, Samples]:
    rng = conditions.rng("sphere", dim, n)
    draw = experiment.random_labels_on_sphere
    return draw(rng, n, dim), draw(rng, conditions.choose(quick=300, full=2000), dim)


def _deep(p: tuple[float, ...], train: Samples, test: Samples, depth: float, kind: str = "nngp") -> np.ndarray:
    model = DepthLimitClassifier(p, depth=depth, kind=kind, lift=False)
    return np.asarray(model.fit(train.points, train.labels).predict(test.points))


def _same_as_vote(predictions: np.ndarray, vote: np.ndarray, label: str) -> Bound:
    """Agreement where the vote is not nearly tied; the deep kernel is the power law but for a slowly varying factor."""
    clear = np.abs(vote) > _TIED
    return _same(predictions[clear], (vote[clear] > 0.0).astype(np.int64), label)


def _same(predictions: np.ndarray, reference: np.ndarray, label: str) -> Bound:
    return Bound(lhs=_SAME, rhs=float(np.mean(predictions == reference)), margin=0.0, label=label)


@claim(
    statement=r"Without constant and linear part, $p_0 = p_1 = 0$, a deep network is a nearest-neighbour classifier.",
    source="radhakrishnan2023, classification of the limits",
    tolerance="agreement on 98.5 % of the test points: near the borders of the cells two neighbours are equally far, "
    "and a finite depth decides by their sum",
    controls={
        "linear_part": "an activation with a linear part, whose limit is a smoother",
        "shallow": "four layers",
        "two_neighbours_fewer": "vote of the three nearest neighbours",
    },
)
def nearest_neighbour(conditions: Conditions) -> Outcome:
    """Kernel machines of growing depth beside scikit-learn's nearest-neighbour classifier."""
    train, test = _samples(conditions, 2, conditions.choose(quick=400, full=4000))
    reference = KNeighborsClassifier(1).fit(train.points, train.labels).predict(test.points)
    three = KNeighborsClassifier(3).fit(train.points, train.labels).predict(test.points)
    depths = [4, 8, 12, 16, 20]
    deep = {depth: _deep(_NEAREST, train, test, depth) for depth in depths}
    linear = DepthLimit.of(optimal_activation(2)).p
    return Outcome(
        evidence=[
            _same(deep[20], reference, "20 layers and the nearest neighbour"),
            _same(_deep(_NEAREST, train, test, math.inf), reference, "the limit and the nearest neighbour"),
        ],
        controls={
            "linear_part": _same(_deep(linear, train, test, 20), reference, "with a linear part"),
            "shallow": _same(deep[4], reference, "4 layers"),
            "two_neighbours_fewer": _same(deep[20], three, "three neighbours"),
        },
        arrays={
            "depths": np.array(depths),
            "agreement": np.array([np.mean(deep[depth] == reference) for depth in depths]),
        },
    )


@claim(
    statement=r"With a constant part, $p_0 > 0$, and $B \ge 1$ a deep network votes with the majority: off the "
    r"diagonal $K_L \to c/(1-\check\phi'(c))$, $c = \check\phi(c)$, while the diagonal grows without bound; for "
    r"normalised ReLU $K_L/(L+1) \to 1/4$ off and $1$ on the diagonal.",
    source="radhakrishnan2023, classification of the limits; fixed point and kernel values derived here",
    tolerance="agreement on 98.5 % of the test points; kernel values to 1 % for the series; ReLU between points 0.9 "
    "radians apart and more to (8 + 2 log L)/L, the slow law of its approach with a constant of about twice its size",
    controls={
        "shallow": "20 layers, which still classify by the nearest neighbour",
        "slope_below_one": "an activation with B < 1 without ridge, which interpolates",
        "linear_part_only": "an activation without constant part",
        "relu_half": "1/2 in the place of 1/4 for ReLU",
    },
)
def majority_vote(conditions: Conditions) -> Outcome:
    """Kernel machines of growing depth beside the most frequent label."""
    train, test = _samples(conditions, 2, conditions.choose(quick=300, full=800))
    majority = DummyClassifier(strategy="most_frequent").fit(train.points, train.labels).predict(test.points)
    nearest = KNeighborsClassifier(1).fit(train.points, train.labels).predict(test.points)
    depths = [5, 10, 20, 30, 40, 60, 80]
    deep = {depth: _deep(_MAJORITY, train, test, depth, "ntk") for depth in depths}
    logs = np.array(experiment.deep_kernels(_MAJORITY, [0.02, 0.3, 0.9], [80])[1][0])
    relu_depth = conditions.choose(quick=2000, full=100_000)
    relu = experiment.deep_relu_kernel([0.9, 1.2, 0.5 * math.pi], relu_depth) / (relu_depth + 1)
    slow = (8.0 + 2.0 * math.log(relu_depth)) / relu_depth

    def off_diagonal(limit: float) -> Agreement:
        return Agreement(
            predicted=np.full_like(relu, limit), measured=relu, margin=slow, label="ReLU kernel over depth + 1"
        )

    return Outcome(
        evidence=[
            _same(deep[80], majority, "80 layers and the majority"),
            Agreement(
                predicted=np.full(3, (1.0 / 3.0) / (1.0 - 0.5)),
                measured=np.exp(logs),
                margin=0.01,
                label="kernel off the diagonal",
            ),
            off_diagonal(0.25),
        ],
        controls={
            "shallow": _same(deep[20], majority, "20 layers"),
            "slope_below_one": _same(_interpolated(train, test), majority, "B < 1 without ridge"),
            "linear_part_only": _same(_deep((0.0, 0.25, 0.75), train, test, 80), majority, "without constant"),
            "relu_half": off_diagonal(0.5),
        },
        arrays={
            "depths": np.array(depths),
            "agreement_majority": np.array([np.mean(deep[depth] == majority) for depth in depths]),
            "agreement_nearest": np.array([np.mean(deep[depth] == nearest) for depth in depths]),
        },
    )


def _interpolated(train: Samples, test: Samples) -> np.ndarray:
    """Limit without ridge for B < 1, on few samples: interpolation by minus the leading correction of the kernel."""
    p, depth, few = (0.6, 0.2, 0.2), 6, slice(0, 40)
    limit = DepthLimit(p)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        gaps = 0.5 * np.sum((x[:, None] - y[None]) ** 2, axis=-1)
        return np.exp(limit.log_kernel(np.minimum(gaps, 1.0), depth, kind="ntk"))

    points, signs = train.points[few], 2.0 * train.labels[few] - 1.0
    weights = np.linalg.lstsq(kernel(points, points), signs, rcond=1e-13)[0]
    return (kernel(test.points, points) @ weights > 0.0).astype(np.int64)


@claim(
    statement=r"With $p_0 = 0 < p_1 < 1$ a deep network classifies by $\mathrm{sign}\sum_i y_i\,|x - x_i|^{-\alpha}$, "
    r"$\alpha = -2\log p_1/\log B$.",
    source="radhakrishnan2023, classification of the limits",
    tolerance="agreement on 98.5 % of the test points whose vote is not tied to 10 %, since the singular kernel is the "
    "power law times a slowly varying factor",
    controls={
        "half_exponent": "vote with half the exponent",
        "double_exponent": "vote with twice the exponent",
        "tangent_kernel": "tangent kernel of 100 layers: its exponent is larger by two",
    },
)
def singular_smoother(conditions: Conditions) -> Outcome:
    """Kernel machines on spheres of one, two and four dimensions beside votes with power-law weights."""
    n, same, agreement = conditions.choose(quick=300, full=1500), {}, {}
    depths = [2, 5, 10, 20, 40]
    votes: dict[str, list[Bound]] = {"half_exponent": [], "double_exponent": [], "tangent_kernel": []}
    for dim in (1, 2, 4):
        train, test = _samples(conditions, dim, n)
        p = DepthLimit.of(optimal_activation(dim)).p
        reference = experiment.power_law_vote(train, test.points, dim)
        deep = {depth: _deep(p, train, test, depth) for depth in depths}
        same[dim] = _same_as_vote(deep[40], reference, f"40 layers and the vote, d = {dim}")
        agreement[dim] = [_same_as_vote(deep[depth], reference, "").rhs for depth in depths]
        for name, factor in (("half_exponent", 0.5), ("double_exponent", 2.0)):
            wrong = experiment.power_law_vote(train, test.points, factor * dim)
            votes[name].append(_same_as_vote(deep[40], wrong, f"{name.replace('_', ' ')}, d = {dim}"))
        tangent = _deep(p, train, test, 100, "ntk")
        votes["tangent_kernel"].append(_same_as_vote(tangent, reference, f"tangent kernel, d = {dim}"))
    return Outcome(
        evidence=list(same.values()),
        controls=dict(votes),
        arrays={"depths": np.array(depths), **{f"agreement_{dim}": np.array(a) for dim, a in agreement.items()}},
    )


@claim(
    statement=r"Deep classifiers are Bayes consistent in the singular regime exactly when $\alpha = d$: where a thin "
    r"set is positive and the rest strongly negative, the excess risk falls with the number of samples for "
    r"$\alpha = d$ and stalls for $\alpha = d/2$, $2d$, $d + 2$ and the nearest neighbour.",
    source="radhakrishnan2023, consistency theorem; that of the weights is due to Devroye, Gyorfi and Krzyzak (1998)",
    tolerance="an order, since the rate is logarithmic: with a hundred times the samples the excess risk must fall by "
    "30 %, to 3.5 standard errors over repetitions, and be the smallest of all; resolution 0.02",
    controls={
        "half_exponent": "exponent d/2, a vote of all samples",
        "double_exponent": "exponent 2 d",
        "tangent_kernel": "exponent d + 2, that of the tangent kernel",
        "nearest_neighbour": "nearest neighbour",
    },
)
def bayes_consistency(conditions: Conditions) -> Outcome:
    """Excess risk against the number of samples on a quarter of a circle."""
    sizes = conditions.choose(quick=[100, 1000, 10_000], full=[100, 1000, 10_000, 100_000])
    repetitions = conditions.choose(quick=10, full=20)
    n_test = conditions.choose(quick=400, full=1500)
    exponents = {"consistent": 1.0, "half_exponent": 0.5, "double_exponent": 2.0, "tangent_kernel": 3.0}
    names = [*exponents, "nearest_neighbour", "deep_kernel"]
    excess = np.full((len(names), len(sizes), repetitions), np.nan)
    for j, n in enumerate(sizes):
        for i in range(repetitions):
            rng = conditions.rng("circle", n, i)
            train, test = (experiment.oscillating_circle(rng, m) for m in (n, n_test))
            predictions = [experiment.power_law_vote(train, test.points, value) > 0.0 for value in exponents.values()]
            nearest = KNeighborsClassifier(1).fit(train.points, train.labels)
            predictions.append(nearest.predict(test.points))
            if n <= 1000 and i < _DEEP_REPETITIONS:
                predictions.append(_deep(DepthLimit.of(optimal_activation(1)).p, train, test, math.inf))
            excess[: len(predictions), j, i] = [_excess_risk(values, test) for values in predictions]
    mean, error = excess.mean(axis=2), error_of_mean(excess, axis=2)
    deep, few = excess[-1, :2, :_DEEP_REPETITIONS], excess[0, :2, :_DEEP_REPETITIONS]

    def falls(name: str) -> Bound:
        row = names.index(name)
        return Bound(
            lhs=mean[row, -1],
            rhs=0.7 * mean[row, 0],
            standard_error=math.hypot(error[row, -1], 0.7 * error[row, 0]),
            margin=0.0,
            resolution=0.03,
            label=f"excess risk at n = {sizes[-1]} and 70 % of that at n = {sizes[0]}",
        )

    def smallest(name: str) -> list[Ordering]:
        best = names.index(name)
        others = [i for i, other in enumerate(names[:-1]) if other != name]
        return [
            Ordering(
                values=[mean[best, -1], mean[i, -1]],
                standard_error=[error[best, -1], error[i, -1]],
                direction="increasing",
                margin=0.0,
                resolution=0.03,
                label=f"{name} below {names[i]} at n = {sizes[-1]}",
            )
            for i in others
        ]

    same_risk = Agreement(
        predicted=deep.mean(axis=1),
        measured=few.mean(axis=1),
        standard_error=error_of_mean(deep - few, axis=1),
        margin=0.01,
        resolution=0.03,
        label="excess risk of the deep kernel and of the vote with exponent d, same samples",
    )
    return Outcome(
        evidence=[falls("consistent"), *smallest("consistent"), same_risk],
        controls={name: [falls(name), *smallest(name)] for name in names[1:5]},
        arrays={"sizes": np.array(sizes), **{name: mean[i] for i, name in enumerate(names[:5])}}
        | {f"standard_error_{name}": error[i] for i, name in enumerate(names[:5])}
        | {"deep_kernel": deep.mean(axis=1)},
    )


def _excess_risk(predictions: np.ndarray, test: Samples) -> float:
    """Risk above the Bayes risk, given the true probabilities at the test points."""
    wrong = predictions != (test.probability > 0.5)
    return float(np.mean(np.abs(2.0 * test.probability - 1.0) * wrong))
