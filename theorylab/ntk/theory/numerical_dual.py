r"""Dual of an arbitrary activation, by quadrature that knows the kinks.

Tensor-product Gauss-Hermite rules lose to kinks: for ReLU their error is 1e-3 with 64 x 64 nodes.  Here

* pairs of equal variance, the usual case of normalised inputs, take a Chebyshev series in the angle
  :math:`\theta = \arccos(c/s)`, in which (unlike in the cosine) both duals are smooth; each node is a two-dimensional
  integral that is split at the kinks;
* other pairs take Mehler's series :math:`T = \sum_k a_k(s_1)a_k(s_2)\rho^k` with
  :math:`a_k(s) = E[\phi(sz)h_k(z)]`, whose remainder is bounded by Parseval's identity; where the bound exceeds the
  tolerance, near :math:`|\rho| = 1`, the two-dimensional integral is done for the pair;
* a variance with itself is a one-dimensional integral.

Tables are made on the host, where the activation is called with NumPy arrays, and evaluated where the arguments are.
The changes of variables are derived here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, validation
from theorylab.ntk.problem import Activation
from theorylab.ntk.theory.dual import Dual
from theorylab.numerics import NotConverged

__all__ = ["angle_series", "numerical_dual"]

_Floats = NDArray[np.float64]

#: Half-width of the range in which the standard normal is integrated; the rest weighs 1e-18 and 1e-37.
_REACH, _FAR_REACH = 9.0, 13.0
#: Gauss-Legendre rule of each panel, at most three long where two dimensions are integrated.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_DEGREES = (16, 32, 64, 128, 256)
_TOLERANCE = 1e-10
#: Relative difference of a mean square between two grids of panels beyond which a kink must have been forgotten.
_SAME_SQUARES = 1e-9
#: Terms of Mehler's series, and the panels that resolve Hermite polynomials up to there.
_TERMS, _SHORT_PANEL = 128, 0.75
#: Arguments whose Hermite coefficients are held at once.
_ROWS = 256


def numerical_dual(activation: Activation, q1: Any, q2: Any, c: Any) -> Dual:
    r"""Dual of any activation.

    Parameters
    ----------
    activation : Activation
        The function, its derivative, and every kink of the two.
    q1, q2, c : array
        Variances and covariance of one library; shapes broadcast to that of `c`.

    Returns
    -------
    Dual
        To about 1e-10 of the largest value, in the shape, library and dtype of `c`.

    Raises
    ------
    NotConverged
        If the series in the angle has not converged at degree 256, or two grids disagree about a mean square: most
        often a kink was not declared.
    """
    if q1 is q2 and q2 is c:
        return _diagonal(activation, c)
    variances = [arrays.to_numpy(q).ravel() for q in (q1, q2)]
    low, high = (float(extreme([extreme(q) for q in variances])) for extreme in (np.min, np.max))
    if high - low <= 1e-13 * high:
        return _by_angle(activation, math.sqrt(high), q1, q2, c)
    return _by_series(activation, variances, q1, q2, c)


def _diagonal(activation: Activation, q: Any) -> Dual:
    """Mean squares at variances of any shape."""
    host = arrays.to_numpy(q).astype(np.float64)
    functions = (activation.function, activation.derivative)
    values = [_mean_squares(activation, np.sqrt(host.ravel()), function) for function in functions]
    return Dual(*(_like(one.reshape(host.shape), q) for one in values))


def _mean_squares(activation: Activation, scales: _Floats, function: Callable[[_Floats], _Floats]) -> _Floats:
    """Means of the squares of a function at every scale, (n,), by two grids: they differ if a kink was forgotten."""
    results = [
        np.concatenate(
            [
                _expectations(activation, scales[i : i + _ROWS], lambda x: (function(x) ** 2)[None], offset)[0]
                for i in range(0, scales.size, _ROWS)
            ]
        )
        for offset in (0.0, 0.4 * _SHORT_PANEL)
    ]
    gap = float(np.max(np.abs(results[1] - results[0])))
    if not gap <= _SAME_SQUARES * float(np.max(np.abs(results[0]))):
        raise _not_converged(activation, results[0], gap, 1)
    return results[0]


def _expectations(
    activation: Activation, scales: _Floats, integrand: Callable[[_Floats], _Floats], offset: float = 0.0
) -> _Floats:
    """Integrals over z of integrand(s z) against the standard normal, for scales (n,): (..., n).

    The integrand takes the values s z, (n, nodes); the offset moves the panels.
    """
    grid = np.arange(-_FAR_REACH, _FAR_REACH + _SHORT_PANEL, _SHORT_PANEL) + offset
    kinks = _kinks(activation, scales, _FAR_REACH)
    z, weights = _panels(np.concatenate([np.broadcast_to(grid, (scales.size, grid.size)), kinks], axis=1))
    density = weights * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return np.sum(integrand(scales[:, None] * z) * density, axis=-1)


def _kinks(activation: Activation, scales: _Floats, reach: float) -> _Floats:
    """Where the standard normal meets a kink, (n, kinks); kinks out of reach are moved to the end of the range."""
    positions = np.asarray(activation.kinks, dtype=np.float64)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.nan_to_num(positions / scales[:, None], nan=0.0), -reach, reach)


def _panels(edges: _Floats) -> tuple[_Floats, _Floats]:
    """Nodes and weights of a Gauss-Legendre rule between neighbouring edges, (n, edges) -> (n, nodes)."""
    edges = np.sort(edges, axis=1)
    half, middle = 0.5 * np.diff(edges, axis=1), 0.5 * (edges[:, 1:] + edges[:, :-1])
    nodes = middle[:, :, None] + half[:, :, None] * _NODES
    return nodes.reshape(edges.shape[0], -1), (half[:, :, None] * _WEIGHTS).reshape(edges.shape[0], -1)


def _by_angle(activation: Activation, s: float, q1: Any, q2: Any, c: Any) -> Dual:
    """All variances equal: Chebyshev series in the angle, summed by Clenshaw's recurrence."""
    xp = arrays.namespace(c)
    scale = xp.sqrt(q1 * q2) + xp.zeros_like(c)
    opposite = xp.sqrt(xp.maximum((scale - c) * (scale + c), xp.zeros_like(c)))
    x = 2.0 / math.pi * xp.atan2(opposite, c) - 1.0 if s > 0.0 else xp.zeros_like(c)
    values = []
    for coefficients in _angle_series(activation, s):
        ahead, behind = xp.zeros_like(x), xp.zeros_like(x)
        for coefficient in coefficients[:0:-1]:
            ahead, behind = 2.0 * x * ahead - behind + coefficient, ahead
        values.append(x * ahead - behind + coefficients[0])
    return Dual(*values)


@functools.lru_cache(maxsize=128)
def _angle_series(activation: Activation, s: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Chebyshev coefficients of both duals in 2 angle / pi - 1, of the degree that the tolerance asks for."""
    for degree in _DEGREES:
        series = angle_series(activation, s, degree)
        tail = np.max(np.abs(series[-max(3, degree // 8) :]), axis=0) / np.max(np.abs(series) + 1e-300, axis=0)
        if np.all(tail < _TOLERANCE):
            return tuple(series[:, 0].tolist()), tuple(series[:, 1].tolist())
    raise _not_converged(activation, series, float(np.max(tail)), _DEGREES[-1])


def angle_series(activation: Activation, scale: float, degree: int) -> _Floats:
    r"""Both duals of pairs of equal variance as series in their angle, of a given degree.

    .. math:: T(s^2, s^2, s^2\cos\theta) \approx \sum_{k=0}^{K} t_k\,C_k(2\theta/\pi - 1)

    with the Chebyshev polynomials :math:`C_k`, and the same for :math:`\dot T`.

    Parameters
    ----------
    activation : Activation
        The function, its derivative, and every kink of the two.
    scale : float
        Standard deviation :math:`s \ge 0` of both Gaussians.
    degree : int
        The degree :math:`K \ge 1`.

    Returns
    -------
    numpy.ndarray, shape (degree + 1, 2)
        Coefficients of :math:`T` and :math:`\dot T`, on the host.

    Notes
    -----
    Derived here: interpolation at Chebyshev points, each a two-dimensional integral.  With all kinks declared both
    duals are smooth in the angle and the error falls faster than any power of the degree; in the cosine, where they
    have branch points at both ends, it would fall as a power.

    Examples
    --------
    >>> from theorylab.ntk.problem import relu
    >>> series = angle_series(relu(), 1.0, 16)
    >>> float(np.sum(series[:, 1] * (-1.0) ** np.arange(17)).round(12))
    0.5
    """
    s = validation.check_number("scale", scale, minimum=0.0)
    degree = int(validation.check_count("degree", degree))
    nodes = np.cos(math.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    pairs = np.array([_pair(activation, s, s, 0.5 * math.pi * (x + 1.0)) for x in nodes])
    series = np.polynomial.chebyshev.chebvander(nodes, degree).T @ pairs * (2.0 / (degree + 1))
    series[0] *= 0.5
    return np.asarray(series)


def _not_converged(activation: Activation, estimate: Any, residual: float, n_iterations: int) -> NotConverged:
    return NotConverged(
        f"declare every kink: the dual of the activation {activation.name!r}",
        estimate=estimate,
        residual=residual,
        n_iterations=n_iterations,
    )


def _pair(activation: Activation, s1: float, s2: float, angle: float) -> tuple[float, float]:
    """Both duals of one pair by a two-dimensional rule that is split at the kinks.

    With u = s1 (C w + S z) and v = s2 (C w - S z), C and S the cosine and sine of half the angle; beyond a right
    angle v is mirrored, which keeps C above 0.7.
    """
    mirror = -1.0 if angle > 0.5 * math.pi else 1.0
    half = 0.5 * (math.pi - angle if mirror < 0.0 else angle)
    cosine, sine = math.cos(half), math.sin(half)
    first = _kinks(activation, np.array([s1]), 1e6)[0]
    second = mirror * _kinks(activation, np.array([s2]), 1e6)[0]
    grid = np.linspace(-_REACH, _REACH, 7)
    meet = np.clip(((first[:, None] - second[None, :]) / max(2.0 * sine, 1e-12)).ravel(), -_REACH, _REACH)
    z, outer = (values[0] for values in _panels(np.concatenate([grid, [0.0], meet])[None, :]))
    shift = sine * z[:, None]
    inner_kinks = np.concatenate([(first[None, :] - shift) / cosine, (second[None, :] + shift) / cosine], axis=1)
    inner_grid = np.broadcast_to(grid, (z.size, grid.size))
    w, inner = _panels(np.concatenate([inner_grid, np.clip(inner_kinks, -_REACH, _REACH)], axis=1))
    weights = outer[:, None] * inner * np.exp(-0.5 * (w**2 + z[:, None] ** 2)) / (2.0 * math.pi)
    u, v = s1 * (cosine * w + shift), mirror * s2 * (cosine * w - shift)
    value, derivative = (
        float(np.sum(weights * function(u) * function(v))) for function in (activation.function, activation.derivative)
    )
    return value, derivative


def _by_series(activation: Activation, variances: list[_Floats], q1: Any, q2: Any, c: Any) -> Dual:
    """Mehler's series by Horner's rule in the correlation; pairs beyond its reach one by one."""
    xp = arrays.namespace(c)
    tables = [_hermite_table(activation, np.sqrt(q)) for q in variances]
    scale = xp.sqrt(q1 * q2) + xp.zeros_like(c)
    rho = xp.where(scale > 0.0, c / xp.where(scale > 0.0, scale, xp.ones_like(scale)), xp.zeros_like(c))
    rho = xp.clip(rho, -1.0, 1.0)
    values = []
    for kind in (0, 1):
        left, right = (_like(table[kind].reshape(*q.shape, -1), c) for table, q in zip(tables, (q1, q2), strict=True))
        total = xp.zeros_like(rho)
        for k in reversed(range(_TERMS)):
            total = total * rho + left[..., k] * right[..., k]
        values.append(total)
    return _with_near_pairs(activation, tables, (q1, q2), rho, Dual(*values))


def _hermite_table(activation: Activation, scales: _Floats) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """Hermite coefficients of the function and of its derivative, (n, terms) each, and the roots of what is missing."""
    result = []
    for function in (activation.function, activation.derivative):
        coefficients = []
        for start in range(0, scales.size, _ROWS):
            chunk = scales[start : start + _ROWS]
            coefficients.append(_expectations(activation, chunk, functools.partial(_times_hermite, function, chunk)))
        table = np.concatenate(coefficients, axis=1).T
        squares = _mean_squares(activation, scales, function)
        missing = np.sqrt(np.maximum(squares - np.sum(table**2, axis=1), 0.0))
        result.append((table, missing))
    (values, missing), (slopes, missing_slopes) = result
    return values, slopes, missing, missing_slopes


def _times_hermite(function: Callable[[_Floats], _Floats], scales: _Floats, x: _Floats) -> _Floats:
    """Values of a function at x, (n, nodes), times orthonormal Hermite polynomials of x / scale: (terms, n, nodes)."""
    values = function(x)
    z = x / np.where(scales > 0.0, scales, 1.0)[:, None]
    result = np.empty((_TERMS, *values.shape))
    previous, current = np.zeros_like(z), np.ones_like(z)
    for k in range(_TERMS):
        result[k] = current * values
        previous, current = current, (z * current - math.sqrt(k) * previous) / math.sqrt(k + 1.0)
    return result


def _with_near_pairs(
    activation: Activation, tables: Sequence[tuple[_Floats, ...]], variances: tuple[Any, Any], rho: Any, dual: Dual
) -> Dual:
    """The dual with the entries replaced whose remainder, by Parseval's identity, exceeds the tolerance."""
    host = np.abs(arrays.to_numpy(rho))
    far = np.zeros(host.shape, dtype=bool)
    q = [arrays.to_numpy(values) for values in variances]
    for missing, values in ((2, dual.value), (3, dual.derivative)):
        left, right = (table[missing].reshape(v.shape) for table, v in zip(tables, q, strict=True))
        bound = host**_TERMS * left * right
        far |= bound > _TOLERANCE * np.max(np.abs(arrays.to_numpy(values)))
    if not np.any(far):
        return dual
    index = np.nonzero(far) if far.ndim else ()
    s1, s2 = (np.sqrt(np.broadcast_to(v, host.shape)[index]) for v in q)
    cosines = arrays.to_numpy(rho)[index]
    triples = zip(np.ravel(s1), np.ravel(s2), np.ravel(cosines), strict=True)
    exact = np.array([_pair(activation, a, b, math.acos(x)) for a, b, x in triples]).T
    place = tuple(arrays.namespace(rho).asarray(axis, device=arrays.device(rho)) for axis in index)
    values = (_like(one.reshape(cosines.shape), rho) for one in exact)
    return Dual(*(arrays.put(old, place, new) for old, new in zip(dual, values, strict=True)))


def _like(host: Any, x: Any) -> Any:
    """Host array in the library, on the device and of the dtype of x."""
    xp = arrays.namespace(x)
    return xp.astype(arrays.promote(host, like=x)[1][0], x.dtype, copy=False)
