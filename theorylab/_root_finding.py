"""Bracketed root finding for every entry of an array at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np

from theorylab import arrays, validation

__all__ = ["NotConverged", "RootResult", "find_root"]

_TINY = float(np.finfo(np.float64).tiny)
#: A Newton step below this share of the bracket means that the root is near, or the function all noise.
_SHORT = 1e-4
#: Quotients that come out as inf or nan are replaced by a bisection.
_silent = np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")


class NotConverged(RuntimeError):
    """An iteration ended before its tolerance was met.

    Parameters
    ----------
    what : str
        The iteration.
    estimate : array
        Where it stopped.
    residual : array
        How far from a solution that is.
    n_iterations : int
        Iterations done.
    """

    def __init__(self, what: str, estimate: Any, residual: Any, n_iterations: int) -> None:
        # all of them in `args`, so that the exception survives the way back from a worker process
        super().__init__(what, estimate, residual, n_iterations)
        self.estimate = estimate
        self.residual = residual
        self.n_iterations = n_iterations

    def __str__(self) -> str:
        estimate, residual = (np.atleast_1d(arrays.to_numpy(x)).ravel() for x in (self.estimate, self.residual))
        unknown = np.isnan(residual)
        worst = int(np.argmax(np.where(unknown, np.inf, np.abs(residual))))
        entry = f" (worst of {residual.size} entries)" if residual.size > 1 else ""
        return (
            f"{self.args[0]} did not converge in {self.n_iterations} iterations: "
            f"estimate {estimate[worst]:.10g}, residual {residual[worst]:.3g}{entry}"
        )


@dataclasses.dataclass(frozen=True)
class RootResult:
    """Roots and how well they are known.

    Parameters
    ----------
    root : array
        Elementwise root.
    residual : array
        Value of the function at the last point where it was evaluated, within the tolerance of the root.
    n_iterations : int
        Evaluations of the function after those at the two ends.
    bracket : tuple of array
        Last points on either side of the root.
    """

    root: Any
    residual: Any
    n_iterations: int
    bracket: tuple[Any, Any]


def find_root(
    function: Callable[..., Any],
    lower: Any,
    upper: Any,
    *,
    derivative: Callable[..., Any] | Literal[True] | None = None,
    start: Any = None,
    xtol: float = 1e-14,
    max_iterations: int = 100,
    args: tuple[Any, ...] = (),
) -> RootResult:
    r"""Root of a function between two points of opposite sign, for each entry of an array.

    With a derivative, Newton's step is taken where it stays inside the bracket and is at most half as long as the step
    before, else the bracket is bisected; a smooth function takes 4 to 8 iterations.  Without one, the steps are those
    of Chandrupatla (inverse quadratic interpolation or bisection), 6 to 12 iterations.

    Parameters
    ----------
    function : callable
        ``function(x, *args)``, elementwise, continuous; called with all entries at once, those that have converged
        included.  With ``derivative=True`` it returns the pair of its value and its derivative.
    lower, upper : array_like
        Ends of the brackets, lower <= upper, any shape; they broadcast, and say by their namespace and device which
        arrays `function` is called with.  A function value of zero at an end is a root.
    derivative : callable or True, optional
        ``derivative(x, *args)``, or True.  Signs alone decide about the bracket, so a poor derivative costs
        iterations; one that is too large by a factor also ends them that factor too early.
    start : array_like, optional
        First points, moved into the brackets; their middles when left out.
    xtol : float
        A root is found when the Newton step or the bracket is at most xtol times the larger of \|x\| and the smaller
        of \|lower\| and \|upper\|; so relative to the root unless the bracket holds zero.
    max_iterations : int
        Evaluations after those at the ends.
    args : tuple of array_like
        Further arguments of `function` and `derivative`, broadcast with the bounds.

    Returns
    -------
    RootResult
        Fields root, residual, n_iterations and bracket, of the shape of the broadcast arguments, float64.

    Raises
    ------
    ValueError
        If the function has the same sign at both ends, or is not a number somewhere.
    NotConverged
        If `max_iterations` do not suffice; it carries the estimate.

    Examples
    --------
    >>> result = find_root(lambda x, a: (x * x - a, 2 * x), 0.0, 3.0, derivative=True, args=([2.0, 4.0],))
    >>> [round(float(x), 12) for x in result.root]
    [1.414213562373, 2.0]
    """
    xtol = validation.check_number("xtol", xtol, exclusive_minimum=0.0)
    max_iterations = int(validation.check_count("max_iterations", max_iterations))
    xp, (lower, upper, start, *further) = common_shape(lower=lower, upper=upper, start=start, args=args)
    evaluate = _evaluator(function, derivative, further)
    bracket = _Bracket(xp, lower, evaluate(lower)[0], upper, evaluate(upper)[0])
    bracket.require_sign_change()
    scale = xp.minimum(xp.abs(lower), xp.abs(upper))
    fraction = bracket.fraction_at(start)
    root, residual = bracket.best()
    done, iteration = residual == 0.0, 0
    while not bool(xp.all(done)):
        if iteration == max_iterations:
            raise NotConverged("find_root", root, residual, iteration)
        iteration += 1
        x = xp.where(done, root, bracket.point(fraction))
        value, slope = evaluate(x)
        require_numbers(xp, x, value)
        # none before the first, which may go all the way to a root beside an end
        last_step = xp.abs(x - bracket.near) if iteration > 1 else xp.full_like(x, math.inf)
        bracket.insert(x, value)
        close = xtol * xp.maximum(xp.abs(x), scale) + 4.0 * _TINY
        found = (value == 0.0) | (bracket.width() <= 2.0 * close)
        best, best_value = bracket.best()
        if slope is None:
            fraction = bracket.chandrupatla_fraction(close)
        else:
            fraction, step = bracket.newton_fraction(slope, last_step, close)
            # Accepted before any test of the bracket: beside a root, rounding decides which side a point is on.
            landed = xp.abs(step) <= close
            best = xp.where(landed, xp.minimum(xp.maximum(x + step, lower), upper), best)
            best_value, found = xp.where(landed, value, best_value), found | landed
        root, residual = xp.where(done, root, best), xp.where(done, residual, best_value)
        done = done | found
    return RootResult(root, residual, iteration, bracket.ends())


def common_shape(*, args: Iterable[Any] = (), **named: Any) -> tuple[Any, list[Any]]:
    """Checked float64 arrays of one namespace and shape; None stays None."""
    named |= {f"args[{i}]": value for i, value in enumerate(args)}
    checked = {
        name: validation.check_array(name, value, allow_infinite=name.startswith("args"), allow_empty=True)
        for name, value in named.items()
        if value is not None
    }
    try:
        np.broadcast_shapes(*(tuple(value.shape) for value in checked.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in checked.items())
        raise ValueError(f"shapes must broadcast; got {shapes}. Give numbers, or arrays of the same shape.") from None
    xp, arrays_ = arrays.promote(*checked.values())
    filled = dict(zip(checked, xp.broadcast_arrays(*arrays_), strict=True))
    if bool(xp.any(filled["lower"] > filled["upper"])):
        raise ValueError("upper must be >= lower; got a smaller one. Swap the bounds.")
    return xp, [filled.get(name) for name in named]


def _evaluator(
    function: Callable[..., Any], derivative: Callable[..., Any] | bool | None, args: list[Any]
) -> Callable[[Any], tuple[Any, Any]]:
    def evaluate(x: Any) -> tuple[Any, Any]:
        if derivative is True:
            value, slope = function(x, *args)
        else:
            value, slope = function(x, *args), derivative(x, *args) if derivative else None
        _, (value, slope) = arrays.promote(value, slope, like=x)
        if tuple(value.shape) != tuple(x.shape):
            raise ValueError(
                f"function must return one value for each entry, shape {tuple(x.shape)}; got shape "
                f"{tuple(value.shape)}. Pass further arrays through args, which broadcast with the bounds."
            )
        return value, slope

    return evaluate


def require_numbers(xp: Any, x: Any, value: Any) -> None:
    """Refuse a function that is not a number somewhere in the bracket."""
    bad = xp.isnan(value)
    if bool(xp.any(bad)):
        where = arrays.to_numpy(x)[arrays.to_numpy(bad)]
        raise ValueError(
            f"function must return a number everywhere between lower and upper; got nan at {float(where[0]):.10g}. "
            "Narrow the bracket to where the function is defined."
        )


class _Bracket:
    """Three points for each root: the newest, one on the other side of the root, and the one that was dropped last.

    Steps are fractions of the way from the newest point to the one on the other side.
    """

    def __init__(self, xp: Any, near: Any, f_near: Any, far: Any, f_far: Any) -> None:
        self.xp = xp
        self.near, self.f_near = near, f_near
        self.far, self.f_far = far, f_far
        self.dropped, self.f_dropped = far, f_far

    def require_sign_change(self) -> None:
        xp = self.xp
        bad = arrays.to_numpy(~(xp.sign(self.f_near) * xp.sign(self.f_far) <= 0.0))  # nan is bad, too
        if bad.any():
            points = (arrays.to_numpy(array)[bad][0] for array in (self.near, self.f_near, self.far, self.f_far))
            a, fa, b, fb = (float(point) for point in points)
            raise ValueError(
                f"function must change sign between lower and upper; got f({a:.10g}) = {fa:.6g} and "
                f"f({b:.10g}) = {fb:.6g} (first of {np.count_nonzero(bad)} of {bad.size}). Move the bounds apart."
            )

    def insert(self, x: Any, value: Any) -> None:
        xp = self.xp
        same_side = xp.sign(value) == xp.sign(self.f_near)
        self.dropped = xp.where(same_side, self.near, self.far)
        self.f_dropped = xp.where(same_side, self.f_near, self.f_far)
        self.far, self.f_far = xp.where(same_side, self.far, self.near), xp.where(same_side, self.f_far, self.f_near)
        self.near, self.f_near = x, value

    def best(self) -> tuple[Any, Any]:
        xp = self.xp
        nearer = xp.abs(self.f_near) <= xp.abs(self.f_far)
        return xp.where(nearer, self.near, self.far), xp.where(nearer, self.f_near, self.f_far)

    def width(self) -> Any:
        return self.xp.abs(self.far - self.near)

    def ends(self) -> tuple[Any, Any]:
        return self.xp.minimum(self.near, self.far), self.xp.maximum(self.near, self.far)

    def point(self, fraction: Any) -> Any:
        return self.near + fraction * (self.far - self.near)

    @_silent
    def fraction_at(self, x: Any) -> Any:
        half = self.xp.full_like(self.near, 0.5)
        if x is None:
            return half
        fraction = (x - self.near) / (self.far - self.near)
        return self.xp.where(self.near == self.far, half, self._clip(fraction, self.xp.zeros_like(half)))

    @_silent
    def newton_fraction(self, slope: Any, last_step: Any, close: Any) -> tuple[Any, Any]:
        """Newton's step where it may be trusted, as a fraction, and the step itself."""
        xp, gap = self.xp, self.far - self.near
        step = -self.f_near / slope
        newton = step / gap
        inside = (newton > 0.0) & (newton < 1.0)
        halves = xp.abs(step) <= 0.5 * last_step
        # Short steps that no longer shrink: the root is within rounding, and only a longer step gets to its other side.
        longer = xp.where(inside & (newton < _SHORT), xp.sqrt(xp.abs(newton)), xp.full_like(gap, 0.5))
        return self._clip(xp.where(inside & halves, newton, longer), close / xp.abs(gap)), step

    @_silent
    def chandrupatla_fraction(self, close: Any) -> Any:
        """Inverse quadratic interpolation where the three points make it safe, else one half."""
        xp = self.xp
        a, b, c, fa, fb, fc = self.near, self.far, self.dropped, self.f_near, self.f_far, self.f_dropped
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
        quadratic = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        return self._clip(xp.where(safe, quadratic, xp.full_like(a, 0.5)), close / self.width())

    def _clip(self, fraction: Any, margin: Any) -> Any:
        # Away from both ends by the tolerance, so that the bracket closes around a root beside one of them.
        return self.xp.minimum(self.xp.maximum(fraction, margin), 1.0 - margin)
