r"""The one rule that turns evidence into a verdict, and its error rates.

Every kind reduces to the same four numbers for each comparison: the *discrepancy* :math:`d` against the statement, the
declared *margin* :math:`m`, the *standard error* :math:`s` of the measurement, and the declared *resolution* :math:`r`.
With the threshold :math:`t` (3.5 unless declared otherwise) the verdict is

* ``refuted`` when :math:`d > m + t s` for any comparison;
* else ``inconclusive`` when :math:`t s > r` for any comparison: the measurement is too noisy to confirm anything;
* else ``confirmed``.

For a true statement whose finite-size error is within the margin, a Gaussian measurement is refuted by chance with
probability at most :func:`false_alarm_rate`; a statement that is wrong by :math:`d` escapes with probability
:func:`miss_rate`.  The *strain* of a piece of evidence is the largest :math:`d / (m + t s)`: it is above one exactly
when the verdict is ``refuted``, and tells how far a control was rejected.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorylab import arrays, validation

__all__ = [
    "THRESHOLD",
    "Evidence",
    "Floats",
    "Verdict",
    "combine",
    "false_alarm_rate",
    "host_array",
    "miss_rate",
    "require_broadcast",
]

#: Standard errors beyond the margin at which a comparison is refuted (docs/decisions/0001).
THRESHOLD = 3.5

Floats = NDArray[np.float64]


class Verdict(StrEnum):
    """What the evidence says of a statement."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


def false_alarm_rate(n_comparisons: int, *, threshold: float = THRESHOLD, two_sided: bool = True) -> float:
    r"""Family-wise probability that a true statement is refuted, for independent Gaussian errors.

    With the tail :math:`p = 2\Phi(-t)` (:math:`\Phi(-t)` one-sided) of one comparison it is :math:`1 - (1-p)^N`.  It is
    attained when the finite-size error fills the margin; with room to spare the true rate is lower.

    Parameters
    ----------
    n_comparisons : int
        Number :math:`N` of comparisons.
    threshold : float
        Standard errors :math:`t`.
    two_sided : bool
        Whether a deviation to either side counts (agreement, rate) or to one side only (bound, ordering).

    Returns
    -------
    float
        A probability.

    Examples
    --------
    >>> round(false_alarm_rate(100), 3)
    0.045
    """
    count = validation.check_count("n_comparisons", n_comparisons)
    t = validation.check_number("threshold", threshold, minimum=0.0)
    single = math.erfc(t / math.sqrt(2.0)) / (1.0 if two_sided else 2.0)
    return -math.expm1(count * math.log1p(-single)) if single < 1.0 else 1.0


def miss_rate(
    discrepancy: float,
    *,
    margin: float = 0.0,
    standard_error: float,
    threshold: float = THRESHOLD,
    two_sided: bool = True,
) -> float:
    r"""Probability that one comparison does not refute a statement that is wrong by `discrepancy`.

    For a Gaussian measurement it is :math:`\Phi(t + (m-d)/s)`, less :math:`\Phi(-t - (m+d)/s)` when two-sided.

    Parameters
    ----------
    discrepancy : float
        How far the truth lies from the prediction, in the direction that counts, :math:`d`.
    margin : float
        Declared margin :math:`m`.
    standard_error : float
        Standard error :math:`s > 0` of the measurement.
    threshold : float
        Standard errors :math:`t`.
    two_sided : bool
        Whether a deviation to either side counts.

    Returns
    -------
    float
        A probability.

    Examples
    --------
    >>> miss_rate(5.0, standard_error=1.0) < 0.07
    True
    """
    d = validation.check_number("discrepancy", discrepancy)
    m = validation.check_number("margin", margin, minimum=0.0)
    s = validation.check_number("standard_error", standard_error, exclusive_minimum=0.0)
    t = validation.check_number("threshold", threshold, minimum=0.0)
    accepted = _normal_cdf(t + (m - d) / s)
    return accepted - _normal_cdf(-t - (m + d) / s) if two_sided else accepted


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Evidence(ABC):
    """What the kinds of evidence share; the kinds themselves say what is compared.

    Parameters
    ----------
    margin : array_like, >= 0
        Declared in advance: the largest discrepancy that the statement itself allows (finite size, floating point).
    standard_error : array_like, >= 0
        Standard error of the measurement; 0 for a deterministic one.
    resolution : array_like, > 0, optional
        Largest ``threshold * standard_error`` with which a confirmation means something.  Must be declared whenever a
        standard error is not zero.
    threshold : float
        Standard errors beyond the margin at which a comparison is refuted.
    label : str
        What is compared, for tables: "test MSE".
    """

    kind: ClassVar[str]
    two_sided: ClassVar[bool] = True

    margin: ArrayLike
    standard_error: ArrayLike = 0.0
    resolution: ArrayLike | None = None
    threshold: float = THRESHOLD
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("margin", "standard_error"):
            self._set(name, host_array(name, getattr(self, name), minimum=0.0))
        if self.resolution is not None:
            self._set("resolution", host_array("resolution", self.resolution, exclusive_minimum=0.0))
        elif np.any(np.asarray(self.standard_error) > 0.0):
            raise ValueError(
                "resolution must be declared for a measurement with a standard error; got None. "
                "Say how small threshold * standard_error has to be for a confirmation to mean something."
            )
        self._set("threshold", validation.check_number("threshold", self.threshold, exclusive_minimum=0.0))

    @property
    @abstractmethod
    def discrepancy(self) -> Floats:
        """Amount by which each comparison speaks against the statement; negative where it speaks for it."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """One line for the ledger: the comparison under the greatest strain."""

    @property
    def comparison_error(self) -> Floats:
        """Standard error of each discrepancy."""
        return np.asarray(self.standard_error)

    @property
    def n_comparisons(self) -> int:
        """Number of comparisons that the verdict rests on."""
        return int(self._strains.size)

    @property
    def strain(self) -> float:
        """Largest discrepancy in units of what the rule allows, at least 0; above 1 exactly when refuted."""
        return max(0.0, float(np.max(self._strains)))

    @property
    def verdict(self) -> Verdict:
        """The verdict of the rule stated at the top of this module."""
        if self.strain > 1.0:
            return Verdict.REFUTED
        if self.resolution is not None and np.any(self.threshold * self.comparison_error > np.asarray(self.resolution)):
            return Verdict.INCONCLUSIVE
        return Verdict.CONFIRMED

    @property
    def false_alarm_rate(self) -> float:
        """Family-wise probability that this evidence refutes a true statement by chance."""
        if not np.any(self.comparison_error > 0.0):
            return 0.0
        return false_alarm_rate(self.n_comparisons, threshold=self.threshold, two_sided=self.two_sided)

    def to_record(self) -> dict[str, Any]:
        """Everything as plain JSON types, the derived numbers included.

        Returns
        -------
        dict
            Fields of the dataclass plus ``kind``, ``verdict``, ``strain``, ``summary``, ``n_comparisons`` and
            ``false_alarm_rate``.
        """
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        derived = ("verdict", "strain", "summary", "n_comparisons", "false_alarm_rate")
        return {"kind": self.kind, **fields, **{name: getattr(self, name) for name in derived}}

    @property
    def _strains(self) -> Floats:
        allowance = np.asarray(self.margin) + self.threshold * self.comparison_error
        discrepancy, allowance = np.broadcast_arrays(self.discrepancy, allowance)
        # An exact comparison without any margin is refuted by any discrepancy at all.
        strains = np.where(discrepancy > 0.0, np.inf, 0.0)
        return np.divide(discrepancy, allowance, out=strains, where=allowance > 0.0)

    @property
    def _worst(self) -> int:
        return int(np.argmax(self._strains))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _at_worst(self, values: ArrayLike) -> float:
        return float(np.broadcast_to(np.asarray(values), self._strains.shape).flat[self._worst])

    def _measured_text(self, value: ArrayLike) -> str:
        error = self._at_worst(self.comparison_error)
        number = f"{self._at_worst(value):.5g}"
        return f"{number} ± {error:.2g}" if error > 0.0 else number

    def _where_text(self) -> str:
        return f" (worst of {self.n_comparisons})" if self.n_comparisons > 1 else ""


def combine(pieces: Sequence[Evidence]) -> Verdict:
    """Verdict of several pieces of evidence together.

    Parameters
    ----------
    pieces : sequence of Evidence
        At least one piece.

    Returns
    -------
    Verdict
        ``refuted`` if any piece is, else ``inconclusive`` if any is, else ``confirmed``.
    """
    if not pieces:
        raise ValueError("pieces must hold at least one piece of evidence; got none. Compare something.")
    verdicts = {piece.verdict for piece in pieces}
    for verdict in (Verdict.REFUTED, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.CONFIRMED


def host_array(name: str, value: ArrayLike, **requirements: Any) -> Floats:
    """Read-only float64 copy on the host of an array that satisfies the requirements of ``check_array``."""
    checked: Floats = np.array(arrays.to_numpy(validation.check_array(name, value, **requirements)), dtype=np.float64)
    checked.setflags(write=False)
    return checked


def require_broadcast(
    evidence: Evidence, shape: tuple[int, ...], names: tuple[str, ...] = ("margin", "standard_error", "resolution")
) -> None:
    """Refuse fields of a piece of evidence that do not give one value for each comparison."""
    for name in names:
        value = getattr(evidence, name)
        if value is None:
            continue
        try:
            fits = np.broadcast_shapes(np.shape(value), shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{name} must be a number or broadcast to the shape {shape} of what is compared; got shape "
                f"{np.shape(value)}. Give one value for each comparison."
            )


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
