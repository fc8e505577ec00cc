"""The estimator: scikit-learn's own checks, refits with KernelRidge, and optimal weights by search."""

import math

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.self_distillation.naive import students
from theorylab.self_distillation import SelfDistilledKernelRidge
from theorylab.self_distillation.problem import toy_problem

TOY = toy_problem()
RNG = np.random.default_rng(0)
X, Y, QUERIES = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2)), RNG.standard_normal((7, 3))

CHECKED = [
    SelfDistilledKernelRidge(),
    SelfDistilledKernelRidge(kernel="linear", n_steps=3, ground_truth_weight=[0.1, 0.2]),
    SelfDistilledKernelRidge(n_steps=math.inf),
    SelfDistilledKernelRidge(n_steps=3, ground_truth_weight="leave-one-out"),
    SelfDistilledKernelRidge(kernel="precomputed"),
]


def expected_failures(estimator):
    """Checks that give a precomputed kernel a matrix which is none."""
    if estimator.kernel != "precomputed":
        return {}
    return {
        "check_estimators_dtypes": "truncates the Gram matrix to whole numbers, which makes it indefinite",
        "check_positive_only_tag_during_fit": "subtracts the mean from the Gram matrix, which makes it indefinite",
    }


@parametrize_with_checks(CHECKED, expected_failed_checks=expected_failures)
def test_scikit_learn(estimator, check):
    check(estimator)


def test_a_matrix_that_is_no_gram_matrix_is_refused():
    for estimator, K, message in [
        (SelfDistilledKernelRidge(kernel="precomputed"), np.eye(3) - 0.5, "K must be positive semi-definite"),
        (SelfDistilledKernelRidge(kernel="precomputed"), np.triu(np.ones((3, 3))), "K must be symmetric"),
        (SelfDistilledKernelRidge(kernel="precomputed"), np.ones((3, 2)), "Precomputed metric requires"),
        (SelfDistilledKernelRidge(kernel="sigmoid", coef0=-1.0), X[:3], "K must be positive semi-definite"),
    ]:
        with pytest.raises(ValueError, match=message):
            estimator.fit(K, [0.0, 1.0, 2.0])


def refitted(kernel, weights, y, **parameters):
    """Predictions of a loop of KernelRidge."""
    target, found = y, []
    for weight in [*weights, None]:
        model = KernelRidge(alpha=0.3, kernel=kernel, **parameters).fit(X, target)
        found.append(model.predict(QUERIES))
        if weight is not None:
            target = weight * y + (1 - weight) * model.predict(X)
    return np.array(found)


@pytest.mark.parametrize(
    ("kernel", "parameters"),
    [
        ("rbf", {"gamma": 0.2}),
        ("rbf", {}),
        ("linear", {}),
        ("poly", {"degree": 2, "coef0": 0.5, "gamma": 0.7}),
        ("laplacian", {"gamma": 0.4}),
        (lambda a, b, power: (1 + a @ b) ** power, {"kernel_params": {"power": 2}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["one", "two"])
def test_every_kernel_against_a_loop_of_kernel_ridge(kernel, parameters, y):
    weights = [0.3, 0.9, 0.0]
    model = SelfDistilledKernelRidge(
        kernel, regularization=0.3, ground_truth_weight=weights, n_steps=4, **parameters
    ).fit(X, y)
    expected = refitted(kernel, weights, y, **parameters)
    np.testing.assert_allclose(list(model.staged_predict(QUERIES)), expected, atol=1e-9)
    np.testing.assert_allclose(model.predict(QUERIES), expected[-1], atol=1e-9)
    for step in range(1, 5):
        np.testing.assert_array_equal(model.predict(QUERIES, step=step), list(model.staged_predict(QUERIES))[step - 1])
    assert model.dual_coef_.shape == y.shape
    assert model.step_dual_coefs_.shape == (4, *y.shape)
    assert model.filters_.shape == (4, 30)
    np.testing.assert_array_equal(model.ground_truth_weights_, weights)


def test_a_precomputed_gram_matrix_in_single_precision():
    model = SelfDistilledKernelRidge(kernel="precomputed", regularization=0.2, ground_truth_weight=0.25, n_steps=6)
    predictions = model.fit(TOY.gram, TOY.y).staged_predict(TOY.cross)
    losses = [np.mean((fit - TOY.truth) ** 2) for fit in predictions]
    np.testing.assert_allclose(losses, [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011], atol=5e-6)
    single = clone(model).fit(TOY.gram.astype(np.float32), TOY.y).predict(TOY.cross)
    np.testing.assert_allclose(single, model.predict(TOY.cross), atol=1e-5)


def test_sparse_inputs():
    few = X * (np.abs(X) > 0.8)
    dense = SelfDistilledKernelRidge(n_steps=3).fit(few, Y)
    for container in (sparse.csr_array, sparse.csc_array):
        model = SelfDistilledKernelRidge(n_steps=3).fit(container(few), Y)
        np.testing.assert_allclose(model.predict(container(QUERIES)), dense.predict(QUERIES), atol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_infinitely_many_steps(weight):
    model = SelfDistilledKernelRidge(gamma=80.0, regularization=0.2, ground_truth_weight=weight, n_steps=math.inf)
    model.fit(TOY.X, TOY.y)
    found = model.predict(TOY.X_test)
    expected = students(TOY.gram, TOY.y, 0.2 / weight, [], TOY.cross)[0] if weight else np.zeros(101)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(model.predict(TOY.X_test, step=math.inf), found)
    np.testing.assert_array_equal(list(model.staged_predict(TOY.X_test)), [found])
    np.testing.assert_allclose(model.effective_regularization_, 0.2 / weight if weight else math.inf, rtol=1e-9)
    assert model.filters_.shape == (1, 11)
    with pytest.raises(ValueError, match="step must be inf for this model; got 1"):
        model.predict(TOY.X_test, step=1)


def test_effective_regularization_differs_between_components_at_a_finite_step():
    model = SelfDistilledKernelRidge(gamma=80.0, regularization=0.3, ground_truth_weight=0.4).fit(TOY.X, TOY.y)
    # from (2 - 0.4) 0.3 for large eigenvalues to 0.3 / 0.4 for small ones
    assert 0.48 < model.effective_regularization_.min() < 0.5 < model.effective_regularization_.max() < 0.75
    first = SelfDistilledKernelRidge(gamma=80.0, regularization=0.3, n_steps=1).fit(TOY.X, TOY.y)
    np.testing.assert_allclose(first.effective_regularization_, 0.3, rtol=1e-12)
    assert first.ground_truth_weights_.shape == (0,)


class TestOptimalWeights:
    X_val, y_val = RNG.standard_normal((40, 3)), 0.3 * RNG.standard_normal((40, 2))

    def fit(self, y, weights, **parameters):
        model = SelfDistilledKernelRidge(gamma=0.3, regularization=2.0, ground_truth_weight=weights, **parameters)
        return model.fit(X, y, X_val=self.X_val, y_val=self.y_val if y.ndim == 2 else self.y_val[:, 0])

    @pytest.mark.parametrize("clip", [True, False])
    @pytest.mark.parametrize("outputs", [0, 2])
    def test_each_step_is_best_after_the_steps_before(self, clip, outputs):
        y = Y if outputs else Y[:, 0]
        target = self.y_val if outputs else self.y_val[:, 0]
        model = self.fit(y, "optimal", n_steps=4, clip=clip)
        weights = model.ground_truth_weights_
        assert weights.shape == (3,)
        for s in range(3):

            def loss(weight, s=s):
                other = self.fit(y, [*weights[:s], weight], n_steps=s + 2, clip=False)
                return np.mean((other.predict(self.X_val) - target) ** 2)

            near = weights[s] + np.array([-1e-3, 0.0, 1e-3])
            losses = [loss(weight) for weight in (np.clip(near, 0, 1) if clip else near)]
            assert losses[1] == min(losses)

    def test_validation_data_of_a_precomputed_kernel(self):
        model = self.fit(Y, "optimal", n_steps=3)
        K, K_val = rbf_kernel(X, gamma=0.3), rbf_kernel(self.X_val, X, gamma=0.3)
        twin = SelfDistilledKernelRidge("precomputed", regularization=2.0, ground_truth_weight="optimal", n_steps=3)
        twin.fit(K, Y, X_val=K_val, y_val=self.y_val)
        np.testing.assert_allclose(twin.ground_truth_weights_, model.ground_truth_weights_, rtol=1e-9)

    def test_the_toy_problem(self):
        settings = {"gamma": 80.0, "regularization": 0.2, "ground_truth_weight": "optimal"}
        data = {"X": TOY.X, "y": TOY.y, "X_val": TOY.X_test, "y_val": TOY.truth}
        model = SelfDistilledKernelRidge(**settings, n_steps=3, clip=False).fit(**data)
        np.testing.assert_allclose(model.ground_truth_weights_, [-0.62184392, 0.33036], atol=6e-6)
        model = SelfDistilledKernelRidge(**settings, n_steps=3).fit(**data)
        assert model.ground_truth_weights_[0] == 0.0
        # the ridge that the limit should have is 0.57529831
        model = SelfDistilledKernelRidge(**settings, n_steps=math.inf).fit(**data)
        assert model.ground_truth_weights_[0] == pytest.approx(0.2 / 0.57529831, rel=1e-6)

    def test_limits_at_the_ends_of_the_interval(self):
        settings = {"gamma": 80.0, "ground_truth_weight": "optimal", "n_steps": math.inf}
        data = {"X": TOY.X, "y": TOY.y, "X_val": TOY.X_test}
        model = SelfDistilledKernelRidge(**settings, regularization=2.0).fit(**data, y_val=TOY.truth)
        assert model.ground_truth_weights_[0] == 1.0
        model = SelfDistilledKernelRidge(**settings, regularization=0.2).fit(**data, y_val=-TOY.truth)
        assert model.ground_truth_weights_[0] == 0.0
        assert np.all(model.predict(TOY.X_test) == 0.0)

    def test_a_limit_between_one_that_is_worse_than_nothing_and_nothing(self):
        target = 0.2 * TOY.truth
        model = SelfDistilledKernelRidge(
            gamma=80.0, regularization=0.2, ground_truth_weight="optimal", n_steps=math.inf
        ).fit(TOY.X, TOY.y, X_val=TOY.X_test, y_val=target)

        def loss(weight):
            return np.mean((students(TOY.gram, TOY.y, 0.2 / weight, [], TOY.cross)[0] - target) ** 2)

        found = model.ground_truth_weights_[0]
        assert loss(found) < np.mean(target**2) < loss(1.0)
        assert loss(found) < min(loss(0.9 * found), loss(1.1 * found))

    @pytest.mark.parametrize("n_steps", [2, 3, math.inf])
    def test_leave_one_out(self, n_steps):
        y, K, ridge = np.sin(X[:, 0]) + 0.5 * Y[:, 0], rbf_kernel(X, gamma=0.3), 0.05
        model = SelfDistilledKernelRidge(
            gamma=0.3, regularization=ridge, ground_truth_weight="leave-one-out", n_steps=n_steps
        ).fit(X, y)
        *earlier, found = model.ground_truth_weights_

        def loss(weight):  # of refits of the whole chain without each sample
            errors = []
            for i in range(30):
                kept = np.arange(30) != i
                problem = K[np.ix_(kept, kept)], y[kept]
                if n_steps == math.inf:
                    fit = students(*problem, ridge / weight, [], K[i, kept])
                else:
                    fit = students(*problem, ridge, [*earlier, weight], K[i, kept])
                errors.append(fit[-1] - y[i])
            return np.mean(np.square(errors))

        assert 0.01 < found < 0.99
        assert loss(found) < min(loss(found - 0.01), loss(found + 0.01))


def test_composition():
    y = np.sin(X[:, 0]) + 5.0
    pipeline = make_pipeline(StandardScaler(), SelfDistilledKernelRidge(n_steps=3))
    search = GridSearchCV(pipeline, {"selfdistilledkernelridge__ground_truth_weight": [0.2, "leave-one-out"]}, cv=3)
    assert search.fit(X, y).predict(X).shape == (30,)
    collapsing = SelfDistilledKernelRidge(ground_truth_weight=0.0, n_steps=math.inf)
    np.testing.assert_array_equal(collapsing.fit(X, y).predict(QUERIES), np.zeros(7))
    centred = TransformedTargetRegressor(collapsing, transformer=StandardScaler()).fit(X, y)
    np.testing.assert_allclose(centred.predict(QUERIES), y.mean())


def test_validation_data_pass_through_a_pipeline():
    model = SelfDistilledKernelRidge(ground_truth_weight="optimal", clip=False)
    X_val, y_val = 10.0 * QUERIES, RNG.standard_normal(7)
    with config_context(enable_metadata_routing=True):
        request = clone(model).set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("model", request)]
        pipeline = Pipeline(steps, transform_input=["X_val"]).fit(10.0 * X, Y[:, 0], X_val=X_val, y_val=y_val)
    scale = StandardScaler().fit(10.0 * X)
    model.fit(scale.transform(10.0 * X), Y[:, 0], X_val=scale.transform(X_val), y_val=y_val)
    np.testing.assert_array_equal(pipeline[-1].ground_truth_weights_, model.ground_truth_weights_)


def test_a_fitted_model_keeps_its_number_of_steps():
    model = SelfDistilledKernelRidge(n_steps=3).fit(X, Y).set_params(n_steps=math.inf)
    assert model.n_steps_ == 3
    np.testing.assert_array_equal(model.predict(QUERIES, step=3), model.predict(QUERIES))


def test_refusals():
    for parameters, message in [
        ({"regularization": 0.0}, "regularization must be a finite number > 0"),
        ({"n_steps": 0}, "n_steps must be a whole number >= 1 or inf"),
        ({"n_steps": 2.5}, "n_steps must be a whole number >= 1 or inf"),
        ({"ground_truth_weight": 1.1}, "ground_truth_weight must be finite and >= 0 and <= 1"),
        ({"ground_truth_weight": [0.5, -0.1], "n_steps": 3}, "ground_truth_weight must be finite and >= 0"),
        (
            {"ground_truth_weight": [0.5], "n_steps": 3},
            "ground_truth_weight must be one number or 2 numbers for n_steps=3",
        ),
        ({"ground_truth_weight": [0.5], "n_steps": math.inf}, "ground_truth_weight must be one number for n_steps=inf"),
        ({"ground_truth_weight": 1.1, "n_steps": math.inf, "clip": False}, "ground_truth_weight must be finite and >="),
        ({"ground_truth_weight": "optimum"}, "Did you mean 'optimal'"),
        ({"ground_truth_weight": "optimal"}, "X_val and y_val must be given"),
        ({"kernel": "rbff"}, "Did you mean 'rbf'"),
    ]:
        with pytest.raises(ValueError, match=message):
            SelfDistilledKernelRidge(**parameters).fit(X, Y)
    optimal = SelfDistilledKernelRidge(ground_truth_weight="optimal")
    with pytest.raises(ValueError, match="X_val and y_val must be given"):
        optimal.fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match=r"y_val must have the outputs of y, \(2,\); got \(\)"):
        optimal.fit(X, Y, X_val=X, y_val=Y[:, 0])
    model = SelfDistilledKernelRidge(n_steps=3)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(NotFittedError):
        list(model.staged_predict(X))
    model.fit(X, Y)
    for step, message in [
        (4, "step must be 1 to 3 for this model; got 4"),
        (math.inf, "step must be 1 to 3"),
        (0, ">= 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.predict(X, step=step)


def test_weights_outside_the_interval_without_clip():
    weights = [1.7409, -3.3628]
    model = SelfDistilledKernelRidge(
        gamma=80.0, regularization=0.2, ground_truth_weight=weights, n_steps=3, clip=False
    ).fit(TOY.X, TOY.y)
    assert np.mean((model.predict(TOY.X_test) - TOY.truth) ** 2) == pytest.approx(0.14764726, abs=1e-7)
