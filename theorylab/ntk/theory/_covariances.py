r"""Covariances over initialisations at many times, for the price of a few.

In the kernel principal components, with modes :math:`A = K_*U`, :math:`B = S_*U`, :math:`M = U^TSU` and the weights
:math:`g_t(\lambda_i)` of gradient flow, the covariance is

.. math::
    \mathrm{cov}_t = S_{**} + Z_t + Z_t^T, \qquad Z_t = (A_t N - B) A_t^T, \qquad A_t = A\,\mathrm{diag}(g_t),

where N is one half of M, :math:`M = N + N^T`: what stands below the diagonal.  Two facts make it cheap (derived here):

* Weights and products of two weights are, as functions of time, sums of a constant and exponentials, of which few are
  independent to working precision.  All of them, and so the covariance, are linear combinations of their values at a
  few *nodes* among the times: about 30 for a hundred times over seven decades and a thousand components, half as many
  without the largest eigenvalues.  Columns of N meet only their own and smaller eigenvalues.
* Components of similar eigenvalues have nearly proportional weights: a block of :math:`A_t N` is a linear combination
  of about seven products, however many times there are.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, numerics

__all__ = ["covariances"]

#: Error of a weight or of a product of two, relative to the largest, each with the size of the modes that it meets.
_TOLERANCE = 1e-11
#: Components with the largest eigenvalues, which need more nodes than the others.
_TOP = 96
#: Components in each further block.
_BLOCK = 128

_Floats = NDArray[np.float64]
_Indices = NDArray[np.intp]


def covariances(weights: Any, modes: Any, eigenvectors: Any, kernels: tuple[Any, Any, Any]) -> Any:
    """Covariance of the test points, or the variance of each where S_** is a vector, at each time.

    The coefficients of the combinations are found on the host, from the weights alone.

    Parameters
    ----------
    weights : array, shape (T, n)
        The finite values of g, in the order of the eigenvalues, the largest first.
    modes : array, shape (m, n)
        A.
    eigenvectors : array, shape (n, n)
        Of the kernel of the training points.
    kernels : tuple of array, shapes (n, n), (m, n) and (m, m) or (m,)
        S, S_* and S_**.

    Returns
    -------
    array, shape (T, m, m) or (T, m)
        To about 1e-10 of the largest.
    """
    values, coefficients = _at_nodes(weights, modes, eigenvectors, kernels)
    xp = arrays.namespace(values)
    result = numerics.matmul(coefficients, xp.reshape(values, (values.shape[0], -1)))
    return xp.reshape(result, (weights.shape[0], *values.shape[1:]))


def _at_nodes(weights: Any, modes: Any, eigenvectors: Any, kernels: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    """Covariance at r of the times, and matrix (T, r) that makes of it those at all times."""
    S, S_star, S_star_star = kernels
    xp, n, pairs = arrays.namespace(weights), modes.shape[1], S_star_star.ndim == 2
    scratch = _Scratch()
    half = _half(S, eigenvectors, scratch)
    weights, modes = _balanced(weights, modes, 2.0 * xp.linalg.diagonal(half))
    blocks = _blocks(weights, modes)
    top = blocks[0].place.stop
    nodes, coefficients = _time_nodes(blocks)
    components = _Components(
        arrays.to_numpy(weights), modes, numerics.matmul(S_star, eigenvectors), half, blocks, scratch
    )
    values = _values(components, nodes, slice(0, top), "values", pairs=pairs)
    if top < n:
        few, combined = _time_nodes(blocks[1:])
        others = _values(components, few, slice(top, n), "others", pairs=pairs)
        there = arrays.promote(combined[nodes, :], like=values)[1][0]
        others = scratch.product("mixed", there, xp.reshape(others, (others.shape[0], -1)))
        values += xp.reshape(others, values.shape)
    values = values + (xp.matrix_transpose(values) if pairs else values)
    values += S_star_star[None, ...]
    return values, arrays.promote(coefficients, like=values)[1][0]


class _Scratch:
    """Products of large matrices, by NumPy in memory used again: fresh pages cost as much as the arithmetic on them."""

    #: So large that the C library takes it from the system and gives it back alone; what is not used costs nothing.
    _LEAST = 1 << 22

    def __init__(self) -> None:
        self._pages: dict[str, _Floats] = {}

    def array(self, name: str, *shape: int) -> _Floats:
        """Array, not cleared, that takes the place of the last one of this name."""
        size = math.prod(shape)
        if self._pages.get(name, np.empty(0)).size < size:
            self._pages[name] = np.empty(max(size, self._LEAST))
        return self._pages[name][:size].reshape(shape)

    def product(self, name: str, first: Any, second: Any) -> Any:
        """Product of two matrices; NumPy's takes the place of the last one of this name."""
        out = self.array(name, first.shape[0], second.shape[1]) if isinstance(first, np.ndarray) else None
        return numerics.matmul(first, second, out=out)


class _Block(NamedTuple):
    """Neighbouring components, whose weights are a matrix (T, r) times one (r, size)."""

    place: slice
    #: Weights of r of the components, (T, r), on the host.
    mix: _Floats
    #: Modes times each row of the second matrix, (r * m, size).
    products: Any


class _Components(NamedTuple):
    """The problem in the principal components."""

    #: At most one, (T, n), and so scaled that they tell how much a component matters; on the host.
    weights: _Floats
    #: A, scaled against the weights, and B; (m, n).
    modes: Any
    prior: Any
    #: N, (n, n).
    half: Any
    blocks: list[_Block]
    scratch: _Scratch


def _half(S: Any, eigenvectors: Any, scratch: _Scratch) -> Any:
    """N: what stands below the diagonal of U^T S U, and half of what stands on it."""
    xp = arrays.namespace(S)
    lower = _half_by_cholesky(S, eigenvectors, scratch) if xp is arrays.namespace() else None
    if lower is None:
        rotated = numerics.matmul(eigenvectors.T, numerics.matmul(S, eigenvectors))
        lower = xp.tril(rotated) - 0.5 * xp.tril(xp.triu(rotated))
    return lower


def _half_by_cholesky(S: _Floats, eigenvectors: _Floats, scratch: _Scratch) -> _Floats | None:
    """The same from triangular products, a quarter faster; None where S has no Cholesky factor."""
    from scipy.linalg import blas, lapack

    # Transposed, the scratch is as Fortran has matrices, so that it is written into.
    factor, root = (scratch.array(name, *S.shape).T for name in ("half", "root"))
    factor[...], root[...] = S.T, eigenvectors
    factor, failed = lapack.dpotrf(factor, lower=1, overwrite_a=1)
    if failed:
        return None
    root = blas.dtrmm(1.0, factor, root, lower=1, trans_a=1, overwrite_b=1)
    factor[...] = 0.0
    lower: _Floats = blas.dsyrk(1.0, root, trans=1, lower=1, c=factor, overwrite_c=1)
    np.fill_diagonal(lower, 0.5 * np.diagonal(lower))
    return lower


def _balanced(weights: Any, modes: Any, spread: Any) -> tuple[Any, Any]:
    """Weights and modes, scaled; by Cauchy and Schwarz an entry of M is at most the root of its two in `spread`."""
    xp = arrays.namespace(weights)
    spread = xp.sqrt(xp.maximum(spread, 1e-16 * xp.max(xp.abs(spread))))  # what is less is rounding
    size = xp.max(xp.abs(modes), axis=0) * spread
    largest = float(xp.max(weights * size)) or 1.0
    return weights * (size / largest), modes * (largest / xp.where(size > 0.0, size, xp.ones_like(size)))


def _blocks(weights: Any, modes: Any) -> list[_Block]:
    xp, n, blocks = arrays.namespace(weights), weights.shape[1], []
    top = _TOP if n >= 2 * _TOP else n
    edges = [0, *np.linspace(top, n, -((top - n) // _BLOCK) + 1, dtype=int).tolist()]
    for place in itertools.starmap(slice, itertools.pairwise(edges)):
        host = arrays.to_numpy(weights[:, place])
        index, shapes = _interpolation(host)
        products = arrays.promote(shapes, like=modes)[1][0][:, None, :] * modes[None, :, place]
        blocks.append(_Block(place, host[:, index], xp.reshape(products, (-1, products.shape[2]))))
    return blocks


def _values(components: _Components, nodes: _Indices, columns: slice, name: str, *, pairs: bool) -> Any:
    """Part of Z_t at the nodes, from some columns of N - B: (r, m, m) or (r, m); `name` is for `_Scratch`."""
    left, right = _left(components, nodes, columns), components.modes[:, columns]
    xp, (r, m, size) = arrays.namespace(left), left.shape
    if pairs:
        return xp.reshape(components.scratch.product(name, xp.reshape(left, (r * m, size)), right.T), (r, m, m))
    return xp.sum(left * right[None, :, :], axis=2)


def _left(components: _Components, nodes: _Indices, columns: slice) -> Any:
    """Some columns, whole blocks, of (A_t N - B) diag(g_t) at the nodes: (r, m, columns)."""
    xp, scratch, (m, _) = arrays.namespace(components.modes), components.scratch, components.modes.shape
    weights = arrays.promote(components.weights[nodes, columns][:, None, :], like=components.modes)[1][0]
    whole = scratch.array("left", len(nodes), m, weights.shape[2]) if xp is arrays.namespace() else None
    parts = []
    for index, block in enumerate(components.blocks):
        if columns.start <= block.place.start < columns.stop:
            later = components.blocks[index:]
            mix = np.concatenate([np.full((len(nodes), 1), -1.0), *(part.mix[nodes, :] for part in later)], axis=1)
            mix = arrays.promote(mix, like=components.modes)[1][0]
            stacked = xp.reshape(_stacked(components, block.place, later), (mix.shape[1], -1))
            mixed = xp.reshape(scratch.product("mixed", mix, stacked), (len(nodes), m, -1))
            place = slice(block.place.start - columns.start, block.place.stop - columns.start)
            if whole is None:
                parts.append(mixed * weights[:, :, place])
            else:
                np.multiply(mixed, weights[:, :, place], out=whole[:, :, place])
    return xp.concat(parts, axis=2) if whole is None else whole


def _stacked(components: _Components, columns: slice, blocks: list[_Block]) -> Any:
    """Some columns of B, and below them those of the products of each block with N."""
    xp, prior = arrays.namespace(components.modes), components.prior[:, columns]
    pairs = [(block.products, components.half[block.place, columns]) for block in blocks]
    if xp is not arrays.namespace():
        return xp.concat([prior, *(products @ rows for products, rows in pairs)], axis=0)
    ends = list(itertools.accumulate((len(products) for products, _ in pairs), initial=len(prior)))
    stacked = components.scratch.array("stacked", ends[-1], prior.shape[1])
    stacked[: len(prior), :] = prior
    for (products, rows), (start, stop) in zip(pairs, itertools.pairwise(ends), strict=True):
        numerics.matmul(products, rows, out=stacked[start:stop, :])
    return stacked


def _time_nodes(blocks: list[_Block]) -> tuple[_Indices, _Floats]:
    """A few of the times, and matrix (T, r) that makes of the values there those at all times.

    It does so for a constant, for each weight of the blocks and for each product of two.
    """
    weights = np.concatenate([block.mix for block in blocks], axis=1)
    index, _ = _interpolation(weights)
    few = weights[:, index]
    first, second = np.triu_indices(few.shape[1])
    functions = np.concatenate([np.ones((len(few), 1)), few, few[:, first] * few[:, second]], axis=1)
    nodes, coefficients = _interpolation(functions.T)
    return nodes, coefficients.T


def _interpolation(matrix: _Floats) -> tuple[_Indices, _Floats]:
    """Columns r of a matrix (p, q), and matrix (r, q) that makes of them all columns; none where all are negligible."""
    from scipy.linalg.interpolative import interp_decomp

    rank, order, others = 0, np.arange(matrix.shape[1]), np.zeros((0, matrix.shape[1]))
    size = float(np.max(np.linalg.norm(matrix, axis=0), initial=0.0))
    if size > _TOLERANCE:
        rank, order, others = interp_decomp(np.ascontiguousarray(matrix), _TOLERANCE / size, rand=False)
    coefficients = np.zeros((rank, matrix.shape[1]))
    coefficients[:, order[:rank]], coefficients[:, order[rank:]] = np.eye(rank), others
    return order[:rank], coefficients
