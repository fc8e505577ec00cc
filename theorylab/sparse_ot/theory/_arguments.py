"""Guards of the arguments that several functions of the chapter share."""

from __future__ import annotations

import operator
from typing import Any

from theorylab import validation

__all__ = ["check_axis", "check_max_nz", "check_reg"]


def check_max_nz(name: str, value: Any) -> int:
    """Require a number of entries: an integer of any kind, >= 1; more than there are means no constraint."""
    validation.check_number(name, value)  # refuses NaN and what is no number, by name
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer >= 1; got {value!r}. Pass int({name}) if that is meant.") from None
    return int(validation.check_count(name, number))


def check_reg(value: Any) -> float:
    """Require a regularisation that is positive: without it the plan is not unique, and k = 1 gives its value."""
    return validation.check_number("reg", value, exclusive_minimum=0.0)


def check_axis(name: str, value: Any, n_axes: int) -> int:
    """Require an axis of an array, counted from the front or from the back."""
    if isinstance(value, bool) or not isinstance(value, int) or not -n_axes <= value < n_axes:
        raise ValueError(f"{name} must be an integer in [{-n_axes}, {n_axes}); got {value!r}. Pass one of the axes.")
    return value % n_axes
