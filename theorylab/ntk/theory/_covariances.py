r"""Covariances over initialisations at many times, for the price of a few.

In the kernel principal components, with modes :math:`A = K_*U`, :math:`B = S_*U`, :math:`M = U^TSU` and the weights
:math:`g_t(\lambda_i)` of gradient flow, the covariance is

.. math::
    \mathrm{cov}_t = S_{**} + Z_t + Z_t^T, \qquad Z_t = (A_t N - B) A_t^T, \qquad A_t = A\,\mathrm{diag}(g_t),

where N is one half of M, :math:`M = N + N^T`: what stands below the diagonal.  Two facts make it cheap (derived here):

* Weights and products of two weights are, as functions of time, sums of a constant and exponentials, of which few are
  independent to working precision.  All of them, and so the covariance, are linear combinations of their values at a
  few *nodes* among the times: about 35 for a hundred times over seven decades and a thousand components, half as many
  without the largest eigenvalues.
* Components of similar eigenvalues have nearly proportional weights: a block of :math:`A_t N` is a linear combination
  of about eight products, however many times there are.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays

__all__ = ["covariances"]

#: Error of a weight or of a product of two, relative to the largest, each with the size of the modes that it meets.
_TOLERANCE = 1e-12
#: Components in a block.
_BLOCK = 128

_Floats = NDArray[np.float64]


def covariances(weights: Any, eigenvectors: Any, kernels: tuple[Any, Any, Any, Any]) -> Any:
    """Covariance of the test points, or the variance of each where S_** is a vector, at each time.

    The coefficients of the combinations are found on the host, from the weights alone.

    Parameters
    ----------
    weights : array, shape (T, n)
        The finite values of g, in the order of the eigenvalues.
    eigenvectors : array, shape (n, n)
        Of the kernel of the training points.
    kernels : tuple of array, shapes (m, n), (n, n), (m, n) and (m, m) or (m,)
        K_*, S, S_* and S_**.

    Returns
    -------
    array, shape (T, m, m) or (T, m)
        To about 1e-11 of the largest.
    """
    K_star, S, S_star, S_star_star = kernels
    xp, n = arrays.namespace(weights), weights.shape[1]
    turned = S @ eigenvectors
    weights, modes = _balanced(weights, K_star @ eigenvectors, xp.sum(eigenvectors * turned, axis=0))
    components = _Components(weights, modes, S_star @ eigenvectors, eigenvectors, turned, _blocks(weights, modes))
    cuts = sorted({0, min(_BLOCK, n), n})  # the largest eigenvalues need more nodes than the others, but are few
    halves = [_half(components, *cut, pairs=S_star_star.ndim == 2) for cut in itertools.pairwise(cuts)]
    coefficients = xp.concat([*(half[0] for half in halves), xp.ones_like(weights[:, :1])], axis=1)
    values = xp.concat([*(half[1] for half in halves), 0.5 * S_star_star[None, ...]], axis=0)
    values = values + (xp.matrix_transpose(values) if S_star_star.ndim == 2 else values)
    result = coefficients @ xp.reshape(values, (values.shape[0], -1))
    return xp.reshape(result, (weights.shape[0], *S_star_star.shape))


class _Block(NamedTuple):
    """Neighbouring components, whose weights are a matrix (T, r) times one (r, size)."""

    place: slice
    #: Weights of r of the components, (T, r), on the host.
    mix: _Floats
    #: Modes times each row of the second matrix, (r * m, size).
    products: Any


class _Components(NamedTuple):
    """The problem in the principal components."""

    #: At most one, (T, n), and so scaled that they tell how much a component matters.
    weights: Any
    #: A, scaled against the weights, and B; (m, n).
    modes: Any
    prior: Any
    #: U and SU, (n, n).
    eigenvectors: Any
    turned: Any
    blocks: list[_Block]


def _balanced(weights: Any, modes: Any, spread: Any) -> tuple[Any, Any]:
    """Weights and modes, scaled; by Cauchy and Schwarz an entry of M is at most the root of its two in `spread`."""
    xp = arrays.namespace(weights)
    spread = xp.sqrt(xp.maximum(spread, 1e-16 * xp.max(xp.abs(spread))))  # what is less is rounding
    size = xp.max(xp.abs(modes), axis=0) * spread
    largest = float(xp.max(weights * size)) or 1.0
    return weights * (size / largest), modes * (largest / xp.where(size > 0.0, size, xp.ones_like(size)))


def _blocks(weights: Any, modes: Any) -> list[_Block]:
    xp, n, blocks = arrays.namespace(weights), weights.shape[1], []
    for start in range(0, n, _BLOCK):
        place = slice(start, min(start + _BLOCK, n))
        host = arrays.to_numpy(weights[:, place])
        index, shapes = _interpolation(host)
        products = arrays.promote(shapes, like=modes)[1][0][:, None, :] * modes[None, :, place]
        blocks.append(_Block(place, host[:, index], xp.reshape(products, (-1, products.shape[2]))))
    return blocks


def _half(components: _Components, start: int, stop: int, *, pairs: bool) -> tuple[Any, Any]:
    """Part of Z_t of the columns from `start` to `stop` of N - B: coefficients (T, r), values (r, m, m) or (r, m)."""
    xp, m = arrays.namespace(components.modes), components.modes.shape[0]
    host = arrays.to_numpy(components.weights)
    nodes, coefficients = _time_nodes(host[:, start:])
    _, (chosen, coefficients) = arrays.promote(host[nodes, :], coefficients, like=components.modes)
    total = 0.0
    for block in components.blocks:
        place = block.place
        if start <= place.start < stop:
            left = chosen[:, None, place] * _lower(components, place, nodes)
            if pairs:
                flat = xp.reshape(left, (-1, left.shape[2])) @ components.modes[:, place].T
                total = total + xp.reshape(flat, (-1, m, m))
            else:
                total = total + xp.sum(left * components.modes[None, :, place], axis=2)
    return coefficients, total


def _lower(components: _Components, place: slice, nodes: NDArray[np.intp]) -> Any:
    """A_t N - B at the nodes, in the columns of one block: (r, m, size)."""
    xp, (m, _) = arrays.namespace(components.modes), components.modes.shape
    columns = components.eigenvectors[:, place.start :].T @ components.turned[:, place]
    parts, mixes = [components.prior[None, :, place]], [np.full((len(nodes), 1), -1.0)]
    for block in components.blocks:
        if block.place.start >= place.start:
            rows = columns[block.place.start - place.start : block.place.stop - place.start, :]
            product = block.products @ (0.5 * rows if block.place == place else rows)
            parts.append(xp.reshape(product, (-1, m, product.shape[1])))
            mixes.append(block.mix[nodes, :])
    stacked, mix = xp.concat(parts, axis=0), arrays.promote(np.concatenate(mixes, axis=1), like=components.modes)[1][0]
    return xp.reshape(mix @ xp.reshape(stacked, (stacked.shape[0], -1)), (-1, *stacked.shape[1:]))


def _time_nodes(weights: _Floats) -> tuple[NDArray[np.intp], _Floats]:
    """A few of the times, and matrix (T, r) that makes of the values there those at all times."""
    index, _ = _interpolation(weights)
    few = weights[:, index]
    first, second = np.triu_indices(few.shape[1])
    functions = np.concatenate([few, few[:, first] * few[:, second]], axis=1)
    nodes, coefficients = _interpolation(functions.T)
    return nodes, coefficients.T


def _interpolation(matrix: _Floats) -> tuple[NDArray[np.intp], _Floats]:
    """Columns r of a matrix (p, q), and matrix (r, q) that makes of them all columns, by pivoted QR."""
    import scipy.linalg

    triangle, order = scipy.linalg.qr(matrix, mode="r", pivoting=True, check_finite=False)
    rank = int(np.sum(np.abs(np.diagonal(triangle)) > _TOLERANCE))
    coefficients = np.zeros((max(rank, 1), matrix.shape[1]))
    if rank:
        coefficients[:, order[:rank]] = np.eye(rank)
        coefficients[:, order[rank:]] = scipy.linalg.solve_triangular(triangle[:rank, :rank], triangle[:rank, rank:])
    return order[: max(rank, 1)], coefficients
