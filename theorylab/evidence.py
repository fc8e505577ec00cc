"""The kinds of evidence: agreement, bound, rate and ordering; :mod:`theorylab._verdicts` states the rule they share."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from theorylab import validation
from theorylab._verdicts import (
    THRESHOLD,
    Evidence,
    Floats,
    Verdict,
    combine,
    false_alarm_rate,
    host_array,
    miss_rate,
    require_broadcast,
)

__all__ = [
    "THRESHOLD",
    "Agreement",
    "Bound",
    "Evidence",
    "Ordering",
    "Rate",
    "Verdict",
    "combine",
    "error_of_mean",
    "false_alarm_rate",
    "miss_rate",
]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Agreement(Evidence):
    """A measurement agrees with a prediction: ``|measured - predicted| <= margin``.

    Parameters
    ----------
    predicted : array_like
        Finite predictions.
    measured : array_like
        Finite measurements of the same shape.
    margin, standard_error, resolution, threshold, label
        See :class:`Evidence`; arrays broadcast against `predicted`.

    Examples
    --------
    >>> Agreement(predicted=1.0, measured=1.02, standard_error=0.01, margin=0.0, resolution=0.1).verdict.value
    'confirmed'
    """

    kind: ClassVar[str] = "agreement"

    predicted: ArrayLike
    measured: ArrayLike

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("predicted", "measured"):
            self._set(name, host_array(name, getattr(self, name)))
        shape = np.shape(self.predicted)
        if np.shape(self.measured) != shape:
            raise ValueError(
                f"measured must have the shape of predicted, {shape}; got {np.shape(self.measured)}. "
                "Compare the two at the same points."
            )
        require_broadcast(self, shape)

    @property
    def discrepancy(self) -> Floats:
        """Absolute difference of measurement and prediction."""
        return np.abs(np.asarray(self.measured) - np.asarray(self.predicted))

    @property
    def summary(self) -> str:
        """Predicted and measured value of the comparison under the greatest strain."""
        predicted = self._at_worst(self.predicted)
        return f"predicted {predicted:.5g}, measured {self._measured_text(self.measured)}{self._where_text()}"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bound(Evidence):
    """An inequality holds: ``lhs <= rhs + margin`` at every point.

    Parameters
    ----------
    lhs, rhs : array_like
        Finite values of the two sides, of the same shape.
    margin, standard_error, resolution, threshold, label
        See :class:`Evidence`; `standard_error` is that of ``lhs - rhs``.

    Examples
    --------
    >>> Bound(lhs=[1.0, 2.0], rhs=[1.5, 1.9], margin=0.0).violations
    1
    """

    kind: ClassVar[str] = "bound"
    two_sided: ClassVar[bool] = False

    lhs: ArrayLike
    rhs: ArrayLike

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lhs", "rhs"):
            self._set(name, host_array(name, getattr(self, name)))
        if np.shape(self.lhs) != np.shape(self.rhs):
            raise ValueError(
                f"rhs must have the shape of lhs, {np.shape(self.lhs)}; got {np.shape(self.rhs)}. "
                "Evaluate both sides at the same points."
            )
        require_broadcast(self, np.shape(self.lhs))

    @property
    def discrepancy(self) -> Floats:
        """``lhs - rhs``: positive where the inequality fails."""
        return np.asarray(self.lhs) - np.asarray(self.rhs)

    @property
    def violations(self) -> int:
        """Number of points at which the inequality fails beyond margin and uncertainty."""
        return int(np.sum(self._strains > 1.0))

    @property
    def tightness(self) -> float:
        """Smallest gap ``rhs - lhs`` over the points: 0 where the bound is attained, negative where it fails."""
        return float(-np.max(self.discrepancy))

    @property
    def summary(self) -> str:
        """Violations and tightness."""
        return f"{self.violations} violations of {self.n_comparisons}, smallest gap {self.tightness:.3g}"

    def to_record(self) -> dict[str, Any]:
        """Everything as plain JSON types, with `violations` and `tightness`.

        Returns
        -------
        dict
            As :meth:`Evidence.to_record`.
        """
        return {**super().to_record(), "violations": self.violations, "tightness": self.tightness}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Rate(Evidence):
    """A fitted exponent agrees with the predicted one; see :meth:`fit` for the fit.

    Parameters
    ----------
    predicted : float
        Predicted exponent.
    fitted : float
        Measured exponent.
    margin, standard_error, resolution, threshold, label
        See :class:`Evidence`; scalars here.
    """

    kind: ClassVar[str] = "rate"

    predicted: float
    fitted: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("predicted", "fitted"):
            self._set(name, validation.check_number(name, getattr(self, name)))
        require_broadcast(self, ())

    @classmethod
    def fit(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        *,
        predicted: float,
        margin: float,
        resolution: float | None = None,
        y_standard_error: ArrayLike | None = None,
        threshold: float = THRESHOLD,
        label: str = "",
    ) -> Self:
        """Fit ``y ~ x ** exponent`` by least squares on logarithms.

        Parameters
        ----------
        x, y : array_like, shape (n,)
            Positive abscissae and values, at least three.
        predicted, margin, resolution, threshold, label
            As in :class:`Rate`.
        y_standard_error : array_like, shape (n,), optional
            Standard errors of `y`, all positive: they weight the fit and give the error of the slope.  Without them the
            scatter about the line does.

        Returns
        -------
        Rate
            With `fitted` and `standard_error` from the fit.
        """
        log_x = np.log(host_array("x", x, exclusive_minimum=0.0, ndim=1))
        values = host_array("y", y, exclusive_minimum=0.0, ndim=1)
        if log_x.size != values.size or log_x.size < 3 or np.ptp(log_x) == 0.0:
            raise ValueError(
                f"y must hold one value for each of at least three different x; got {values.size} values for "
                f"{log_x.size} x. Measure at more points."
            )
        if y_standard_error is None:
            weights = np.ones_like(values)
        else:
            errors = host_array("y_standard_error", y_standard_error, exclusive_minimum=0.0, ndim=1)
            if errors.size != values.size:
                raise ValueError(
                    f"y_standard_error must hold one error for each y; got {errors.size} for {values.size}. "
                    "Leave it out to use the scatter about the line."
                )
            weights = (values / errors) ** 2
        slope, slope_error, scatter = _weighted_slope(log_x, np.log(values), weights)
        error = slope_error if y_standard_error is not None else slope_error * scatter
        return cls(
            predicted=predicted,
            fitted=slope,
            standard_error=error,
            margin=margin,
            resolution=resolution,
            threshold=threshold,
            label=label,
        )

    @property
    def discrepancy(self) -> Floats:
        """Absolute difference of the exponents, as a 0-d array."""
        return np.asarray(abs(self.fitted - self.predicted))

    @property
    def summary(self) -> str:
        """Predicted and fitted exponent."""
        return f"predicted exponent {self.predicted:.4g}, fitted {self._measured_text(self.fitted)}"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Ordering(Evidence):
    """A sequence is monotone; two values make ``A < B`` its shortest case.

    Parameters
    ----------
    values : array_like, shape (..., n)
        At least two finite values along the last axis; each row is a sequence of its own.
    direction : {"increasing", "decreasing"}
        Which way the sequence must go.
    least_step : float, >= 0
        Smallest step that the statement promises: 0 for "does not fall", positive for a strict order.
    margin, resolution, threshold, label
        See :class:`Evidence`; `margin` is the slack of a single step.
    standard_error : array_like
        Standard errors of the values, taken as independent.

    Examples
    --------
    >>> Ordering(values=[3.0, 2.0, 2.1], direction="decreasing", margin=0.0).verdict.value
    'refuted'
    """

    kind: ClassVar[str] = "ordering"
    two_sided: ClassVar[bool] = False

    values: ArrayLike
    direction: str
    least_step: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        values = host_array("values", self.values)
        if values.ndim == 0 or values.shape[-1] < 2:
            raise ValueError(
                f"values must hold at least two values along the last axis; got shape {values.shape}. "
                "An order needs something to compare."
            )
        self._set("values", values)
        validation.check_choice("direction", self.direction, ("increasing", "decreasing"))
        self._set("least_step", validation.check_number("least_step", self.least_step, minimum=0.0))
        require_broadcast(self, values.shape, names=("standard_error",))
        require_broadcast(self, (), names=("margin", "resolution"))

    @property
    def steps(self) -> Floats:
        """Successive differences along the last axis, positive where they go the promised way."""
        sign = 1.0 if self.direction == "increasing" else -1.0
        return sign * np.diff(np.asarray(self.values), axis=-1)

    @property
    def discrepancy(self) -> Floats:
        """By how much each step falls short of the promised one."""
        return np.asarray(self.least_step - self.steps)

    @property
    def comparison_error(self) -> Floats:
        """Standard error of each step."""
        errors = np.broadcast_to(np.asarray(self.standard_error), np.shape(self.values))
        return np.hypot(errors[..., 1:], errors[..., :-1])

    @property
    def summary(self) -> str:
        """The step that goes least the promised way."""
        return f"smallest {self.direction} step {self._measured_text(self.steps)}{self._where_text()}"


def error_of_mean(values: Any, axis: int = 0) -> Floats:
    """Standard error of the mean of independent measurements.

    Parameters
    ----------
    values : array_like
        Measurements, at least two along the axis.
    axis : int
        Where the repetitions stand.

    Returns
    -------
    numpy.ndarray
        Without the axis.

    Examples
    --------
    >>> float(error_of_mean([1.0, 3.0, 5.0, 7.0]).round(6))
    1.290994
    """
    values = np.asarray(values)
    return np.asarray(values.std(axis=axis, ddof=1) / math.sqrt(values.shape[axis]))


def _weighted_slope(x: Floats, y: Floats, weights: Floats) -> tuple[float, float, float]:
    """Slope of the weighted line, its error for unit-variance weights, and the scatter in units of these weights."""
    centred = x - np.average(x, weights=weights)
    spread = np.sum(weights * centred**2)
    slope = float(np.sum(weights * centred * y) / spread)
    residual = y - np.average(y, weights=weights) - slope * centred
    scatter = math.sqrt(float(np.sum(weights * residual**2)) / (x.size - 2))
    return slope, float(1.0 / np.sqrt(spread)), scatter
