r"""A network in the infinite-width limit, and its kernels on the diagonal."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from theorylab.ntk.problem import Activation
from theorylab.ntk.theory.dual import UNDIFFERENTIABLE, Dual, evaluate

__all__ = ["Network", "advance", "correlation", "diagonal", "variances"]


@dataclasses.dataclass(frozen=True)
class Network:
    """A network in the infinite-width limit.

    Parameters
    ----------
    activation : Activation
        Of every hidden layer.
    depth : int
        Number of hidden layers.
    w2, b2 : float
        Squared multipliers of weights and biases.
    fan_in : tuple of int, optional
        Fan-in of each affine map in the standard parameterisation; None in the NTK parameterisation.
    """

    activation: Activation
    depth: int
    w2: float
    b2: float
    fan_in: tuple[int, ...] | None = None

    def input_part(self, layer: int, affine: Any) -> Any:
        """What the affine map itself, of covariance `affine`, adds to the tangent kernel."""
        if self.fan_in is None:
            return affine
        return self.fan_in[layer] * (affine - self.b2) / self.w2 + (1.0 if self.b2 > 0.0 else 0.0)


def diagonal(xp: Any, network: Network, X: Any) -> tuple[Any, Any]:
    """NNGP kernel and NTK of every row with itself, each of shape (n,)."""
    q = variances(xp, network, X)
    tangent = network.input_part(0, q[0])
    for layer, (before, after) in enumerate(itertools.pairwise(q), start=1):
        if network.activation.name in UNDIFFERENTIABLE:
            tangent = xp.full_like(after, float("inf"))
        else:
            slope = evaluate(xp, network.activation, before, before, before).derivative
            tangent = network.input_part(layer, after) + network.w2 * slope * tangent
    return q[-1], tangent


def variances(xp: Any, network: Network, X: Any) -> list[Any]:
    """Variance of the pre-activations of every row, layer by layer: depth + 1 arrays of shape (n,)."""
    q = [network.w2 / X.shape[1] * xp.sum(X**2, axis=1) + network.b2]
    for _ in range(network.depth):
        q.append(network.w2 * evaluate(xp, network.activation, q[-1], q[-1], q[-1]).value + network.b2)
    return q


def correlation(xp: Any, covariance: Any, q1: Any, q2: Any) -> Any:
    """Covariances (n, m) over the roots of the variances (n,) and (m,); zero where a variance is."""
    scale = xp.sqrt(q1)[:, None] * xp.sqrt(q2)[None, :]
    return xp.where(scale > 0.0, covariance / xp.where(scale > 0.0, scale, xp.ones_like(scale)), xp.zeros_like(scale))


def advance(network: Network, layer: int, dual: Dual, tangent: Any) -> tuple[Any, Any]:
    """Covariance and tangent kernel behind the affine map of a layer."""
    covariance = network.w2 * dual.value + network.b2
    return covariance, network.input_part(layer, covariance) + network.w2 * dual.derivative * tangent
