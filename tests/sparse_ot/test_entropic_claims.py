"""Every claim on entropic transport is upheld, with another seed than the notebook's."""

import pytest

from theorylab.sparse_ot import claims


@pytest.mark.parametrize(
    "name",
    [
        "entropic_convergence",
        "entropic_derivatives",
        "entropic_duality",
        "entropic_sharp_rate",
        "entropic_sparsity_bound",
        "grid_transport_cost",
        "newton_against_sinkhorn",
        "sinkhorn_local_rate",
        "sparse_newton_superexponential",
        "sparse_newton_tail",
    ],
)
def test_claim(name):
    result = getattr(claims, name).run(seed=1)
    assert result.status == "upheld"
    assert all(control.rejected for control in result.controls)
