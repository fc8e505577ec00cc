"""The claims on ranks and spectra are upheld, each with its controls refuted, and notice a theory broken on purpose."""

import numpy as np
import pytest

from theorylab.ntk.claims import (
    definiteness,
    gram_spectrum,
    network_spectrum,
    odd_labels,
    positive_definite,
    power_law_spectrum,
    rank_of_gram,
    spectra,
)

CLAIMS = [
    (gram_spectrum, 4),
    (network_spectrum, 3),
    (odd_labels, 3),
    (positive_definite, 4),
    (power_law_spectrum, 4),
    (rank_of_gram, 4),
]


@pytest.mark.parametrize(("claim", "controls"), CLAIMS, ids=lambda value: getattr(value, "name", ""))
def test_upheld(claim, controls):
    result = claim.run()
    assert result.status == "upheld", str(result)
    assert [control.rejected for control in result.controls] == [True] * controls


def test_a_wrong_eigenvalue_is_noticed(monkeypatch):
    exact = spectra.sphere_spectrum

    def wrong(kernel, dim, degrees):
        return exact(kernel, dim, degrees) * np.where(np.asarray(degrees) == 5, 1.001, 1.0)

    monkeypatch.setattr(spectra, "sphere_spectrum", wrong)
    assert gram_spectrum.run().verdict == "refuted"


def test_a_wrong_constant_is_noticed(monkeypatch):
    exact = spectra.spectral_law

    def wrong(kernel, dim):
        law = exact(kernel, dim)
        return type(law)(law.dim, law.exponent, 1.1 * law.even, 1.1 * law.odd)

    monkeypatch.setattr(spectra, "spectral_law", wrong)
    assert power_law_spectrum.run().verdict == "refuted"


def test_a_wrong_parity_is_noticed(monkeypatch):
    exact = definiteness.kernel_degrees
    monkeypatch.setattr(definiteness, "kernel_degrees", lambda *args: exact(*args)._replace(odd=3.0))
    assert rank_of_gram.run().verdict == "refuted"
