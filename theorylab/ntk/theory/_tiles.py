r"""The recursion on NumPy arrays, in square tiles that stay in the cache through all layers.

Only tiles on and above the diagonal are computed when the two sets of inputs are one.  Leaky ReLUs, which are
homogeneous, have a form of their own: with correlations :math:`\rho = \Sigma/s` in the place of covariances and the
abbreviations :math:`\alpha = (1-a)^2/2\pi`, :math:`h = (1+a^2)/2`, :math:`\beta = \alpha/h`, a layer is

.. math::
    \rho' = A A'\,[\sin\theta + (\beta^{-1} - \theta)\rho] + B B', \qquad
    k' = \rho' + A A'\,(\beta^{-1} - \theta)\,k,

with :math:`\theta = \arccos\rho`, one A and one B for each row, :math:`A^2 = \sigma_w^2 h \beta q/q'` and
:math:`B^2 = \sigma_b^2/q'`: one arccos, one square root and a dozen multiplications and additions, all in place.
"""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import math
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays
from theorylab.ntk.theory import _nearby
from theorylab.ntk.theory._network import Network, advance, correlation, diagonal, variances
from theorylab.ntk.theory.dual import evaluate

__all__ = ["kernels"]

#: Side of a tile, and from which number of points on the larger one: small tiles stay in the cache and waste little
#: below the diagonal, large ones keep threads from waiting for the interpreter between two calls.
_SIDE, _LARGE_SIDE, _MANY = 240, 400, 3000

_Tile = Callable[[slice, slice], tuple[Any, ...]]


def kernels(network: Network, X: Any, Y: Any, wanted: tuple[str, ...]) -> tuple[Any, ...]:
    """The wanted kernels, each of shape (n, m); exact on the diagonal where Y is None."""
    tile = _homogeneous(network, X, Y, wanted) if _is_homogeneous(network) else _general(network, X, Y, wanted)
    n, m = X.shape[0], (X if Y is None else Y).shape[0]
    results = tuple(np.empty((n, m), dtype=X.dtype) for _ in wanted)
    side = _side(X, Y)

    def fill(corner: tuple[int, int]) -> None:
        rows, columns = (slice(start, min(start + side, end)) for start, end in zip(corner, (n, m), strict=True))
        for result, values in zip(results, tile(rows, columns), strict=True):
            if Y is None and rows == columns:
                # A product of matrices need not be symmetric to the bit.
                values = np.triu(values) + np.triu(values, 1).T
            elif Y is None:
                result[columns, rows] = values.T
            result[rows, columns] = values

    corners = [(i, j) for i in range(0, n, side) for j in range(i if Y is None else 0, m, side)]
    _each(fill, corners)
    if Y is None:
        exact = dict(zip(("nngp", "ntk"), diagonal(arrays.namespace(X), network, X), strict=True))
        for name, result in zip(wanted, results, strict=True):
            np.fill_diagonal(result, exact[name])
    return results


def _side(X: Any, Y: Any) -> int:
    return _LARGE_SIDE if max(X.shape[0], 0 if Y is None else Y.shape[0]) >= _MANY else _SIDE


def _each(function: Callable[[Any], None], items: list[Any]) -> None:
    """Call the function on every item; NumPy releases the interpreter's lock, so that threads share the tiles."""
    n_threads = min(_threads(), len(items))
    # BLAS would split the product of every tile among as many threads again, and let them wait busily for the next.
    with _thread_pools().limit(limits=1, user_api="blas"):
        if n_threads <= 1:
            for item in items:
                function(item)
            return
        with concurrent.futures.ThreadPoolExecutor(n_threads) as pool:
            for _ in pool.map(function, items):
                pass


def _threads() -> int:
    """As many threads as BLAS may use, and no more than there are cores for this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = [pool["num_threads"] for pool in _thread_pools().info() if pool["user_api"] == "blas"]
    return max(1, min([cores, *allowed]))


@functools.cache
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController  # looking for the libraries takes milliseconds

    return ThreadpoolController()


def _is_homogeneous(network: Network) -> bool:
    return network.activation.name == "leaky_relu" and network.activation.parameters != (1.0,) and not network.fan_in


def _general(network: Network, X: Any, Y: Any, wanted: tuple[str, ...]) -> _Tile:
    """A tile of any network, through the dual of its activation."""
    xp = arrays.namespace(X)
    other = X if Y is None else Y
    q1, q2 = variances(xp, network, X), variances(xp, network, other)

    def tile(rows: slice, columns: slice) -> tuple[Any, ...]:
        covariance = network.w2 / X.shape[1] * (X[rows] @ other[columns].T) + network.b2
        near = _nearby.find(xp, network, correlation(xp, covariance, q1[0][rows], q2[0][columns]))
        tangent = network.input_part(0, covariance)
        for layer in range(1, network.depth + 1):
            q, r = q1[layer - 1][rows, None], q2[layer - 1][None, columns]
            limit = np.sqrt(q * r)
            covariance = np.minimum(np.maximum(covariance, -limit), limit)
            covariance, tangent = advance(network, layer, evaluate(xp, network.activation, q, r, covariance), tangent)
        results = {name: {"nngp": covariance, "ntk": tangent}[name] for name in wanted}
        return tuple(_nearby.correct(xp, network, X[rows], other[columns], near, results).values())

    return tile


def _homogeneous(network: Network, X: Any, Y: Any, wanted: tuple[str, ...]) -> _Tile:
    """A tile of a leaky-ReLU network in the NTK parameterisation."""
    (slope,) = network.activation.parameters
    gain = 0.5 * (1.0 + slope**2)
    turn = 2.0 * math.pi * gain / (1.0 - slope) ** 2
    left = _Side(network, X, gain, turn)
    right = left if Y is None else _Side(network, Y, gain, turn)
    xp, other = arrays.namespace(X), X if Y is None else Y
    scratch = threading.local()
    side, one, turn = _side(X, Y), X.dtype.type(1.0), X.dtype.type(turn)

    def tile(rows: slice, columns: slice) -> tuple[Any, ...]:
        if not hasattr(scratch, "buffers"):
            scratch.buffers = [np.empty((side, side), dtype=X.dtype) for _ in range(4)]
        shape = rows.stop - rows.start, columns.stop - columns.start
        rho, theta, k, factor = (buffer[: shape[0], : shape[1]] for buffer in scratch.buffers)
        np.matmul(left.directions[rows], right.directions[columns].T, out=rho)
        near = _nearby.find(xp, network, rho)
        if near is not None:
            np.clip(rho, -one, one, out=rho)
        k[...] = rho
        for layer in range(network.depth):
            np.arccos(rho, out=theta)
            np.subtract(turn, theta, out=theta)
            np.multiply(rho, rho, out=factor)
            np.subtract(one, factor, out=factor)
            np.sqrt(factor, out=factor)
            rho *= theta
            rho += factor
            np.multiply(left.weight[layer][rows, None], right.weight[layer][None, columns], out=factor)
            rho *= factor
            k *= theta
            k *= factor
            if network.b2 > 0.0:
                np.multiply(left.bias[layer][rows, None], right.bias[layer][None, columns], out=factor)
                rho += factor
            if near is not None:
                np.minimum(rho, one, out=rho)
            k += rho
        results = {name: {"nngp": rho, "ntk": k}[name] for name in wanted}
        for result in results.values():
            result *= left.scale[rows, None]
            result *= right.scale[None, columns]
        return tuple(_nearby.correct(xp, network, X[rows], other[columns], near, results).values())

    return tile


class _Side:
    """What one set of inputs brings to a tile: unit vectors and, layer by layer, the factors A and B of each row.

    Row vectors of the inputs are lengthened by the bias, so that the products of unit vectors are correlations.  A
    point without variance, zero without bias, has correlation zero with everything, as it should.
    """

    def __init__(self, network: Network, X: Any, gain: float, turn: float) -> None:
        exact = np.asarray(X, dtype=np.float64)
        q = network.w2 / X.shape[1] * np.sum(exact**2, axis=1) + network.b2
        inverse = _inverse_root(q)
        lengthened = np.concatenate(
            [exact * (math.sqrt(network.w2 / X.shape[1]) * inverse[:, None]), math.sqrt(network.b2) * inverse[:, None]],
            axis=1,
        )
        self.directions = lengthened.astype(X.dtype)
        self.weight, self.bias = [], []
        levels = [q]
        for _ in range(network.depth):
            levels.append(network.w2 * gain * levels[-1] + network.b2)
        for before, after in itertools.pairwise(levels):
            root = _inverse_root(after)
            self.weight.append((np.sqrt(network.w2 * gain / turn * before) * root).astype(X.dtype))
            self.bias.append((math.sqrt(network.b2) * root).astype(X.dtype))
        self.scale = np.sqrt(levels[-1]).astype(X.dtype)


def _inverse_root(q: Any) -> Any:
    return np.where(q > 0.0, 1.0 / np.sqrt(np.where(q > 0.0, q, 1.0)), 0.0)
