r"""The recursion over layers on whole arrays or blocks of rows, for arrays of any library.

NumPy arrays take the way of :mod:`theorylab.ntk.theory._tiles`, which computes the same in cache-sized tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from theorylab import arrays
from theorylab.ntk.theory import _nearby, _tiles
from theorylab.ntk.theory._network import Network, advance, correlation, diagonal, variances
from theorylab.ntk.theory.dual import UNDIFFERENTIABLE, evaluate

__all__ = ["kernels", "require_tangent"]

#: Entries up to which the recursion holds whole matrices; beyond, the about fifteen temporaries of a layer belong to a
#: block of rows and are together half a matrix.  Blocks and result are two more.
_WHOLE = 2**20
_BLOCKS = 32


def kernels(xp: Any, network: Network, X: Any, Y: Any, wanted: tuple[str, ...]) -> tuple[Any, ...]:
    """The wanted kernels between the rows of X and Y, or of X and X where Y is None; each of shape (n, m)."""
    require_tangent(network, wanted)
    if xp is arrays.namespace():
        return _tiles.kernels(network, X, Y, wanted)
    return _plain(xp, network, X, Y, wanted)


def require_tangent(network: Network, wanted: tuple[str, ...]) -> None:
    """Refuse the tangent kernel of an activation that has none."""
    if "ntk" in wanted and network.depth and network.activation.name in UNDIFFERENTIABLE:
        raise ValueError(
            f"kind must be 'nngp' for the activation {network.activation.name!r}; got 'ntk'. Its derivative has no "
            "mean square, so that the tangent kernel is infinite on the diagonal."
        )


def _plain(xp: Any, network: Network, X: Any, Y: Any, wanted: tuple[str, ...]) -> tuple[Any, ...]:
    other = X if Y is None else Y
    q1, q2 = variances(xp, network, X), variances(xp, network, other)
    exact = dict(zip(("nngp", "ntk"), diagonal(xp, network, X), strict=True)) if Y is None else {}
    parts: dict[str, list[Any]] = {name: [] for name in wanted}
    for rows in _rows(X, other):
        block = _block(xp, network, X[rows, :], other, [q[rows] for q in q1], q2, wanted)
        for name, part in zip(wanted, block, strict=True):
            parts[name].append(_with_diagonal(xp, part, exact[name], rows) if exact else part)
    return tuple(xp.concat(parts.pop(name), axis=0) for name in wanted)


def _rows(X: Any, Y: Any) -> Iterator[slice]:
    n = X.shape[0]
    step = n if n * Y.shape[0] <= _WHOLE else -(-n // _BLOCKS)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def _block(
    xp: Any, network: Network, X: Any, Y: Any, q1: list[Any], q2: list[Any], wanted: tuple[str, ...]
) -> tuple[Any, ...]:
    covariance = network.w2 / X.shape[1] * (X @ Y.T) + network.b2
    near = _nearby.find(xp, network, correlation(xp, covariance, q1[0], q2[0]))
    tangent = network.input_part(0, covariance)
    for layer in range(1, network.depth + 1):
        q, r = q1[layer - 1][:, None], q2[layer - 1][None, :]
        limit = xp.sqrt(q * r)
        covariance = xp.minimum(xp.maximum(covariance, -limit), limit)
        dual = evaluate(xp, network.activation, q, r, covariance)
        covariance, tangent = advance(network, layer, dual, tangent)
    results = {name: {"nngp": covariance, "ntk": tangent}[name] for name in wanted}
    return tuple(_nearby.correct(xp, network, X, Y, near, results).values())


def _with_diagonal(xp: Any, block: Any, values: Any, rows: slice) -> Any:
    """Rows of a symmetric matrix with its diagonal, of shape (n,), set to values."""
    where = arrays.device(block)
    diagonal_entry = xp.arange(rows.start, rows.stop, device=where)[:, None] == xp.arange(block.shape[1], device=where)
    return xp.where(diagonal_entry, values[rows, None], block)
