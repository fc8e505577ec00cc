"""A small computation on one array library and device, in a process of its own: a broken install may end it.

``python -m theorylab.suite.smoke`` prints the known and the installed libraries as JSON,
``python -m theorylab.suite.smoke BACKEND DEVICE`` what a matrix product and an eigendecomposition gave there.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

__all__ = ["main"]

_SIZE = 64


def main(arguments: list[str]) -> dict[str, Any]:
    """What this process was asked to find out.

    Parameters
    ----------
    arguments : list of str
        Nothing, or backend and device.

    Returns
    -------
    dict
        ``known`` and ``installed``; or ``state`` with the details that go with it.
    """
    from theorylab import arrays

    if not arguments:
        return {"known": list(arrays.BACKENDS), "installed": arrays.installed_backends()}
    try:
        backend = arrays.backend(*arguments)
    except (ValueError, ImportError) as error:
        return {"state": "not there", "detail": str(error)}
    return {"version": backend.version, **_computed(backend), "blas": _blas()}


def _computed(backend: Any) -> dict[str, Any]:
    """Largest relative errors of a product and of eigenvalues against NumPy, float64."""
    import numpy as np

    matrix = np.random.default_rng(0).standard_normal((_SIZE, _SIZE))
    symmetric = matrix + matrix.T
    start = time.perf_counter()
    product = backend.to_numpy(backend.asarray(matrix) @ backend.asarray(matrix))
    values = backend.to_numpy(backend.xp.linalg.eigh(backend.asarray(symmetric))[0])
    seconds = time.perf_counter() - start
    errors = {
        "matmul": _relative(product, matrix @ matrix),
        "eigh": _relative(values, np.linalg.eigh(symmetric)[0]),
    }
    # 64 float64 operations in a row cannot lose more than a few hundred times the machine precision, 2.2e-16.
    right = max(errors.values()) < 1e-12
    return {"state": "works" if right else "WRONG", "seconds": seconds, **errors}


def _relative(found: Any, expected: Any) -> float:
    return float(abs(found - expected).max() / abs(expected).max())


def _blas() -> str:
    try:
        threadpool_info = importlib.import_module("threadpoolctl").threadpool_info
    except ImportError:
        return "not known: threadpoolctl is not installed"
    pools = {f"{pool['internal_api']} {pool['version'] or ''} with {pool['num_threads']}" for pool in threadpool_info()}
    return ", ".join(sorted(pools)) or "none found"


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
