r"""Leave-one-out predictions of every step of self-distillation, without refitting.

Leaving out sample i changes the teacher too: all of the students before must be trained without it.  With
:math:`G = (K + \lambda I)^{-1}` the ridge fit without sample i to targets t is the fit S t' to all samples, where t'
has :math:`t_i` replaced by the prediction itself, :math:`t'_i = t_i - (G t)_i / G_{ii}`.  Applied to every step in
turn, the chain without sample i is that with it, less :math:`\sum_k \kappa_k S^k e_i`, and the numbers
:math:`\kappa` obey

.. math::
    \kappa^{(\tau)}_{1} = \frac{1}{G_{ii}} \Big[\gamma^{(\tau)}_i
    - (1-\alpha^{(\tau)}) \sum_k \kappa^{(\tau-1)}_k (G S^k)_{ii}\Big],
    \qquad \kappa^{(\tau)}_{k+1} = (1-\alpha^{(\tau)})\, \kappa^{(\tau-1)}_k,

with the dual coefficients :math:`\gamma^{(\tau)}` of the chain that saw all samples.  At weight 1 this is the familiar
:math:`y_i - (y_i - \hat y_i)/(1 - S_{ii})`; applied to a student that has a teacher, the familiar formula is wrong,
since the teacher has seen the sample.

Source: derived here.
"""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation
from theorylab.self_distillation.theory._arguments import check_weights
from theorylab.self_distillation.theory.eigensystem import KernelEigensystem
from theorylab.self_distillation.theory.filters import dual_filters

__all__ = ["leave_one_out"]


def leave_one_out(
    system: KernelEigensystem, y: Any, regularization: float, weights: Any, *, bounded: bool = True
) -> Any:
    r"""Prediction at each sample by the chain of students that was trained without it, teacher included.

    Parameters
    ----------
    system : KernelEigensystem
        Of the Gram matrix of all samples.
    y : array_like, shape (n,) or (n, c)
        Targets.
    regularization : float
        Ridge :math:`\lambda > 0` of every step; the same with one sample less, as it belongs to a sum over samples.
    weights : array_like, shape (T - 1,)
        Ground-truth weights of steps 2 to T, in [0, 1].
    bounded : bool
        False allows weights outside [0, 1].

    Returns
    -------
    array, shape (T, n) or (T, n, c)
        Predictions of each step, float64.

    Notes
    -----
    Source: derived here.  Exact, in O(n^2 T) after the eigendecomposition instead of n T refits.  The infinite-step
    limit is the first step with ridge :math:`\lambda/\alpha`.  As a function of its own weight each step is affine, so
    :func:`optimal_ground_truth_weight` tunes it on these predictions where there is no validation set.

    Examples
    --------
    >>> system = KernelEigensystem.from_gram([[1.0, 0.5], [0.5, 1.0]])
    >>> [round(float(x), 12) for x in leave_one_out(system, [4.0, 0.0], 1.0, [0.0])[:, 1]]
    [1.0, 0.5]
    """
    ridge = validation.check_number("regularization", regularization, exclusive_minimum=0.0)
    weights = validation.check_array("weights", check_weights(weights, bounded), ndim=1, allow_empty=True)
    duals = dual_filters(system.eigenvalues, ridge, weights, bounded=bounded)
    coefficients = system.apply(duals, y)
    predictions = system.apply(system.eigenvalues * duals, y)
    xp, (weights,) = arrays.promote(weights, like=system.eigenvalues)
    resolvent, powers = _diagonals(xp, system, ridge, weights.shape[0] + 1)
    if coefficients.ndim == 3:
        resolvent, powers = resolvent[..., None], powers[..., None]
    corrections = coefficients[:1, ...] / resolvent[0, ...]
    left_out = [predictions[0, ...] - corrections[0, ...] * powers[0, ...]]
    for s in range(weights.shape[0]):
        kept = (1.0 - weights[s]) * corrections
        seen = xp.sum(kept * resolvent[1 : s + 2, ...], axis=0)
        newest = (coefficients[s + 1, ...] - seen) / resolvent[0, ...]
        corrections = xp.concat([newest[None, ...], kept], axis=0)
        left_out.append(predictions[s + 1, ...] - xp.sum(corrections * powers[: s + 2, ...], axis=0))
    return xp.stack(left_out, axis=0)


def _diagonals(xp: Any, system: KernelEigensystem, ridge: float, n_steps: int) -> tuple[Any, Any]:
    """Diagonals of G S^k for k = 0 .. T - 1 and of S^k for k = 1 .. T, each (T, n)."""
    shifted = system.eigenvalues + ridge
    smoother = system.eigenvalues / shifted
    resolvent = [1.0 / shifted]
    for _ in range(n_steps - 1):
        resolvent.append(smoother * resolvent[-1])
    filters = xp.stack(resolvent, axis=0)
    squares = (system.eigenvectors**2).T
    return filters @ squares, (filters * system.eigenvalues) @ squares
