"""Predicted learning curves: against naive formulas, against trained regressors, and what is refused."""

import dataclasses
import math

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel

from theorylab import datasets
from theorylab.random_features.estimators.learning_curve import LearningCurve, predict_learning_curve
from theorylab.random_features.estimators.regressor import RandomFeatureRidge
from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory import erf_kernel, optimal_ridge, relu_kernel, risk_estimate

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 4))
Y = np.stack([X[:, 0] * X[:, 1], np.abs(X[:, 2])], axis=1)
SIZES = {"n_samples": [30], "n_features": [20, math.inf], "ridges": [0.1]}


def same(first: LearningCurve, second: LearningCurve) -> None:
    np.testing.assert_allclose(first.heldout_mse, second.heldout_mse, rtol=1e-9)
    np.testing.assert_allclose(first.train_mse, second.train_mse, rtol=1e-9, atol=1e-12)


GRID = {"n_samples": [10, 40], "n_features": [15, math.inf], "ridges": [0.01, 0.5, 2.0]}


class TestPrediction:
    curve = predict_learning_curve(X, Y, "relu", **GRID)

    def test_each_entry_is_the_risk_of_the_spectrum(self):
        spectrum = KernelSpectrum.from_gram(relu_kernel(X, weight_variance=0.5), Y)
        for i, n in enumerate([10, 40]):
            for j, k in enumerate([15, math.inf]):
                ridge, best = optimal_ridge(spectrum, n, k)
                assert self.curve.optimal_ridge[i, j] == pytest.approx(float(ridge), rel=1e-5)
                assert self.curve.optimal_heldout_mse[i, j] == pytest.approx(float(best.heldout_mse))
                assert self.curve.optimal_train_mse[i, j] == pytest.approx(float(best.train_mse), rel=1e-4)
                for m, delta in enumerate([0.01, 0.5, 2.0]):
                    risk = risk_estimate(spectrum, n, k, delta)
                    assert self.curve.heldout_mse[i, j, m] == pytest.approx(float(risk.heldout_mse))
                    assert self.curve.train_mse[i, j, m] == pytest.approx(float(risk.train_mse))

    def test_the_optimal_ridge_minimises_the_held_out_error(self):
        curve = predict_learning_curve(
            X, Y, n_samples=[50], n_features=[15, math.inf], ridges=np.geomspace(1e-4, 1e2, 2001)
        )
        for j in range(2):
            assert curve.optimal_heldout_mse[0, j] <= curve.heldout_mse[0, j].min() * (1 + 1e-9)
            best = curve.ridges[curve.heldout_mse[0, j].argmin()]
            assert curve.optimal_ridge[0, j] == pytest.approx(best, rel=0.01)

    def test_with_all_points_trained_on_the_best_ridge_interpolates(self):
        # optimal_ridge has no point left to hold out and falls back on the error over all points.
        spectrum = KernelSpectrum.from_gram(rbf_kernel(X), Y)
        ridge, risk = optimal_ridge(spectrum, 80)
        assert float(ridge) == 0.0
        assert float(risk.test_mse) == pytest.approx(0.0, abs=1e-12)

    def test_the_baseline_is_the_error_with_a_huge_ridge(self):
        curve = predict_learning_curve(X, Y, n_samples=[10], n_features=[5], ridges=[1e9])
        assert curve.baseline_mse == pytest.approx(np.mean(np.sum(Y**2, axis=1)))
        assert curve.heldout_mse[0, 0, 0] == pytest.approx(curve.baseline_mse, rel=1e-6)

    def test_best_table_and_text(self):
        table = self.curve.table()
        assert [(row["n_samples"], row["n_features"]) for row in table] == [
            (10, 15),
            (10, math.inf),
            (40, 15),
            (40, math.inf),
        ]
        assert self.curve.best == min(self.curve._settings(), key=lambda s: s.heldout_mse)
        assert dataclasses.asdict(self.curve.best) in table
        assert self.curve.best.n_samples == 40
        text = str(self.curve).splitlines()
        assert len(text) == 6
        assert "80 points" in text[-1]
        assert self.curve.population_size == 80

    def test_other_sizes_from_the_same_spectrum(self):
        same(self.curve.at(n_samples=[40]), predict_learning_curve(X, Y, **{**GRID, "n_samples": [40]}))
        same(self.curve.at(n_features=[7, 9]), predict_learning_curve(X, Y, **{**GRID, "n_features": [7, 9]}))
        finer = self.curve.at(ridges=[0.1])
        same(finer, predict_learning_curve(X, Y, **{**GRID, "ridges": [0.1]}))
        assert finer.baseline_mse == self.curve.baseline_mse
        with pytest.raises(ValueError, match="n_samples must be below the 80 points"):
            self.curve.at(n_samples=[80])

    def test_it_leaves_the_arguments_alone(self):
        ridges, sizes = np.array([0.1]), np.array([10.0])
        predict_learning_curve(X, Y, n_samples=sizes, n_features=sizes, ridges=ridges)
        assert ridges.flags.writeable
        assert sizes.flags.writeable

    def test_it_is_immutable(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            self.curve.ridges = np.ones(3)
        with pytest.raises(ValueError, match="read-only"):
            self.curve.heldout_mse[0, 0, 0] = 0.0

    def test_default_grids(self):
        curve = predict_learning_curve(X, Y)
        assert curve.n_samples.tolist() == [1, 2, 5, 10, 20, 40]
        assert curve.n_features.tolist() == [1, 2, 5, 10, 20, 40, 80, 160, 320, math.inf]
        assert curve.heldout_mse.shape == (6, 10, 13)
        assert curve.ridges[[0, -1]] / np.trace(relu_kernel(X, weight_variance=0.5)) * 80 == pytest.approx([1e-5, 10.0])


class TestKernels:
    def test_names_functions_matrices_and_estimators_agree(self):
        for kernel, params, K in (
            ("relu", {}, relu_kernel(X, weight_variance=0.5)),
            ("erf", {"weight_variance": 0.7}, erf_kernel(X, weight_variance=0.7)),
            ("rbf", {"gamma": 0.3}, rbf_kernel(X, gamma=0.3)),
            ("laplacian", {}, laplacian_kernel(X)),
            (rbf_kernel, {"gamma": 0.3}, rbf_kernel(X, gamma=0.3)),
            (RandomFeatureRidge(activation="erf", weight_variance=0.7), {}, erf_kernel(X, weight_variance=0.7)),
            (RandomFeatureRidge(), {}, relu_kernel(X, weight_variance=0.5)),
        ):
            expected = predict_learning_curve(K, Y, "precomputed", **SIZES)
            same(predict_learning_curve(X, Y, kernel, kernel_params=params, **SIZES), expected)

    def test_the_default_weights_are_those_of_the_regressor(self):
        fitted = RandomFeatureRidge(activation="erf").fit(X, Y)
        K = erf_kernel(X, weight_variance=fitted.weight_variance_)
        same(predict_learning_curve(X, Y, "erf", **SIZES), predict_learning_curve(K, Y, "precomputed", **SIZES))


class TestTargets:
    iris = load_iris()

    @pytest.mark.parametrize(
        "labels",
        [iris.target, iris.target_names[iris.target], iris.target_names[iris.target].astype(object), 5 - iris.target],
        ids=["integers", "strings", "objects", "other integers"],
    )
    def test_class_labels_become_one_hot(self, labels):
        expected = predict_learning_curve(self.iris.data, np.eye(3)[self.iris.target], **SIZES)
        same(predict_learning_curve(self.iris.data, labels, **SIZES), expected)
        assert expected.baseline_mse == 1.0

    def test_floats_are_values(self):
        binary = np.sign(X[:, 0])
        values = predict_learning_curve(X, binary, **SIZES)
        same(values, predict_learning_curve(X, binary[:, None], **SIZES))
        # the one-hot columns are (1 -+ y) / 2: other targets, other errors
        assert values.baseline_mse == predict_learning_curve(X, binary.astype(int), **SIZES).baseline_mse == 1.0
        assert not np.allclose(values.heldout_mse, predict_learning_curve(X, binary > 0, **SIZES).heldout_mse)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": np.full((80, 2), math.nan)}, ValueError, "X must"),
        ({"X": X[:3], "y": Y[:3]}, ValueError, "X must have at least 4 points"),
        ({"y": Y[:50]}, ValueError, "y must be as long as X"),
        ({"y": np.full(80, math.nan)}, ValueError, "y must"),
        ({"y": np.arange(80)}, ValueError, "y must hold at least two classes .* got 80 for 80 points"),
        ({"y": np.ones(80, dtype=int)}, ValueError, "y must hold at least two classes"),
        ({"max_points": 79}, ValueError, "X must have at most max_points = 79 points; got 80, .* random subset"),
        ({"n_samples": [10, 80]}, ValueError, "n_samples must be below the 80 points"),
        ({"n_samples": [2.5]}, ValueError, "n_samples must be whole numbers"),
        ({"n_samples": [math.inf]}, ValueError, "n_samples must"),
        ({"n_features": [0]}, ValueError, "n_features must"),
        ({"ridges": [-1.0]}, ValueError, "ridges must"),
        ({"kernel": "rbff"}, ValueError, "Did you mean 'rbf'"),
        ({"kernel": "precomputed"}, ValueError, "K must be square"),
        ({"kernel": lambda X: -np.eye(len(X))}, ValueError, "K must be positive semi-definite"),
        ({"kernel_params": {"weight_variance": -1.0}}, ValueError, "weight_variance must"),
    ],
)  # fmt: skip
def test_refusals(changes, error, message):
    with pytest.raises(error, match=message):
        predict_learning_curve(**{"X": X, "y": Y, **changes})


@pytest.mark.parametrize(("name", "activation"), [("wine", "relu"), ("iris", "erf")])
def test_against_trained_regressors(name, activation):
    # A statistical test: 40 training sets of a quarter of the points; margin 10 % for what is not Gaussian (15 % for
    # the train error) plus 3.5 standard errors, so that two comparisons raise a false alarm in 1000 runs at the most.
    data = datasets.load(name).standardized()
    n, k, trials = data.n_samples // 4, 200, 40
    model = RandomFeatureRidge(k, activation=activation)
    curve = predict_learning_curve(data.X, data.y, model, n_samples=[n], n_features=[k])
    targets = datasets.one_hot(data.y)
    model.set_params(ridge=curve.optimal_ridge[0, 0])
    errors = np.empty((trials, 2))
    for trial in range(trials):
        order = np.random.default_rng(trial).permutation(data.n_samples)
        parts = order[n:], order[:n]
        model.set_params(random_state=trial).fit(data.X[parts[1]], targets[parts[1]])
        errors[trial] = [np.mean(np.sum((model.predict(data.X[p]) - targets[p]) ** 2, axis=1)) for p in parts]
    predicted = np.array([curve.optimal_heldout_mse[0, 0], curve.optimal_train_mse[0, 0]])
    allowed = np.array([0.1, 0.15]) * predicted + 3.5 * errors.std(axis=0, ddof=1) / math.sqrt(trials)
    assert np.all(np.abs(errors.mean(axis=0) - predicted) <= allowed)
