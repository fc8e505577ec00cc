r"""Means over correlated Gaussian pairs for any activation, from the definition: slow, and beyond doubt.

With :math:`\rho = c/\sqrt{q_1q_2}` the pair is :math:`u = \sqrt{q_1}\,x`, :math:`v = \sqrt{q_2}\,(\rho x +
\sqrt{1-\rho^2}\,y)` for independent standard normal x and y, and

.. math::
    E[\phi(u)\phi(v)] = \int \phi(u)\,\Big[\int \phi(v)\,p(y)\,dy\Big]\,p(x)\,dx

is done by the double exponential rule [takahasi1974]_, one integral within the other, on pieces that end where the
activation has a kink.  The step is halved until two results agree.

.. [takahasi1974] H. Takahasi, M. Mori, "Double exponential formulas for numerical integration", Publications of the
   RIMS 9 (1974).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import validation
from theorylab.ntk.problem import Activation
from theorylab.numerics import NotConverged

__all__ = ["PairMeans", "pair_means"]

Floats = NDArray[np.float64]

#: Ends of the pieces wherever there is no kink; the normal distribution has 1e-39 beyond the last one.
_ENDS = (-13.0, -4.0, 0.0, 4.0, 13.0)
#: Steps of the rule, each half of the one before, and how far it goes: the last node is 1e-17 from the end.
_STEPS = (1.0 / 8.0, 1.0 / 16.0, 1.0 / 32.0, 1.0 / 64.0)
_FARTHEST = 3.2
#: Change, over the mean of the magnitudes, at which two steps agree: the error of the second is about its square.
_AGREED = 1e-9
#: Change, over the product of the two root mean squares, that no sum in double precision can tell from none.
_NOTHING = 1e-16


class PairMeans(NamedTuple):
    """Means over Gaussian pairs.

    Parameters
    ----------
    value, derivative : numpy.ndarray
        Of the products of the activation's values, and of its derivatives.
    """

    value: Floats
    derivative: Floats


def pair_means(activation: Activation, q1: Any, q2: Any, c: Any) -> PairMeans:
    """Means of the products of an activation's values and derivatives at correlated Gaussian pairs.

    Parameters
    ----------
    activation : Activation
        The function, its derivative, and every kink of the two.
    q1, q2 : array_like, > 0
        Variances, of shapes that broadcast with `c`.
    c : array_like
        Covariances, at most the geometric mean of the variances in magnitude.

    Returns
    -------
    PairMeans
        In the broadcast shape, on the host; to rounding errors of the means of the magnitudes, or 1e-16 of what the two
        root mean squares allow.

    Raises
    ------
    ValueError
        If a covariance exceeds what the variances allow.
    NotConverged
        If the steps do not settle, as near but not at full correlation.

    Examples
    --------
    >>> from theorylab.ntk.problem import relu
    >>> [float(mean.round(12)) for mean in pair_means(relu(), 1.0, 1.0, 1.0)]
    [0.5, 0.5]
    """
    given = np.broadcast_arrays(
        validation.check_array("q1", q1, exclusive_minimum=0.0),
        validation.check_array("q2", q2, exclusive_minimum=0.0),
        validation.check_array("c", c),
    )
    excess = float(np.max(given[2] ** 2 - given[0] * given[1] * (1.0 + 1e-6)))
    if excess > 0.0:
        raise ValueError(f"c must be at most sqrt(q1 * q2) in magnitude; got a square that is {excess:.3g} larger.")
    triples = zip(*(values.ravel().tolist() for values in given), strict=True)
    means = np.array([_converged(activation, *triple) for triple in triples])
    return PairMeans(*(means[:, i].reshape(given[2].shape) for i in (0, 1)))


def _converged(activation: Activation, q1: float, q2: float, c: float) -> Floats:
    """Both means with the coarsest step that the next one confirms."""
    before, _ = _one_pair(activation, q1, q2, c, _STEPS[0])
    nothing = _NOTHING * _root_mean_square(activation, q1) * _root_mean_square(activation, q2)
    for step in _STEPS[1:]:
        means, magnitudes = _one_pair(activation, q1, q2, c, step)
        change = np.abs(means - before)
        if np.all(change <= _AGREED * magnitudes + nothing):
            return means
        before = means
    raise NotConverged("mean over a Gaussian pair", means, change, len(_STEPS))


def _one_pair(activation: Activation, q1: float, q2: float, c: float, step: float) -> tuple[Floats, Floats]:
    """Both means with a given step of the rule, and the means of the magnitudes."""
    s1, s2 = math.sqrt(q1), math.sqrt(q2)
    slope, rest = c / s1, math.sqrt(max((s1 * s2 - c) * (s1 * s2 + c), 0.0)) / s1
    kinks = np.array(activation.kinks)
    # Kinks of the outer factor, and where the middle of the inner Gaussian meets one.
    breaks = np.concatenate([kinks / s1, kinks / slope if slope else []])
    x, weights = (values[0] for values in _nodes(breaks[None, :], step))
    middle = slope * x[:, None]
    v, inner_weights = middle, np.ones_like(middle)
    if rest > 0.0:
        y, inner_weights = _nodes((kinks[None, :] - middle) / rest, step)
        v = middle + rest * y
    means, magnitudes = np.empty(2), np.empty(2)
    for i, function in enumerate((activation.function, activation.derivative)):
        outer, inner = weights * function(s1 * x), inner_weights * function(v)
        means[i] = np.sum(outer * np.sum(inner, axis=1))
        magnitudes[i] = np.sum(np.abs(outer) * np.sum(np.abs(inner), axis=1))
    return means, magnitudes


def _root_mean_square(activation: Activation, q: float) -> Floats:
    """Of the activation and of its derivative, for one Gaussian of variance q."""
    s = math.sqrt(q)
    x, weights = (values[0] for values in _nodes(np.array(activation.kinks)[None, :] / s, _STEPS[-1]))
    return np.sqrt(
        [np.sum(weights * function(s * x) ** 2) for function in (activation.function, activation.derivative)]
    )


def _nodes(breaks: Floats, step: float) -> tuple[Floats, Floats]:
    """Nodes, (n, nodes), of integrals over the standard normal in pieces with breaks (n, k), and their weights."""
    t = step * np.arange(-round(_FARTHEST / step), round(_FARTHEST / step) + 1)
    position = np.tanh(0.5 * math.pi * np.sinh(t))
    share = step * 0.5 * math.pi * np.cosh(t) / np.cosh(0.5 * math.pi * np.sinh(t)) ** 2
    inside = np.clip(breaks, _ENDS[0], _ENDS[-1])
    ends = np.sort(np.concatenate([np.broadcast_to(_ENDS, (len(breaks), len(_ENDS))), inside], axis=1), axis=1)
    half, middle = 0.5 * np.diff(ends, axis=1)[:, :, None], 0.5 * (ends[:, 1:] + ends[:, :-1])[:, :, None]
    nodes = (middle + half * position).reshape(len(breaks), -1)
    density = np.exp(-0.5 * nodes**2) / math.sqrt(2.0 * math.pi)
    return nodes, (half * share).reshape(len(breaks), -1) * density
