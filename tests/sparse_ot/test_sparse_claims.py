"""Every claim on sparse transport is upheld, with other seeds than the notebook's too."""

import numpy as np
import pytest

from theorylab.sparse_ot import claims, theory
from theorylab.sparse_ot.claims.sparse_ties import row_errors
from theorylab.sparse_ot.problem import iid_costs


@pytest.mark.parametrize(
    "name",
    [
        "capacitated_assignment",
        "dual_gradients",
        "gap_with_many_columns",
        "gap_without_ties",
        "iterations_against_sparsity",
        "maximiser_jump",
        "maximum_operators",
        "one_entry_value",
        "quadratic_limit",
        "sparse_bidual",
        "strong_regularisation",
        "tied_columns",
        "topk_row_masses",
        "value_bounds",
        "value_derivative",
    ],
)
def test_claim(name):
    result = getattr(claims, name).run(seed=1)
    assert result.status == "upheld"
    assert all(control.rejected for control in result.controls)


def test_the_rule_that_tied_plans_fail_is_passed_without_a_tie():
    problem = iid_costs(np.random.default_rng(0), 40)
    _, log = theory.sparse_ot(*problem, 4.0, 12, log=True)
    assert not np.any(log.tied_columns)
    assert row_errors([float(log.row_error)]).verdict.value == "confirmed"


def test_the_rule_that_tied_plans_fail_is_passed_by_convex_plans():
    problem = iid_costs(np.random.default_rng(0), 40)
    _, log = theory.sparse_ot(*problem, 4.0, 2, plan="convex", log=True)
    assert np.any(log.tied_columns)
    assert row_errors([float(log.row_error)]).verdict.value == "confirmed"
