"""Guards shared by every public function: refuse a bad argument by name, requirement and value received.

Each message reads "<argument> must be <requirement>; got <value>. <what to do>".  A wrong type is a ``TypeError``, a
wrong value a ``ValueError``.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays

__all__ = ["check_array", "check_choice", "check_count", "check_number", "check_same_length", "check_square"]


def check_array(
    name: str,
    value: Any,
    *,
    ndim: int | tuple[int, ...] | None = None,
    shape: tuple[int | None, ...] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive_minimum: float | None = None,
    allow_infinite: bool = False,
    allow_empty: bool = False,
) -> Any:
    """Require an array of real numbers within bounds; NaN is always refused.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : array_like
        Numbers, nested lists, or an array of any library.
    ndim : int or tuple of int, optional
        Number of axes allowed.
    shape : tuple of int or None, optional
        Length required of each axis; None for any.
    minimum, maximum, exclusive_minimum : float, optional
        Bounds that every entry must satisfy.
    allow_infinite : bool
        Whether entries may be infinite.
    allow_empty : bool
        Whether an axis may have length zero.

    Returns
    -------
    array
        The array itself when it is one of a real floating dtype, never a copy of it.  Integers and booleans become
        float64 in their own namespace and on their device, anything else a float64 NumPy array.

    Raises
    ------
    TypeError
        If the value is not made of real numbers.
    ValueError
        If its shape or an entry does not satisfy the requirement.

    Examples
    --------
    >>> check_array("ridge", [0, 0.5], minimum=0.0)
    array([0. , 0.5])
    >>> check_array("ridge", [0.1, -1.0], minimum=0.0)
    Traceback (most recent call last):
    ...
    ValueError: ridge must be finite and >= 0; got -1.0 at index 1 (1 of 2 entries). Pass values in [0, inf).
    """
    array = _real_array(name, value)
    _check_shape(name, tuple(array.shape), ndim, shape, allow_empty)
    bounds = _Bounds(minimum, exclusive_minimum, maximum, None, allow_infinite)
    xp = arrays.namespace(array)
    # One reduction, so that data on a GPU is waited for once.
    good = ~xp.isnan(array) if allow_infinite else xp.isfinite(array)
    for is_good in bounds.comparisons(array):
        good = good & is_good
    if not bool(xp.all(good)):
        raise ValueError(
            f"{name} must be {bounds.adjectives()}; got {_first_bad(array, good)}. Pass values in {bounds.interval()}."
        )
    return array


def check_square(name: str, value: Any) -> Any:
    """Require a square matrix of finite numbers, as a kernel matrix is.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : array_like
        Numbers, nested lists, or an array of any library.

    Returns
    -------
    array, shape (n, n)
        As :func:`check_array` returns it.

    Raises
    ------
    TypeError
        If the value is not made of real numbers.
    ValueError
        If it is no matrix, or not square, or an entry is not finite.

    Examples
    --------
    >>> check_square("K", [[1.0, 0.5]])
    Traceback (most recent call last):
    ...
    ValueError: K must be square; got shape (1, 2). Pass one row and one column for each point.
    """
    array = check_array(name, value, ndim=2)
    if array.shape[0] != array.shape[1]:
        raise ValueError(
            f"{name} must be square; got shape {tuple(array.shape)}. Pass one row and one column for each point."
        )
    return array


def check_number(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive_minimum: float | None = None,
    exclusive_maximum: float | None = None,
    allow_infinite: bool = False,
) -> float:
    """Require one real number within bounds; NaN is always refused.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : float
        A real number, or an array of any library with no axis that holds one.
    minimum, maximum, exclusive_minimum, exclusive_maximum : float, optional
        Bounds.
    allow_infinite : bool
        Whether it may be infinite.

    Returns
    -------
    float
        The number.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If it does not satisfy the requirement.

    Examples
    --------
    >>> check_number("alpha", 2, exclusive_minimum=1.0)
    2.0
    >>> check_number("alpha", 1, exclusive_minimum=1.0)
    Traceback (most recent call last):
    ...
    ValueError: alpha must be a finite number > 1; got 1. Pass a number in (1, inf).
    """
    bounds = _Bounds(minimum, exclusive_minimum, maximum, exclusive_maximum, allow_infinite)
    number = _real_number(name, value, bounds.noun())
    finite_enough = not math.isnan(number) and (allow_infinite or math.isfinite(number))
    if not (finite_enough and all(bounds.comparisons(number))):
        raise ValueError(f"{name} must be {bounds.noun()}; got {value!r}. Pass a number in {bounds.interval()}.")
    return number


def check_count(name: str, value: Any, *, minimum: int = 1, allow_infinite: bool = False) -> int | float:
    """Require a whole number, as an int or as a float without a fraction.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : int or float
        The number.
    minimum : int
        Smallest number allowed.
    allow_infinite : bool
        Whether ``math.inf`` is allowed.

    Returns
    -------
    int or float
        An int, or ``math.inf``.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If it is not whole or too small.

    Examples
    --------
    >>> check_count("n_samples", 100.0)
    100
    >>> check_count("n_samples", 0)
    Traceback (most recent call last):
    ...
    ValueError: n_samples must be a whole number >= 1; got 0. Pass an integer in [1, inf).
    """
    requirement = f"a whole number >= {minimum}" + (" or inf" if allow_infinite else "")
    number = _real_number(name, value, requirement)
    if allow_infinite and number == math.inf:
        return number
    # `value` itself where it is an int, since a float would round integers above 2**53
    whole = int(value) if math.isfinite(number) and number == int(number) else None
    if whole is None or whole < minimum:
        raise ValueError(f"{name} must be {requirement}; got {value!r}. Pass an integer in [{minimum}, inf).")
    return whole


def check_choice(name: str, value: str, choices: Iterable[str]) -> str:
    """Require one of several names; the message suggests the nearest.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : str
        The name chosen.
    choices : iterable of str
        The names there are.

    Returns
    -------
    str
        The value.

    Raises
    ------
    TypeError
        If the value is not a string.
    ValueError
        If it is not among the choices.

    Examples
    --------
    >>> check_choice("backend", "numpi", ["numpy", "torch"])
    Traceback (most recent call last):
    ...
    ValueError: backend must be one of 'numpy', 'torch'; got 'numpi'. Did you mean 'numpy'?
    """
    choices = list(choices)
    listed = ", ".join(repr(choice) for choice in choices)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {listed}; got {_describe(value)}. Pass the name as a string.")
    if value not in choices:
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5)
        advice = f"Did you mean {near[0]!r}?" if near else "Pass one of these names."
        raise ValueError(f"{name} must be one of {listed}; got {value!r}. {advice}")
    return value


def check_same_length(**named_arrays: Any) -> int:
    """Require that arrays have the same number of rows.

    Parameters
    ----------
    **named_arrays : array or sequence
        Each under the name of its argument.

    Returns
    -------
    int
        Length of the first axis.

    Raises
    ------
    ValueError
        If lengths differ, or an array has no axis.

    Examples
    --------
    >>> check_same_length(X=[[1.0], [2.0]], y=[0.0, 1.0])
    2
    >>> check_same_length(X=[[1.0], [2.0]], y=[0.0])
    Traceback (most recent call last):
    ...
    ValueError: y must be as long as X, 2 rows; got 1. Give one row of each for every sample.
    """
    lengths: dict[str, int] = {}
    for name, value in named_arrays.items():
        shape = tuple(value.shape) if hasattr(value, "shape") else np.shape(value)
        if not shape:
            raise ValueError(f"{name} must be an array with at least one axis; got {value!r}. Pass one row per sample.")
        lengths[name] = shape[0]
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise ValueError(
                f"{name} must be as long as {first}, {lengths[first]} rows; got {length}. "
                "Give one row of each for every sample."
            )
    return lengths[first]


@dataclasses.dataclass(frozen=True)
class _Bounds:
    """An interval, as comparisons and in words."""

    minimum: float | None
    exclusive_minimum: float | None
    maximum: float | None
    exclusive_maximum: float | None
    allow_infinite: bool

    def comparisons(self, value: Any) -> list[Any]:
        """Whether the value is good, bound by bound."""
        results = []
        if self.minimum is not None:
            results.append(value >= self.minimum)
        if self.exclusive_minimum is not None:
            results.append(value > self.exclusive_minimum)
        if self.maximum is not None:
            results.append(value <= self.maximum)
        if self.exclusive_maximum is not None:
            results.append(value < self.exclusive_maximum)
        return results

    def adjectives(self) -> str:
        """What each entry must be, for example "finite and >= 0"."""
        return " and ".join([*([] if self.allow_infinite else ["finite"]), *self._limits()]) or "not nan"

    def noun(self) -> str:
        """What a number must be, for example "a finite number >= 0 and < 1"."""
        return f"a {'' if self.allow_infinite else 'finite '}number {' and '.join(self._limits())}".rstrip()

    def interval(self) -> str:
        """The numbers allowed, for example "[0, 1)"."""
        low = _either(self.minimum, self.exclusive_minimum, -math.inf)
        high = _either(self.maximum, self.exclusive_maximum, math.inf)
        left = "(" if self.minimum is None and (math.isfinite(low) or not self.allow_infinite) else "["
        right = ")" if self.maximum is None and (math.isfinite(high) or not self.allow_infinite) else "]"
        return f"{left}{low:g}, {high:g}{right}"

    def _limits(self) -> list[str]:
        signs = {">=": self.minimum, ">": self.exclusive_minimum, "<=": self.maximum, "<": self.exclusive_maximum}
        return [f"{sign} {limit:g}" for sign, limit in signs.items() if limit is not None]


def _either(first: float | None, second: float | None, default: float) -> float:
    return next((value for value in (first, second) if value is not None), default)


def _real_array(name: str, value: Any) -> Any:
    """Array of a real floating dtype, in the namespace of `value`."""
    xp = arrays.namespace(value)
    if xp is arrays.namespace():
        value = _host_array(name, value)
    if xp.isdtype(value.dtype, "real floating"):
        return value
    if not xp.isdtype(value.dtype, ("bool", "integral")):
        raise TypeError(
            f"{name} must be made of real numbers; got dtype {value.dtype}. Pass its real part or its size."
        )
    return arrays.promote(value)[1][0]


def _host_array(name: str, value: Any) -> NDArray[Any]:
    if np.ma.is_masked(value):
        raise ValueError(f"{name} must be without masked entries; got a masked array. Fill them or drop them first.")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be a number or a rectangular array of numbers; got {_describe(value)} ({error}). "
            "Give every row the same length."
        ) from error
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"{name} must be made of real numbers; got {_describe(value)} of dtype {array.dtype}. Convert it first."
        )
    return array


def _real_number(name: str, value: Any, requirement: str) -> float:
    shape = getattr(value, "shape", ())
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not real and hasattr(value, "dtype") and tuple(shape) == ():
        host = arrays.to_numpy(value)
        value, real = host[()], host.dtype.kind in "iuf"
    if not real:
        received = f"an array of shape {tuple(shape)}" if shape else _describe(value)
        raise TypeError(f"{name} must be {requirement}; got {received}. Pass one real number.")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {requirement}; got a number beyond float64. Pass a smaller one.") from None


def _check_shape(
    name: str,
    received: tuple[int, ...],
    ndim: int | tuple[int, ...] | None,
    shape: tuple[int | None, ...] | None,
    allow_empty: bool,
) -> None:
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if allowed is not None and len(received) not in allowed:
        axes = " or ".join(str(n) for n in allowed)
        noun = "axis" if allowed == (1,) else "axes"
        raise ValueError(
            f"{name} must be an array with {axes} {noun}; got shape {received}. Reshape or index it first."
        )
    if shape is not None:
        fits = len(shape) == len(received) and all(n is None or n == m for n, m in zip(shape, received, strict=True))
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "")
            raise ValueError(f"{name} must be of shape ({wanted}); got shape {received}. Reshape or index it first.")
    if not allow_empty and 0 in received:
        raise ValueError(f"{name} must be not empty; got shape {received}. Pass at least one entry along each axis.")


def _first_bad(array: Any, good: Any) -> str:
    """First entry that fails, where it is, and how many there are."""
    values, bad = arrays.to_numpy(array), ~arrays.to_numpy(good)
    if values.ndim == 0:
        return repr(float(values))
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    place = index[0] if len(index) == 1 else index
    return f"{float(values[index])!r} at index {place} ({np.count_nonzero(bad)} of {values.size} entries)"


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
