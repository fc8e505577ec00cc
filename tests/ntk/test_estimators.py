"""The estimators: scikit-learn's own checks, and classifiers and regressors that they must agree with."""

import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from theorylab.ntk import NTK
from theorylab.ntk.estimators import DepthLimitClassifier, GaussianProcessNTK, GradientFlowRegressor

RNG = np.random.default_rng(0)
X, Y, QUERIES = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2)), RNG.standard_normal((8, 3))


@parametrize_with_checks(
    [
        GradientFlowRegressor(),
        GradientFlowRegressor(NTK("erf", 1), time=50.0),
        GradientFlowRegressor(ridge=0.1),
        DepthLimitClassifier(),
        DepthLimitClassifier((0.0, 0.0, 1.0)),
        DepthLimitClassifier(depth=12),
    ]
)
def test_scikit_learn_is_satisfied(estimator, check):
    check(estimator)


def test_end_of_training_is_kernel_regression():
    model = GradientFlowRegressor(ridge=0.3).fit(X, Y)
    reference = KernelRidge(kernel="precomputed", alpha=0.3).fit(NTK()(X), Y)
    np.testing.assert_allclose(model.predict(QUERIES), reference.predict(NTK()(QUERIES, X)), rtol=1e-9)


def test_precomputed_kernel_and_stages():
    model = GradientFlowRegressor(time=3.0).fit(X, Y[:, 0])
    precomputed = GradientFlowRegressor("precomputed", time=3.0).fit(NTK()(X), Y[:, 0])
    np.testing.assert_allclose(precomputed.predict(NTK()(QUERIES, X)), model.predict(QUERIES), rtol=1e-11)
    stages = model.staged_predict(QUERIES, [0.0, 3.0])
    np.testing.assert_allclose(stages, [np.zeros(8), model.predict(QUERIES)], atol=1e-14)


def test_fits_into_a_pipeline_and_a_search():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), GradientFlowRegressor()), {"gradientflowregressor__time": [1.0, 100.0]}, cv=3
    ).fit(X, Y[:, 0])
    assert search.best_params_["gradientflowregressor__time"] in {1.0, 100.0}
    assert clone(search.best_estimator_).get_params()["gradientflowregressor__ridge"] == 0.0


def on_orthant(n, d, rng):
    points = np.abs(rng.standard_normal((n, d + 1)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_limits_are_the_classifiers_they_become():
    rng = np.random.default_rng(1)
    train, test = on_orthant(200, 2, rng), on_orthant(100, 2, rng)
    labels = (rng.random(200) < 0.7).astype(int)

    def predictions(**parameters):
        return DepthLimitClassifier(lift=False, **parameters).fit(train, labels).predict(test)

    nearest = KNeighborsClassifier(1).fit(train, labels).predict(test)
    np.testing.assert_array_equal(predictions(p=(0.0, 0.0, 1.0)), nearest)
    assert np.mean(predictions(p=(0.0, 0.0, 1.0), depth=18) == nearest) > 0.98
    majority = int(np.mean(labels) > 0.5)
    assert np.all(predictions(p=(0.25, 0.0, 0.75)) == majority)
    assert np.all(predictions(p=(0.25, 0.0, 0.75), depth=60) == majority)
    distances = np.linalg.norm(test[:, None] - train[None], axis=2)
    hilbert = ((distances**-2.0) @ (2.0 * labels - 1.0) > 0.0).astype(int)
    assert np.mean(predictions() == hilbert) > 0.98
    assert np.mean(predictions(depth=40) == predictions()) > 0.98


def test_digits_are_learned():
    images, labels = load_digits(return_X_y=True)
    model = DepthLimitClassifier((0.0, 0.0, 1.0)).fit(images[:600], labels[:600])
    assert model.score(images[600:900], labels[600:900]) > 0.93


def test_kernels_fit_into_scikit_learn():
    labels = (X[:, 0] > 0.0).astype(int)
    kernel = NTK("relu", 2)
    by_name = SVC(kernel=kernel).fit(X, labels).predict(QUERIES)
    precomputed = SVC(kernel="precomputed").fit(kernel(X), labels).predict(kernel(QUERIES, X))
    np.testing.assert_array_equal(by_name, precomputed)
    pairwise = KernelRidge(kernel=kernel).fit(X, Y).predict(QUERIES)
    np.testing.assert_allclose(
        pairwise, KernelRidge(kernel="precomputed").fit(kernel(X), Y).predict(kernel(QUERIES, X)), rtol=1e-9
    )
    prior = NTK("relu", 2, kind="nngp")
    process = GaussianProcessRegressor(GaussianProcessNTK(prior), alpha=0.1, optimizer=None).fit(X, Y[:, 0])
    mean, deviation = process.predict(QUERIES, return_std=True)
    inverse = np.linalg.inv(prior(X) + 0.1 * np.eye(30))
    np.testing.assert_allclose(mean, prior(QUERIES, X) @ inverse @ Y[:, 0], rtol=1e-8)
    variance = prior.diag(QUERIES) - np.sum(prior(QUERIES, X) @ inverse * prior(QUERIES, X), axis=1)
    np.testing.assert_allclose(deviation**2, variance, rtol=1e-6)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (GradientFlowRegressor(time=-1.0), "time must be"),
        (GradientFlowRegressor("rbf"), "kernel must be"),
        (GradientFlowRegressor("precomputed"), "X must be square"),
        (DepthLimitClassifier((0.5, 0.4)), "p must sum to 1"),
        (DepthLimitClassifier(depth=2.5), "depth must be"),
        (DepthLimitClassifier(kind="ntkk"), "kind must be"),
        (DepthLimitClassifier((0.6, 0.2, 0.2), depth=10), "depth must be inf"),
        (DepthLimitClassifier(lift=False), "X must hold unit vectors"),
    ],
)
def test_bad_parameters_are_refused(estimator, message):
    labels = (X[:, 0] > 0.0).astype(int)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, labels)


def test_infinite_depth_is_the_default():
    assert math.isinf(DepthLimitClassifier().depth)
