"""Dense ARFF files of small integers, read some rows at a time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_dense"]

_ROWS_AT_A_TIME = 2000


def read_dense(
    file: TextIO, *, n_features: int, class_counts: tuple[int, ...], target: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Features and classes of a file of integers 0..255, which must hold what is declared.

    Parameters
    ----------
    file : text file
        Open at its start.
    n_features : int
        Number of columns beside `target`.
    class_counts : tuple of int
        Number of rows of each class 0, 1, ...
    target : str
        Column of the classes.

    Returns
    -------
    X : ndarray of uint8, shape (n_samples, n_features)
        The other columns, in their order.
    y : ndarray of uint8, shape (n_samples,)
        The classes.

    Raises
    ------
    ValueError
        If the file is no such file, or holds something else.
    """
    names = list(_columns(file))
    if len(names) != n_features + 1 or names.count(target) != 1:
        raise ValueError(
            f"it has {len(names)} columns, {names.count(target)} of them named {target!r}, in place of {n_features} "
            f"features and one {target!r}"
        )
    values = np.empty((sum(class_counts), len(names)), dtype=np.uint8)
    n_rows = 0
    for block in _blocks(file):
        end = n_rows + len(block)
        if block.shape[1] != len(names):
            raise ValueError(f"its rows have {block.shape[1]} values in place of {len(names)}")
        if end > len(values):
            raise ValueError(f"it has more than {len(values)} rows")
        if not np.all((block >= 0) & (block <= 255) & (block == np.floor(block))):
            raise ValueError(f"a value in rows {n_rows}..{end - 1} is not an integer in 0..255")
        values[n_rows:end] = block
        n_rows = end
    if n_rows < len(values):
        raise ValueError(f"it ends after {n_rows} of {len(values)} rows")
    column = names.index(target)
    y = values[:, column].copy()
    counts = np.bincount(y, minlength=len(class_counts)).tolist()
    if counts != list(class_counts):
        raise ValueError(f"its classes have {counts} rows in place of {list(class_counts)}")
    return np.delete(values, column, axis=1), y


def _columns(file: TextIO) -> Iterator[str]:
    """Names of the columns; the file is left at the first row."""
    for line in file:
        if line.strip().lower() == "@data":
            return
        found = re.match(r"""@attribute\s+('[^']*'|"[^"]*"|\S+)""", line.strip(), flags=re.IGNORECASE)
        if found:
            yield found.group(1).strip("'\"")
    raise ValueError("it has no @DATA section")


def _blocks(file: TextIO) -> Iterator[NDArray[np.float32]]:
    """Rows, some at a time, so that the text is never in memory as a whole; float32 holds 0..255 exactly."""
    rows = (line for line in file if line.strip() and not line.startswith("%"))
    while lines := list(itertools.islice(rows, _ROWS_AT_A_TIME)):
        yield np.loadtxt(lines, dtype=np.float32, delimiter=",", quotechar="'", comments=None, ndmin=2)
