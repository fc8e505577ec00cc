"""Handwritten digits of which every fifth has a wrong label: when to stop, for the kernel and for networks."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from theorylab import datasets
from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.claims._regression import Regression, mean_square, not_above
from theorylab.ntk.experiment import MLP
from theorylab.ntk.problem import LabelNoise, relu
from theorylab.ntk.theory import NTK, KernelGradientFlow

__all__ = ["networks_and_noise", "noisy_digits"]

_NOISE = LabelNoise(0.2, 10)
_KERNEL = NTK(relu(), 2, math.sqrt(2.0), 0.1)


@dataclasses.dataclass(frozen=True)
class _Digits:
    """Digits to train on and digits that are held out, with mean square norm 64 and one-hot labels."""

    X: np.ndarray
    labels: np.ndarray
    X_test: np.ndarray
    labels_test: np.ndarray

    @classmethod
    def split(cls, conditions: Conditions, n_train: int, n_test: int) -> _Digits:
        """A random split."""
        digits = datasets.load("digits")
        X = datasets.scaled_to_mean_square_norm(digits.X, digits.X.shape[1])
        order = conditions.rng("split").permutation(digits.n_samples)
        train, test = order[:n_train], order[n_train : n_train + n_test]
        return cls(X[train], digits.y[train], X[test], digits.y[test])

    @property
    def clean(self) -> np.ndarray:
        """Mean of the observed labels of the training digits."""
        return np.asarray(_NOISE.mean(datasets.one_hot(self.labels)))

    @property
    def clean_test(self) -> np.ndarray:
        """Mean that observed labels of the held-out digits would have."""
        return np.asarray(_NOISE.mean(datasets.one_hot(self.labels_test)))

    @functools.cached_property
    def regression(self) -> Regression:
        """The regression at the training digits."""
        return Regression(_KERNEL(self.X), self.clean, _NOISE.variance)

    @functools.cached_property
    def cross_kernel(self) -> np.ndarray:
        """Kernel between held-out and training digits."""
        return np.asarray(_KERNEL(self.X_test, self.X))

    def heldout_risk(self, times: np.ndarray) -> np.ndarray:
        """Predicted risk at the held-out digits: squared bias, and the sum of the squared weights of the labels."""
        flow = KernelGradientFlow(self.regression.K, np.eye(len(self.X)))
        weights = (np.asarray(flow.predict([t], self.cross_kernel)[0]) for t in times)
        return np.array(
            [
                (np.sum((M @ self.clean - self.clean_test) ** 2) + _NOISE.variance * np.sum(M**2)) / len(self.X_test)
                for M in weights
            ]
        )


def _agreement(predicted: np.ndarray, draws: np.ndarray, label: str) -> Agreement:
    """A predicted mean beside measured draws, which stand on the last axis."""
    return Agreement(
        predicted=predicted,
        measured=draws.mean(axis=-1),
        standard_error=error_of_mean(draws, axis=-1),
        margin=0.0,
        resolution=0.03 * draws.mean(axis=-1),
        label=label,
    )


#: Draws of the labels that are held in memory at once.
_BATCH = 100


@dataclasses.dataclass(frozen=True)
class _KernelRun:
    """Flow on draws of the wrong labels: mean squared distances and accuracy, each (T, draws)."""

    times: np.ndarray
    seen: np.ndarray
    from_truth: np.ndarray
    unseen: np.ndarray
    accuracy: np.ndarray


def _kernel_run(conditions: Conditions, digits: _Digits, batch: int) -> _KernelRun:
    """Flow with the kernel of infinite width on a batch of draws."""
    asarray, to_numpy = conditions.backend.asarray, conditions.backend.to_numpy
    observed = experiment.observed_labels(_NOISE, digits.labels, conditions.rng("labels", batch), _BATCH)
    run = experiment.stopped_flow(
        asarray(digits.regression.K),
        asarray(observed.reshape(len(digits.X), -1)),
        asarray(digits.cross_kernel),
        octaves=16,
        per_octave=2,
    )
    train, test = (to_numpy(part).reshape(*part.shape[:2], _BATCH, -1) for part in (run.train, run.test))

    def distance(outputs: np.ndarray, from_: np.ndarray) -> np.ndarray:
        return np.asarray(mean_square(outputs - from_[:, None, :]).sum(axis=-1))

    return _KernelRun(
        times=run.times,
        seen=distance(train, digits.clean),
        from_truth=distance(train, datasets.one_hot(digits.labels)),
        unseen=distance(test, digits.clean_test),
        accuracy=np.mean(np.argmax(test, axis=-1) == digits.labels_test[:, None], axis=1),
    )


@claim(
    statement=r"Ten kinds of digits, a fifth of the labels wrong: the kernel's in-sample risk is $R(t)$ with "
    r"$\sigma^2 = 1 - (1-q)^2 - q^2/9$, its held-out risk the squared bias plus $\sigma^2|K_*g_t(K)|^2$; where $R$ is "
    r"least, the network of infinite width knows unseen digits better than at the end.",
    source="derived here: the noise of wrong labels has the same variance at every point, summed over outputs",
    tolerance="exact in expectation over the labels, hence no margin; resolution 3 %, a tenth of what training to the "
    "end costs on unseen digits",
    controls={
        "never_stop": "risk and accuracy at the end at least as good as at the predicted time",
        "flip_rate": "noise variance 0.2, the fraction of wrong labels",
        "shrinkage_forgotten": "risk measured from the true labels, not from the mean of the observed ones",
        "sum_loss": "time not divided by the number of samples",
        "insample_for_unseen": "in-sample risk in the place of the held-out one",
    },
)
def noisy_digits(conditions: Conditions) -> Outcome:
    """Real digits, averaged over draws of the wrong labels."""
    n_train, n_test, batches = conditions.choose(quick=(200, 300, 3), full=(1000, 797, 3))
    digits = _Digits.split(conditions, n_train, n_test)
    problem = digits.regression
    runs = [_kernel_run(conditions, digits, index) for index in range(batches)]
    times = runs[0].times
    seen, unseen, accuracy, from_truth = (
        np.concatenate([getattr(run, name) for run in runs], axis=1)
        for name in ("seen", "unseen", "accuracy", "from_truth")
    )
    predicted, heldout = problem.risk(times), digits.heldout_risk(times)
    best = int(np.argmin(predicted))

    def better(one: int, other: int) -> list[Bound]:
        return [
            not_above(unseen[one : one + 1], unseen[other : other + 1], "held-out risk"),
            not_above(accuracy[other : other + 1], accuracy[one : one + 1], "held-out accuracy"),
        ]

    last, flips = len(times) - 1, dataclasses.replace(problem, noise_variance=_NOISE.fraction)
    return Outcome(
        evidence=[
            _agreement(predicted, seen, "risk at the training digits"),
            _agreement(heldout, unseen, "risk at unseen digits"),
            *better(best, last),
        ],
        controls={
            "never_stop": better(last, best),
            "flip_rate": _agreement(flips.risk(times), seen, "risk at the training digits"),
            "shrinkage_forgotten": _agreement(predicted, from_truth, "risk at the training digits"),
            "sum_loss": _agreement(problem.risk(n_train * times), seen, "risk at the training digits"),
            "insample_for_unseen": _agreement(predicted, unseen, "risk at unseen digits"),
        },
        arrays={
            "times": times,
            "best": times[best],
            "predicted_seen": predicted,
            "predicted_unseen": heldout,
            "flip_rate": flips.risk(times),
            "seen": seen.mean(axis=1),
            "unseen": unseen.mean(axis=1),
            "standard_error_seen": error_of_mean(seen, axis=1),
            "standard_error_unseen": error_of_mean(unseen, axis=1),
            "accuracy": accuracy.mean(axis=1),
            "standard_error_accuracy": error_of_mean(accuracy, axis=1),
        },
    )


@dataclasses.dataclass(frozen=True)
class _NetworkRuns:
    """Networks on digits with wrong labels: held-out risk and accuracy after each recorded number of steps."""

    risk: np.ndarray  # (networks, T)
    accuracy: np.ndarray
    predictions: dict[str, np.ndarray]  # held-out risk by prediction from the labels of each network, (networks, T)


def _trained_networks(
    conditions: Conditions, digits: _Digits, width: int, networks: int, rate: float, steps: list[int]
) -> _NetworkRuns:
    """Train networks, each on labels of its own shifted by its outputs at the start, which are then taken off again."""
    mlp, backend = MLP((64, width, width, 10), relu(), math.sqrt(2.0), 0.1), conditions.backend
    X, X_test = backend.asarray(digits.X), backend.asarray(digits.X_test)
    K = digits.regression.K
    kernels = {
        "limit": (K, digits.cross_kernel, rate),
        "sum_loss": (K, digits.cross_kernel, len(K) * rate),
        "nngp_kernel": (_KERNEL(digits.X, get="nngp"), _KERNEL(digits.X_test, digits.X, get="nngp"), rate),
    }
    risks, accuracies = [], []
    predictions: dict[str, list[np.ndarray]] = {name: [] for name in kernels}
    for index in range(networks):
        rng = conditions.rng("network", index)
        y = experiment.observed_labels(_NOISE, digits.labels, rng, 1)[:, 0]
        start = mlp.initial(rng, backend=backend)
        shifted = backend.asarray(y) + mlp.outputs(start, X)
        run = experiment.train(mlp, start, X, shifted, learning_rate=rate, record=steps, at=X_test)
        outputs = backend.to_numpy(run.outputs - mlp.outputs(start, X_test))
        risks.append(_risk(outputs, digits))
        accuracies.append(np.mean(np.argmax(outputs, axis=-1) == digits.labels_test, axis=1))
        for name, (kernel, cross, speed) in kernels.items():
            discrete = name != "sum_loss"  # whose steps would be too long
            outputs = KernelGradientFlow(kernel, y).predict(steps, cross, learning_rate=speed, discrete=discrete)
            predictions[name].append(_risk(np.asarray(outputs), digits))
    return _NetworkRuns(
        np.array(risks), np.array(accuracies), {name: np.array(values) for name, values in predictions.items()}
    )


def _risk(outputs: np.ndarray, digits: _Digits) -> np.ndarray:
    return np.asarray(mean_square(outputs - digits.clean_test).sum(axis=-1))


@claim(
    statement=r"A network of width w that is trained on digits of which a fifth are labelled wrongly follows the "
    r"kernel's held-out risk to $O(w^{-1/2})$ up to the predicted best time, and is better there than after an eighth "
    r"and after four times as many steps.",
    source="derived here from lee2019, Theorem 2.1",
    tolerance="distance of held-out risks 1/sqrt(width), the finite-width law for outputs of order one; the order of "
    "the times holds network by network, without margin; rate half the largest stable one of the limiting kernel, "
    "since the largest eigenvalue of such a network scatters",
    controls={
        "never_stop": "risk at the end at most that at the predicted time",
        "sum_loss": "time not divided by the number of samples",
        "nngp_kernel": "covariance in the place of the tangent kernel",
    },
)
def networks_and_noise(conditions: Conditions) -> Outcome:
    """Networks on the digits of the other claim, each with wrong labels of its own."""
    n_train, n_test = conditions.choose(quick=(200, 300), full=(1000, 797))
    width, networks = conditions.choose(quick=(256, 4), full=(1024, 4))
    digits = _Digits.split(conditions, n_train, n_test)
    rate = 0.5 * KernelGradientFlow(digits.regression.K, digits.clean).max_learning_rate
    grid = np.geomspace(1.0, 1e4, 400)
    best = max(8, round(float(grid[np.argmin(digits.regression.risk(grid))]) / rate))
    steps = sorted({0, 1, 2, 4, best // 8, best // 4, best // 2, best, 2 * best, 4 * best})
    runs = _trained_networks(conditions, digits, width, networks, rate, steps)
    at, early, last = steps.index(best), steps.index(best // 8), len(steps) - 1

    def follows(name: str) -> Agreement:
        return Agreement(
            predicted=runs.predictions[name][:, : at + 1],
            measured=runs.risk[:, : at + 1],
            margin=width**-0.5,
            label="held-out risk up to the predicted best time",
        )

    def better(one: int, other: int) -> Bound:
        label = f"held-out risk after {steps[one]} and {steps[other]} steps"
        return Bound(lhs=runs.risk[:, one], rhs=runs.risk[:, other], margin=0.0, label=label)

    return Outcome(
        evidence=[follows("limit"), better(at, early), better(at, last)],
        controls={
            "never_stop": better(last, at),
            "sum_loss": follows("sum_loss"),
            "nngp_kernel": follows("nngp_kernel"),
        },
        arrays={
            "steps": np.array(steps),
            "rate": rate,
            "best": float(best),
            "risk": runs.risk,
            "accuracy": runs.accuracy,
            "predicted": runs.predictions["limit"],
        },
    )
