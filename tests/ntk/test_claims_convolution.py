"""Claims on convolutional networks are upheld, and notice a theory that is broken on purpose."""

import numpy as np
import pytest

from theorylab.ntk.claims import convolutional_kernel, convolutions, pooling_and_shifts
from theorylab.ntk.theory import ConvNTK


@pytest.mark.parametrize(("claim", "controls"), [(convolutional_kernel, 6), (pooling_and_shifts, 3)])
def test_upheld(claim, controls):
    result = claim.run(seed=1)
    assert result.status == "upheld", str(result)
    assert [control.rejected for control in result.controls] == [True] * controls


@pytest.mark.parametrize("readout", ["flatten", "gap"])
def test_the_controls_are_the_theory_but_for_one_mistake(readout):
    X = np.random.default_rng(0).random((2, 3, 4, 2))
    exact = ConvNTK("erf", 2, convolutions._W_STD, convolutions._B_STD, readout=readout)(X)
    np.testing.assert_allclose(convolutions._wrong_recursion(X, 2, readout, ""), exact, rtol=1e-12)


def test_a_wrong_weight_of_the_filters_is_noticed(monkeypatch):
    exact = ConvNTK._convolved
    monkeypatch.setattr(ConvNTK, "_convolved", lambda kernel, xp, values: 1.1 * exact(kernel, xp, values))
    assert convolutional_kernel.run().verdict == "refuted"


def test_shifts_move_every_image_by_one_pixel():
    images = np.random.default_rng(0).random((40, 4, 4, 1))
    moved = convolutions._shifted(np.random.default_rng(1), images)
    found = set()
    for before, after in zip(images, moved, strict=True):
        found |= {m for m in ((1, 0), (-1, 0), (0, 1), (0, -1)) if np.array_equal(np.roll(before, m, (0, 1)), after)}
    assert len(found) == 4
