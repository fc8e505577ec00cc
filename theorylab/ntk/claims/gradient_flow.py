"""Closed forms of gradient flow and gradient descent, the learning rate where they part, and what lies beyond it."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Ordering, Outcome, Rate, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.experiment import MLP, LinearModel
from theorylab.ntk.problem import erf, relu
from theorylab.ntk.theory import NTK, KernelGradientFlow

__all__ = ["catapult", "descent_powers", "flow_ode", "stability_edge"]

#: How the loss is divided and penalised: by points, by points and outputs, by points with a ridge.
_LOSSES = {"points": ("n", 0.0), "points_and_outputs": ("nk", 0.0), "ridge": ("n", 0.5)}


@dataclasses.dataclass(frozen=True)
class _Linearised:
    """A small network, linear in its parameters: as a model to be trained, and as a kernel."""

    model: LinearModel
    loss: str

    @property
    def kernel(self) -> np.ndarray:
        """Kernel of the training points; singular, since two of them are the same."""
        return np.asarray(self.model.features @ self.model.features.T)

    def dynamics(self, **changes: Any) -> KernelGradientFlow:
        """The closed form, or with another norm or ridge a wrong one."""
        options = {"norm": _LOSSES[self.loss][0], "ridge": self.model.ridge, **changes}
        return KernelGradientFlow(self.kernel, self.model.targets, **options)

    def predict(self, dynamics: KernelGradientFlow, times: Any, **options: Any) -> np.ndarray:
        """Outputs on training points and, below them, test points."""
        f0, f0_star = options.pop("f0", self.model.start), options.pop("f0_star", self.model.test_start)
        K_star = self.model.test_features @ self.model.features.T
        train = dynamics.predict(times, f0=f0, **options)
        return np.concatenate([train, dynamics.predict(times, K_star, f0=f0, f0_star=f0_star, **options)], axis=1)


def _linearised(conditions: Conditions, loss: str) -> _Linearised:
    """Derivatives of a random network as features, one training point twice with two labels, and a random start."""
    rng, (norm, ridge) = conditions.rng("linearised"), _LOSSES[loss]
    n, m, k = 10, 4, 2
    X, X_test = rng.standard_normal((n, 3)), rng.standard_normal((m, 3))
    X[-1] = X[0]
    mlp = MLP((3, 6, 6, 1), erf(), 1.5, 0.3)
    parameters = mlp.initial(rng)
    features, test_features = (experiment.explicit_jacobian(mlp, parameters, x)[:, 0, :] for x in (X, X_test))
    y, start, test_start = (rng.standard_normal((rows, k)) for rows in (n, n, m))
    count = float(n * (k if norm == "nk" else 1))
    return _Linearised(LinearModel(features, test_features, y, start, test_start, count, ridge), loss)


def _both(trajectory: experiment.Trajectory) -> np.ndarray:
    return np.concatenate([trajectory.train, trajectory.test], axis=1)


def _identity(predicted: np.ndarray, measured: np.ndarray, margin: float, label: str) -> Agreement:
    """Agreement up to rounding, in units of the largest output at each time."""
    scale = np.max(np.abs(measured), axis=(1, 2), keepdims=True)
    return Agreement(predicted=predicted / scale, measured=measured / scale, margin=margin, label=label)


@claim(
    statement=r"On a constant kernel, gradient flow on $\frac{1}{2N}|f-y|^2$ is $f_t = y + e^{-\eta Kt/N}(f_0-y)$ on "
    r"training points and $f_{*,t} = f_{*,0} + K_*\,[1 - e^{-\eta Kt/N}]K^{-1}(y-f_0)$ on any other, singular kernels "
    r"included, and with a ridge r the same with $K + r$; it ends at the least-squares solution nearest to the start.",
    source="lee2019, eqs. (8)-(11); ridge and singular kernels derived here",
    tolerance="an identity: 1e-10 of the largest output, which is the solver's tolerance of 1e-13 for each of up to a "
    "thousand steps; the limit 1e-9, the accuracy of a pseudo-inverse with the condition number of these features",
    controls={
        "sum_loss": "time not divided by the N of the loss",
        "points_only": "loss divided by points, where it is divided by points and outputs",
        "no_ridge": "penalty left out",
        "start_at_zero": "start of the training outputs left out",
        "test_start_at_zero": "start of the test outputs left out",
        "unit_steps": "steps of gradient descent in the place of the flow",
        "interpolation": "all targets fitted in the limit, the two of a repeated point included",
    },
    cost="instant",
)
def flow_ode(conditions: Conditions) -> Outcome:
    """A linearised network, its parameters moved by an ODE solver of order eight."""
    rate, shares = 0.7, np.array([0.0, 0.1, 1.0, 10.0, 100.0, 1000.0])
    problems, measured, limits, times = {}, {}, {}, {}
    for loss in _LOSSES:
        problem = _linearised(conditions, loss)
        times[loss] = shares * problem.model.count / problem.dynamics().eigenvalues[0]
        problems[loss], limits[loss] = problem, _both(problem.model.limit())
        measured[loss] = _both(problem.model.flow(times[loss].tolist(), learning_rate=rate))

    def compare(loss: str, speed: float = 1.0, changes: dict[str, Any] | None = None, **options: Any) -> Agreement:
        dynamics = problems[loss].dynamics(**(changes or {}))
        predicted = problems[loss].predict(dynamics, times[loss], learning_rate=speed * rate, **options)
        return _identity(predicted, measured[loss], 1e-10, f"during training, loss by {loss.replace('_', ' ')}")

    def limit(loss: str) -> Agreement:
        predicted = problems[loss].predict(problems[loss].dynamics(), [math.inf])
        return _identity(predicted, limits[loss], 1e-9, f"limit, loss by {loss.replace('_', ' ')}")

    points = problems["points"]
    descent = points.predict(
        points.dynamics(), [10.0], learning_rate=0.1 * rate * float(times["points"][3]), discrete=True
    )
    targets = points.model.targets
    fitted = np.concatenate([targets[None], limits["points"][:, len(targets) :]], axis=1)
    return Outcome(
        evidence=[*map(compare, _LOSSES), *map(limit, _LOSSES)],
        controls={
            "sum_loss": compare("points", speed=points.model.count),
            "points_only": compare("points_and_outputs", changes={"norm": "n"}),
            "no_ridge": compare("ridge", changes={"ridge": 0.0}),
            "start_at_zero": compare("points", f0=0.0),
            "test_start_at_zero": compare("points", f0_star=0.0),
            "unit_steps": _identity(descent, measured["points"][3:4], 1e-10, "during training"),
            "interpolation": _identity(fitted, limits["points"], 1e-9, "limit"),
        },
        arrays={"times": times["points"], "measured": measured["points"]},
    )


@claim(
    statement=r"Gradient descent of k steps is the flow with $(1-\eta\lambda/N)^k$ in the place of "
    r"$e^{-\eta\lambda t/N}$ for every eigenvalue $\lambda$ of the kernel: exactly, at every learning rate, those "
    r"beyond the stable ones included.",
    source="derived here; for small steps lee2019, eqs. (8)-(11)",
    tolerance="an identity: 1e-11 of the largest output, for 200 steps of a few dozen roundings of 1e-16 each, and "
    "ten times more for sums that cancel",
    controls={
        "gradient_flow": "flow at the same times, at 3/4 of the largest stable rate",
        "no_change_of_sign": "powers of |1 - eta lambda / N|, at the same rate",
        "one_step_more": "k + 1 in the place of k",
        "sum_loss": "step not divided by the N of the loss",
        "points_only": "loss divided by points, where it is divided by points and outputs",
        "no_ridge": "penalty left out",
    },
    cost="instant",
)
def descent_powers(conditions: Conditions) -> Outcome:
    """A linearised network, its parameters moved step by step at learning rates to both sides of the edge."""
    shares, steps = (0.5, 1.0, 1.5, 1.99, 2.01), np.array([*range(13), 51, 200])
    problems = {loss: _linearised(conditions, loss) for loss in _LOSSES}
    runs = {
        (loss, share): _both(problem.model.descend(steps.tolist(), learning_rate=_rate(problem, share)))
        for loss, problem in problems.items()
        for share in shares
    }

    def predict(loss: str, share: float, changes: dict[str, Any] | None = None, **options: Any) -> np.ndarray:
        settings = {"times": steps, "learning_rate": _rate(problems[loss], share), "discrete": True, **options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # beyond the edge on purpose
            return problems[loss].predict(problems[loss].dynamics(**(changes or {})), **settings)

    def compare(loss: str, share: float, predicted: np.ndarray) -> Agreement:
        label = f"step / best step for the first component = {share:g}, loss by {loss.replace('_', ' ')}"
        return _identity(predicted, runs[loss, share][:, : predicted.shape[1]], 1e-11, label)

    points, both = problems["points"], problems["points_and_outputs"]
    wrong = {
        "gradient_flow": ("points", 1.5, predict("points", 1.5, discrete=False)),
        "no_change_of_sign": ("points", 1.5, _without_sign(points, 1.5, steps)),
        "one_step_more": ("points", 0.5, predict("points", 0.5, times=steps + 1)),
        "sum_loss": ("points", 0.5, predict("points", 0.5, learning_rate=_rate(points, 0.5) * points.model.count)),
        "points_only": ("points_and_outputs", 0.5, predict(both.loss, 0.5, changes={"norm": "n"})),
        "no_ridge": ("ridge", 0.5, predict("ridge", 0.5, changes={"ridge": 0.0})),
    }
    first = np.asarray(points.dynamics().eigenvectors)[:, 0]

    def component(outputs: np.ndarray) -> np.ndarray:
        """Residual of the first output along the first component, from one at the start."""
        residual = first @ (outputs[:, : first.size, 0] - points.model.targets[:, 0]).T
        return np.asarray(residual / residual[0])

    return Outcome(
        evidence=[compare(*case, predict(*case)) for case in runs],
        controls={name: compare(*case) for name, case in wrong.items()},
        arrays={
            "steps": steps,
            "shares": np.array(shares),
            "measured": np.stack([component(runs["points", share]) for share in shares]),
            "predicted": np.stack([component(predict("points", share)) for share in shares]),
            "flow": np.stack([component(predict("points", share, discrete=False)) for share in shares]),
        },
    )


def _rate(problem: _Linearised, share: float) -> float:
    """Learning rate in units of the one that takes the first component away in one step, half the largest stable."""
    return 0.5 * share * problem.dynamics().max_learning_rate


def _without_sign(problem: _Linearised, share: float, steps: np.ndarray) -> np.ndarray:
    dynamics, model = problem.dynamics(), problem.model
    vectors = np.asarray(dynamics.eigenvectors)
    factor = np.abs(1.0 - _rate(problem, share) * np.asarray(dynamics.eigenvalues) / model.count)
    return np.stack([model.targets + vectors * factor**k @ vectors.T @ (model.start - model.targets) for k in steps])


@claim(
    statement=r"Gradient descent on a constant kernel converges up to the learning rate $2N/(\lambda_{\max} + r)$; a "
    r"wide network, which knows nothing of its kernel, does so up to the edge of its limiting kernel.",
    source="lee2019, section 2.2 and Theorem 2.1; ridge derived here",
    tolerance="bisection to 1e-3 between steps that shrink and steps that grow: margin 2e-3; networks are held to a "
    "quarter below and a third above the edge, since the largest eigenvalue of one of width 512 scatters by a tenth",
    controls={
        "best_rate": "N / lambda, the rate that takes the first component away at once",
        "sum_loss": "2 / lambda, without the N of the loss",
        "trace": "sum of all eigenvalues in the place of the largest",
        "no_ridge": "edge without the penalty, where there is one",
    },
)
def stability_edge(conditions: Conditions) -> Outcome:
    """Bisection with a linearised network, and real networks to both sides of the edge."""
    problems = {loss: _linearised(conditions, loss) for loss in _LOSSES}
    tolerance, steps = conditions.choose(quick=(1e-3, 4000), full=(1e-4, 40_000))
    measured = {}
    for loss, problem in problems.items():
        rough = problem.model.count / np.trace(problem.kernel)  # stable without knowing an eigenvalue
        bracket = (float(rough), float(2.1 * problem.model.features.shape[0] * rough))
        measured[loss] = experiment.largest_stable_rate(
            problem.model, bracket=bracket, steps=steps, tolerance=tolerance
        )

    def compare(loss: str, predicted: float) -> Agreement:
        ratio = predicted / measured[loss]
        label = f"predicted edge / measured edge, loss by {loss.replace('_', ' ')}"
        return Agreement(predicted=ratio, measured=1.0, margin=2.0 * tolerance, label=label)

    points, ridge = problems["points"], problems["ridge"]
    edge = points.dynamics().max_learning_rate
    below, above = _growth_of_networks(conditions, (0.75, 4.0 / 3.0))
    return Outcome(
        evidence=[
            *(compare(loss, problem.dynamics().max_learning_rate) for loss, problem in problems.items()),
            Bound(lhs=below, rhs=np.ones_like(below), margin=0.0, label="residual of networks below the edge"),
            Bound(lhs=np.ones_like(above), rhs=above, margin=0.0, label="residual of networks above the edge"),
        ],
        controls={
            "best_rate": compare("points", 0.5 * edge),
            "sum_loss": compare("points", edge / points.model.count),
            "trace": compare("points", 2.0 * points.model.count / float(np.trace(points.kernel))),
            "no_ridge": compare("ridge", ridge.dynamics(ridge=0.0).max_learning_rate),
        },
        arrays={"below": below, "above": above},
    )


#: Four points of a slow wave on the circle.
_ANGLES = np.array([-2.4, -0.9, 0.3, 1.9])
_X = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_Y = np.array([[1.0], [-0.6], [0.8], [-0.3]])


def _growth_of_networks(conditions: Conditions, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Largest residual of the first steps over that at the start, at shares of the edge of the limiting kernel."""
    width, networks, steps = conditions.choose(quick=(512, 10, 6), full=(2048, 20, 8))
    edge = KernelGradientFlow(NTK(erf(), 2, 1.5, 0.3)(_X), _Y).max_learning_rate
    mlp, backend = MLP((2, width, width, 1), erf(), 1.5, 0.3), conditions.backend
    start = mlp.initial(conditions.rng("edge"), ensemble=networks, backend=backend)
    growth = []
    for share in shares:
        run = experiment.train(
            mlp,
            start,
            backend.asarray(_X),
            backend.asarray(_Y),
            learning_rate=share * edge,
            record=list(range(steps + 1)),
        )
        residual = np.linalg.norm(backend.to_numpy(run.outputs)[..., 0] - _Y[:, 0], axis=-1)
        growth.append(residual[1:].max(axis=0) / residual[0])
    return growth


@claim(
    statement=r"Where the constant kernel ends: at one and a half times its edge a ReLU network of width w follows the "
    r"diverging formula only until its residual is of order $\sqrt w$; then its kernel shrinks, and it converges where "
    r"$\eta\hat\lambda_{\max} < 2N$.",
    source="lewkowycz2020, sections 2 and 3",
    tolerance="distance from the formula smaller for the widest networks than for the narrowest, resolution 0.2, half "
    "of what the narrowest have; largest residual: exponent 1/2 to 0.15, since it is seen at whole steps, which double "
    "it, resolution 0.2; edge at the end and convergence to 1e-2 of the start hold network by network, without "
    "margin",
    controls={
        "constant_kernel": "edge with the kernel at the start in the place of that at the end",
        "bounded_residual": "largest residual independent of the width",
        "proportional_to_width": "largest residual proportional to the width",
    },
)
def catapult(conditions: Conditions) -> Outcome:
    """Networks of growing width at three times the best rate of their own first component."""
    share, n = 3.0, len(_Y)
    widths = conditions.choose(quick=[64, 128, 256, 512], full=[64, 128, 256, 512, 1024, 2048])
    networks, steps = conditions.choose(quick=(32, 45), full=(60, 60))
    record = list(range(steps + 1))
    residuals, formulas, ends = [], [], []
    for width in widths:
        mlp, rng = MLP((2, width, width, 1), relu(), math.sqrt(2.0), 0.1), conditions.rng("catapult", width)
        for _ in range(networks):
            start = mlp.initial(rng)
            K = experiment.empirical_ntk(mlp, start, _X)
            rate = share * n / np.linalg.eigvalsh(K)[-1]
            run = experiment.train(mlp, start, _X, _Y, learning_rate=rate, record=record)
            K_end = experiment.empirical_ntk(mlp, run.parameters, _X)
            residuals.append(run.outputs[..., 0] - _Y[:, 0])
            formulas.append(_diverging(K, run.outputs[0], rate, record))
            ends.append(rate / n * np.linalg.eigvalsh(K_end)[-1])
    shape = (len(widths), networks, steps + 1, n)
    measured, formula = np.reshape(residuals, shape), np.reshape(formulas, shape)
    by_width, by_formula = np.linalg.norm(measured, axis=-1), np.linalg.norm(formula, axis=-1)
    peak, end = by_width.max(axis=2), np.array(ends)
    gap = np.linalg.norm(measured - formula, axis=-1)[..., 2] / by_formula[..., 2]

    follows = Ordering(
        values=gap.mean(axis=1)[[0, -1]],
        standard_error=error_of_mean(gap, axis=1)[[0, -1]],
        direction="decreasing",
        margin=0.0,
        resolution=0.2,
        label="relative distance from the formula after two steps, narrowest and widest",
    )

    def grows(exponent: float) -> Rate:
        return Rate.fit(
            widths,
            peak.mean(axis=1),
            y_standard_error=error_of_mean(peak, axis=1),
            predicted=exponent,
            margin=0.15,
            resolution=0.2,
            label="largest residual against the width",
        )

    def stable(values: np.ndarray) -> Bound:
        return Bound(lhs=values, rhs=np.full_like(values, 2.0), margin=0.0, label="eta lambda / N of the last kernel")

    converged = (by_width[..., -1] / by_width[..., 0]).ravel()
    return Outcome(
        evidence=[
            follows,
            grows(0.5),
            stable(end),
            Bound(
                lhs=converged, rhs=np.full_like(converged, 1e-2), margin=0.0, label="residual at the end / at the start"
            ),
        ],
        controls={
            "constant_kernel": stable(np.full_like(end, share)),
            "bounded_residual": grows(0.0),
            "proportional_to_width": grows(1.0),
        },
        arrays={
            "widths": np.array(widths),
            "peak": peak.mean(axis=1),
            "standard_error_peak": error_of_mean(peak, axis=1),
            "residual": np.median(by_width, axis=1),
            "formula": np.median(by_formula, axis=1),
            "end": end.reshape(len(widths), networks),
            "share": share,
        },
    )


def _diverging(K: np.ndarray, start: np.ndarray, rate: float, record: list[int]) -> np.ndarray:
    """Residuals that a constant kernel would give, (T, n)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # beyond the edge on purpose
        outputs = KernelGradientFlow(0.5 * (K + K.T), _Y).predict(record, f0=start, learning_rate=rate, discrete=True)
    return np.asarray(outputs)[..., 0] - _Y[:, 0]
