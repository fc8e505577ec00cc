"""The regressor keeps scikit-learn's contract, means what it says about ridges, and its features their kernel."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from theorylab.random_features.estimators.regressor import RandomFeatureRidge
from theorylab.random_features.theory import erf_kernel, relu_kernel

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 5)), RNG.standard_normal((40, 3))


@parametrize_with_checks(
    [
        RandomFeatureRidge(random_state=0),
        RandomFeatureRidge(n_features=30, ridge=0.0, activation="erf", weight_variance=0.5, random_state=0),
    ]
)
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


def features(model):
    """The features as the docstring defines them."""
    g = {"relu": lambda t: np.maximum(t, 0.0), "erf": np.vectorize(math.erf)}[model.activation]
    return g(X @ model.weights_.T)


@pytest.mark.parametrize("activation", ["relu", "erf"])
@pytest.mark.parametrize("n_features", [17, 90])
def test_the_ridge_is_that_of_scikit_learn_on_scaled_features(activation, n_features):
    model = RandomFeatureRidge(n_features, ridge=0.3, activation=activation, random_state=1).fit(X, Y)
    psi = features(model)
    for reference, inputs in (
        (Ridge(alpha=0.3, fit_intercept=False), psi / math.sqrt(n_features)),
        (Ridge(alpha=0.3 * n_features, fit_intercept=False), psi),
        (KernelRidge(alpha=0.3), psi / math.sqrt(n_features)),
    ):
        np.testing.assert_allclose(model.predict(X), reference.fit(inputs, Y).predict(inputs), rtol=1e-8, atol=1e-10)
    assert model.coef_.shape == (3, n_features)


def test_without_ridge_it_is_the_solution_of_least_norm():
    model = RandomFeatureRidge(90, ridge=0.0, random_state=1).fit(X, Y[:, 0])
    psi = features(model) / math.sqrt(90)
    np.testing.assert_allclose(model.coef_, np.linalg.pinv(psi) @ Y[:, 0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.predict(X), Y[:, 0], atol=1e-9)


@pytest.mark.parametrize(("activation", "kernel"), [("relu", relu_kernel), ("erf", erf_kernel)])
def test_many_features_are_kernel_ridge_regression(activation, kernel):
    model = RandomFeatureRidge(100_000, ridge=0.5, activation=activation, random_state=2).fit(X, Y)
    K = kernel(X, weight_variance=2 / 5)
    reference = KernelRidge(alpha=0.5, kernel="precomputed").fit(K, Y).predict(K)
    np.testing.assert_allclose(model.predict(X), reference, atol=0.05)


def test_weight_variance():
    assert RandomFeatureRidge().fit(X, Y).weight_variance_ == 2 / 5
    model = RandomFeatureRidge(20_000, weight_variance=3.0, random_state=0).fit(X, Y)
    assert model.weights_.var() == pytest.approx(3.0, rel=0.05)


def test_the_seed_decides():
    def predictions(seed):
        return RandomFeatureRidge(random_state=seed).fit(X, Y).predict(X)

    np.testing.assert_array_equal(predictions(3), predictions(3))
    assert not np.allclose(predictions(3), predictions(4))


def test_in_a_pipeline_under_a_grid_search():
    digits = load_digits()
    pipeline = make_pipeline(StandardScaler(), RandomFeatureRidge(300, random_state=0))
    ridges = [1e-3, 1e-1, 1e4]
    search = GridSearchCV(pipeline, {"randomfeatureridge__ridge": ridges}, cv=3)
    search.fit(digits.data[:400], np.eye(10)[digits.target[:400]])
    assert search.best_params_["randomfeatureridge__ridge"] == 1e-1
    predicted = search.predict(digits.data[400:800]).argmax(axis=1)
    assert np.mean(predicted == digits.target[400:800]) > 0.8


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features": 0}, "n_features must"),
        ({"n_features": 2.5}, "n_features must"),
        ({"ridge": -1.0}, "ridge must"),
        ({"ridge": math.nan}, "ridge must"),
        ({"activation": "rely"}, "Did you mean 'relu'"),
        ({"weight_variance": 0.0}, "weight_variance must"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(ValueError, match=message):
        RandomFeatureRidge(**parameters).fit(X, Y)
