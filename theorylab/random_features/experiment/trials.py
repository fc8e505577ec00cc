"""What all results of repeated trials can do: means and standard errors over the trials."""

from __future__ import annotations

import dataclasses

import numpy as np

from theorylab import sweeps

__all__ = ["TrialArrays"]


@dataclasses.dataclass(frozen=True)
class TrialArrays:
    """Base of the results of simulations: arrays with one row for each trial.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Heights(TrialArrays):
    ...     height: np.ndarray
    >>> float(Heights(np.array([1.0, 2.0])).mean()["height"])
    1.5
    """

    def mean(self) -> dict[str, np.ndarray]:
        """Mean over the trials.

        Returns
        -------
        dict of str to numpy.ndarray
            By the names of the arrays, without their first axis.
        """
        means: dict[str, np.ndarray] = self._trials().mean()
        return means

    def standard_error(self) -> dict[str, np.ndarray]:
        """Standard error of the mean.

        Returns
        -------
        dict of str to numpy.ndarray
            By the names of the arrays, without their first axis.

        Raises
        ------
        ValueError
            If there is one trial alone.
        """
        errors: dict[str, np.ndarray] = self._trials().standard_error()
        return errors

    def _trials(self) -> sweeps.Trials:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return sweeps.Trials(values, next(iter(values.values())).shape[0])
