r"""Labels of which a fraction is wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

from theorylab import validation

__all__ = ["LabelNoise"]


@dataclasses.dataclass(frozen=True)
class LabelNoise:
    r"""Each label is wrong with probability q, and then any of the other classes, independently of all others.

    Parameters
    ----------
    fraction : float
        The probability q, in [0, 1].
    n_classes : int
        Number of classes C, >= 2.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> noise = LabelNoise(0.2, 10)
    >>> round(noise.variance, 6)
    0.355556
    """

    fraction: float
    n_classes: int

    def __post_init__(self) -> None:
        validation.check_number("fraction", self.fraction, minimum=0.0, maximum=1.0)
        validation.check_count("n_classes", self.n_classes, minimum=2)

    def mean(self, one_hot: Any) -> Any:
        r"""Mean of the observed one-hot label, :math:`(1-q)\,e_c + \tfrac{q}{C-1}(1 - e_c)`.

        Parameters
        ----------
        one_hot : array_like, shape (n, n_classes)
            True labels.

        Returns
        -------
        array, shape (n, n_classes)
            What a perfect regression on observed labels would predict.
        """
        one_hot = validation.check_array("one_hot", one_hot, shape=(None, self.n_classes))
        others = self.fraction / (self.n_classes - 1)
        return (1.0 - self.fraction - others) * one_hot + others

    @property
    def variance(self) -> float:
        r"""Mean squared distance of an observed label from its mean, :math:`1 - (1-q)^2 - q^2/(C-1)`."""
        return 1.0 - (1.0 - self.fraction) ** 2 - self.fraction**2 / (self.n_classes - 1)
