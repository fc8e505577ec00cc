"""Every claim on entropic transport is upheld, with other seeds than the notebook's too."""

import pytest

from theorylab.sparse_ot import claims
from theorylab.sparse_ot.claims import entropic_dual, entropic_rates, entropic_sparsity, sparse_newton

NAMES = [
    name for module in (entropic_dual, entropic_rates, entropic_sparsity, sparse_newton) for name in module.__all__
]


@pytest.mark.parametrize("name", NAMES)
def test_claim(name):
    result = getattr(claims, name).run(seed=1)
    assert result.status == "upheld"
    assert all(control.rejected for control in result.controls)
