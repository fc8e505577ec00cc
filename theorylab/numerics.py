r"""Root finding, minimisation, fixed points, Gauss quadrature and linear algebra, on arrays of any library.

The solvers take a function of an array and treat every entry as a problem of its own: :func:`find_root` finds each
entry's root, with the function called on all entries at once, on the device where they live.  None of them returns a
number that it does not trust; :class:`NotConverged` carries the estimate instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from theorylab import arrays, validation
from theorylab._linear_algebra import decompose_gram, matmul
from theorylab._quadrature import gauss_gegenbauer, gauss_hermite, gauss_laguerre, gauss_legendre
from theorylab._root_finding import NotConverged, RootResult, common_shape, find_root, require_numbers

__all__ = [
    "NotConverged",
    "RootResult",
    "decompose_gram",
    "find_root",
    "fixed_point",
    "gauss_gegenbauer",
    "gauss_hermite",
    "gauss_laguerre",
    "gauss_legendre",
    "matmul",
    "minimize_unimodal",
]

#: Share of an interval that one comparison of golden section leaves.
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def minimize_unimodal(
    function: Callable[..., Any],
    lower: Any,
    upper: Any,
    *,
    xtol: float = 1e-8,
    args: tuple[Any, ...] = (),
) -> Any:
    r"""Minimiser of a function with one minimum between two points, for each entry of an array, by golden section.

    Each evaluation shortens the interval to 0.618 of its length; the number of evaluations is fixed by `xtol` (41 for
    the default), whatever the function.

    Parameters
    ----------
    function : callable
        ``function(x, *args)``, elementwise: falling, then rising.  Infinite values count as high.
    lower, upper : array_like
        Ends of the intervals, lower <= upper, any shape; they broadcast, and say by their namespace and device which
        arrays `function` is called with.
    xtol : float
        Length of the final interval as a share of upper - lower, in (0, 1).
    args : tuple of array_like
        Further arguments of `function`, broadcast with the bounds.

    Returns
    -------
    array
        The best point evaluated, of the shape of the broadcast arguments, float64.  A minimum at an end is approached
        to within the tolerance.

    Raises
    ------
    ValueError
        If the function is not a number somewhere, or a bound is wrong.

    Notes
    -----
    Near a smooth minimum f changes by less than its rounding over a distance of about
    :math:`\sqrt{\epsilon |f| / f''}`, so no method that compares values finds the minimiser better than to about 1e-8
    of the scale on which f varies.  The minimum itself is then exact to rounding.

    Examples
    --------
    >>> x = minimize_unimodal(lambda x, a: (x - a) ** 2, -1.0, 3.0, args=([0.5, 2.0],))
    >>> [round(float(entry), 6) for entry in x]
    [0.5, 2.0]
    """
    xtol = validation.check_number("xtol", xtol, exclusive_minimum=0.0, exclusive_maximum=1.0)
    xp, (low, high, *further) = common_shape(lower=lower, upper=upper, args=args)

    def evaluate(x: Any) -> Any:
        _, (value,) = arrays.promote(function(x, *further), like=x)
        require_numbers(xp, x, value)
        return value

    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = evaluate(left), evaluate(right)
    for _ in range(math.ceil(math.log(xtol) / math.log(_GOLDEN))):
        go_left = at_left <= at_right
        low, high = xp.where(go_left, low, left), xp.where(go_left, right, high)
        kept, at_kept = xp.where(go_left, left, right), xp.where(go_left, at_left, at_right)
        fresh = xp.where(go_left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        at_fresh = evaluate(fresh)
        left, right = xp.where(go_left, fresh, kept), xp.where(go_left, kept, fresh)
        at_left, at_right = xp.where(go_left, at_fresh, at_kept), xp.where(go_left, at_kept, at_fresh)
    return xp.where(at_left <= at_right, left, right)


def fixed_point(
    function: Callable[..., Any],
    start: Any,
    *,
    damping: float = 1.0,
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
) -> Any:
    r"""Fixed point of a map of arrays by the damped iteration :math:`x \leftarrow x + \theta (f(x) - x)`.

    Parameters
    ----------
    function : callable
        ``function(x)``, of the shape of `x`; it must contract near the fixed point after damping.
    start : array_like
        First point, any shape; it says which arrays `function` is called with.
    damping : float
        :math:`\theta` in (0, 1]; smaller ones tame an oscillation.
    tolerance : float
        It ends when \|f(x) - x\| is at most tolerance times max(1, \|x\|) in every entry.  With a contraction factor q
        the error is then up to 1/(1 - q) times as large.
    max_iterations : int
        Evaluations allowed.

    Returns
    -------
    array
        The last value of the function.

    Raises
    ------
    NotConverged
        If `max_iterations` do not suffice, or the iteration leaves the finite numbers; it carries the estimate.

    Examples
    --------
    >>> round(float(fixed_point(lambda x: 1.0 / (1.0 + x), 1.0)), 10)
    0.6180339887
    """
    damping = validation.check_number("damping", damping, exclusive_minimum=0.0, maximum=1.0)
    tolerance = validation.check_number("tolerance", tolerance, exclusive_minimum=0.0)
    xp, (x,) = arrays.promote(validation.check_array("start", start))
    max_iterations = int(validation.check_count("max_iterations", max_iterations))
    residual, iteration = xp.zeros_like(x), 0
    while iteration < max_iterations and bool(xp.all(xp.isfinite(residual))):
        iteration += 1
        _, (value,) = arrays.promote(function(x), like=x)
        residual = value - x
        if bool(xp.all(xp.abs(residual) <= tolerance * xp.maximum(xp.abs(x), xp.ones_like(x)))):
            return value
        x = x + damping * residual
    raise NotConverged("fixed_point", x, residual, iteration)
