"""Deep classifiers on handwritten digits, a part of whose labels is wrong."""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from theorylab import datasets
from theorylab.claims import Bound, Conditions, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.estimators import DepthLimitClassifier
from theorylab.ntk.experiment import Samples
from theorylab.ntk.problem import optimal_activation
from theorylab.ntk.theory import DepthLimit

__all__ = ["deep_limits_of_digits"]

#: Exponent of the smoother, of the order of the dimension that digits have for their neighbours.
_EXPONENT = 8
#: Share of test digits on which two classifiers must agree to count as one.
_SAME = 0.985
#: Majority of a vote up to which it counts as tied.
_TIED = 0.1
#: Squared Hermite coefficients and kernel of each deep network.
_NETWORKS = {
    "nearest": ((0.0, 0.0, 1.0), "nngp"),
    "majority": ((0.25, 0.0, 0.75), "ntk"),
    "smoother": (DepthLimit.of(optimal_activation(_EXPONENT)).p, "nngp"),
}
_DEPTHS = (2, 5, 10, 15, 20, 40)


def _digits(conditions: Conditions) -> tuple[Samples, Samples]:
    """Digits as unit vectors, labelled by whether they are below seven; one in five training labels is turned over."""
    data, rng = datasets.load("digits"), conditions.rng("digits")
    X = data.X / np.linalg.norm(data.X, axis=1, keepdims=True)
    n, n_test = conditions.choose(quick=(500, 500), full=(897, 900))
    order, truth = rng.permutation(len(X))[: n + n_test], (data.y < 7).astype(np.int64)
    samples = [Samples(X[part], truth[part], truth[part].astype(float)) for part in (order[:n], order[n:])]
    wrong = rng.permutation(n) < n // 5
    return samples[0]._replace(labels=np.where(wrong, 1 - samples[0].labels, samples[0].labels)), samples[1]


def _same(predictions: np.ndarray, reference: np.ndarray, label: str) -> Bound:
    return Bound(lhs=_SAME, rhs=float(np.mean(predictions == reference)), margin=0.0, label=label)


@claim(
    statement=r"On handwritten digits with a fifth of the labels turned over, a deep network answers as the nearest "
    r"neighbour where $p_0 = p_1 = 0$, as the majority where $p_0 > 0$ and $B > 1$, and as the vote with weights "
    r"$|x - x_i|^{-\alpha}$ where $p_0 = 0 < p_1$; only the last gets past the wrong labels.",
    source="radhakrishnan2023, classification of the limits; digits and wrong labels are chosen here",
    tolerance="agreement on 98.5 % of the test digits, of the vote where it is not tied to 10 %, as on spheres of few "
    "dimensions; an order of the shares right, to 3.5 standard errors over the same digits with a resolution of 0.1, "
    "half the share of wrong labels",
    controls={
        "shallow": "networks of two layers in the place of the deep ones",
        "three_neighbours": "vote of the three nearest neighbours in the place of the nearest one",
        "nearest_for_majority": "ten layers of the network with a constant part, which still separate the digits",
        "half_exponent": "vote with half the exponent",
        "double_exponent": "vote with twice the exponent",
        "nearest_learns": "nearest neighbour in the place of the vote, as the one that gets past wrong labels",
    },
)
def deep_limits_of_digits(conditions: Conditions) -> Outcome:
    """Kernel machines of growing depth on digits beside three classifiers that know nothing of networks."""
    train, test = _digits(conditions)
    answers = {name: {depth: _deep(name, depth, train, test) for depth in _DEPTHS} for name in _NETWORKS}
    votes = {factor: experiment.power_law_vote(train, test.points, factor * _EXPONENT) for factor in (0.5, 1.0, 2.0)}
    references = {
        "nearest": KNeighborsClassifier(1).fit(train.points, train.labels).predict(test.points),
        "majority": DummyClassifier(strategy="most_frequent").fit(train.points, train.labels).predict(test.points),
        "smoother": (votes[1.0] > 0.0).astype(np.int64),
    }
    three = KNeighborsClassifier(3).fit(train.points, train.labels).predict(test.points)

    def as_vote(depth: int, factor: float = 1.0) -> Bound:
        clear = np.abs(votes[factor]) > _TIED
        label = f"{depth} layers and the vote with exponent {factor * _EXPONENT:g}"
        return _same(answers["smoother"][depth][clear], (votes[factor][clear] > 0.0).astype(np.int64), label)

    def limits(depth: int) -> list[Bound]:
        pieces = [
            _same(answers[name][depth], references[name], f"{depth} layers and the {name}")
            for name in ("nearest", "majority")
        ]
        return [*pieces, as_vote(depth)]

    right = {name: (found[_DEPTHS[-1]] == test.labels).astype(float) for name, found in answers.items()}

    def learns(best: str) -> list[Bound]:
        return [
            Bound(
                lhs=right[name].mean(),
                rhs=right[best].mean(),
                standard_error=error_of_mean(right[best] - right[name]),
                margin=0.0,
                resolution=0.1,
                label=f"share right, {name} and {best}",
            )
            for name in sorted(set(right) - {best})
        ]

    return Outcome(
        evidence=[*limits(_DEPTHS[-1]), *learns("smoother")],
        controls={
            "shallow": limits(_DEPTHS[0]),
            "three_neighbours": _same(
                answers["nearest"][_DEPTHS[-1]], three, f"{_DEPTHS[-1]} layers and three neighbours"
            ),
            "nearest_for_majority": _same(
                answers["majority"][10], references["majority"], "10 layers and the majority"
            ),
            "half_exponent": as_vote(_DEPTHS[-1], 0.5),
            "double_exponent": as_vote(_DEPTHS[-1], 2.0),
            "nearest_learns": learns("nearest"),
        },
        arrays={
            "depths": np.array(_DEPTHS),
            **{
                f"agreement_{n}": np.array([np.mean(a[d] == references[n]) for d in _DEPTHS])
                for n, a in answers.items()
            },
            **{f"right_{n}": np.array([np.mean(a[d] == test.labels) for d in _DEPTHS]) for n, a in answers.items()},
            "n_test": len(test.labels),
        },
    )


def _deep(name: str, depth: int, train: Samples, test: Samples) -> np.ndarray:
    p, kind = _NETWORKS[name]
    model = DepthLimitClassifier(p, depth=depth, kind=kind, lift=False)
    return np.asarray(model.fit(train.points, train.labels).predict(test.points))
