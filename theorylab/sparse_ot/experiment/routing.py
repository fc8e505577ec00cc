r"""Measurements of token routing in a mixture of experts: routers as they are used, and what they do to a batch.

A router proposes a mass for every pair of a token and an expert, an array of shape (m, n) in units of one token.  The
balanced problem gives each token the mass 1 and each of the n experts the mass m/n; an expert holds at most `capacity`
tokens.

.. [liu2023] T. Liu, J. Puigcerver and M. Blondel, "Sparsity-constrained optimal transport", ICLR 2023.
.. [zhou2022] Y. Zhou et al., "Mixture-of-Experts with Expert Choice Routing", NeurIPS 2022.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from theorylab import datasets, validation

__all__ = [
    "DualAscent",
    "RoutingQuality",
    "assess_routing",
    "clustered_similarity",
    "digits_similarity",
    "route_by_dual_ascent",
    "route_by_expert_choice",
    "route_by_sinkhorn",
    "route_to_best",
]

Floats = NDArray[np.float64]

#: A pair that moves less than this share of a token is not dispatched.
_NOTHING = 1e-3
#: Decay rates of Adam's two averages, and what keeps its division finite.
_ADAM_FIRST, _ADAM_SECOND, _ADAM_FLOOR = 0.9, 0.999, 1e-8


@dataclasses.dataclass(frozen=True)
class RoutingQuality:
    """What a router does to one batch.

    Parameters
    ----------
    loads : numpy.ndarray of int, shape (n,)
        Tokens proposed to each expert.
    worst_load : float
        Largest load over the capacity: above 1 an expert has to turn tokens away.
    dropped : float
        Share of the tokens that no expert processes, after each has kept the `capacity` tokens proposed with most mass,
        the most similar among equals.
    similarity : float
        Mean over all tokens of the similarity to the best expert that processes them, 0 for a dropped one.
    row_error : float
        l1 distance of the proposed masses of the tokens from 1, over m.
    column_error : float
        l1 distance of the proposed masses of the experts from m/n, over m.
    """

    loads: NDArray[np.int64]
    worst_load: float
    dropped: float
    similarity: float
    row_error: float
    column_error: float


@dataclasses.dataclass(frozen=True)
class DualAscent:
    """Where dual ascent ended and what it went through.

    Parameters
    ----------
    plan : numpy.ndarray, shape (m, n)
        Plan after the last step, in units of one token; at most `capacity` entries in a column, exact column sums.
    values : numpy.ndarray, shape (n_steps + 1,)
        Semi-dual over m, before the first step and after each.
    row_errors : numpy.ndarray, shape (n_steps + 1,)
        l1 error of the token masses over m.
    """

    plan: Floats
    values: Floats
    row_errors: Floats


def clustered_similarity(rng: np.random.Generator, n_tokens: int, n_experts: int, n_features: int = 32) -> Floats:
    """Softmax similarity of tokens in clusters of unequal sizes to random experts.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of clusters, tokens and experts.
    n_tokens, n_experts : int
        Size of the batch, and number of experts, which is also that of the clusters.
    n_features : int
        Length of a token.

    Returns
    -------
    numpy.ndarray, shape (n_tokens, n_experts)
        Rows of sum 1.

    Examples
    --------
    >>> clustered_similarity(np.random.default_rng(0), 8, 4).sum(axis=1).round(12)
    array([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    m, n = int(validation.check_count("n_tokens", n_tokens)), int(validation.check_count("n_experts", n_experts))
    centres = rng.standard_normal((n, int(validation.check_count("n_features", n_features))))
    members = rng.choice(n, size=m, p=rng.dirichlet(np.full(n, 2.0)))
    tokens = centres[members] + rng.standard_normal((m, centres.shape[1]))
    gates = rng.standard_normal(centres.shape) / math.sqrt(centres.shape[1])
    return _softmax(tokens @ gates.T)


def digits_similarity(rng: np.random.Generator, n_tokens: int, n_experts: int, temperature: float = 20.0) -> Floats:
    """Softmax similarity of handwritten digits to centres that k-means found among other digits.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses the tokens, and starts k-means.
    n_tokens, n_experts : int
        Number of images to route, at most half of all 1797, and of centres.
    temperature : float
        Divides the squared distances of images, whose mean square is 64; > 0.

    Returns
    -------
    numpy.ndarray, shape (n_tokens, n_experts)
        Rows of sum 1.

    Examples
    --------
    >>> digits_similarity(np.random.default_rng(0), 8, 4).shape
    (8, 4)
    """
    from sklearn.cluster import KMeans

    X = datasets.load("digits").scaled_to_mean_square_norm().X
    m = int(validation.check_number("n_tokens", n_tokens, minimum=1, maximum=len(X) // 2))
    temperature = validation.check_number("temperature", temperature, exclusive_minimum=0.0)
    order = rng.permutation(len(X))
    means = KMeans(n_experts, n_init=1, random_state=int(rng.integers(2**31))).fit(X[order[m:]]).cluster_centers_
    distances = ((X[order[:m], None, :] - means[None]) ** 2).sum(axis=-1)
    return _softmax(-distances / temperature)


def route_to_best(similarity: Floats) -> Floats:
    """Every token to its most similar expert: the top-1 gate.

    Parameters
    ----------
    similarity : numpy.ndarray, shape (m, n)
        Of tokens to experts.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        1 at the pairs, else 0.

    Examples
    --------
    >>> route_to_best(np.array([[0.9, 0.1], [0.8, 0.2]]))
    array([[1., 0.],
           [1., 0.]])
    """
    return np.asarray(np.eye(similarity.shape[1])[np.argmax(similarity, axis=1)])


def route_by_expert_choice(similarity: Floats, capacity: int) -> Floats:
    """Every expert takes the `capacity` tokens that are most similar to it, as in [zhou2022]_.

    Parameters
    ----------
    similarity : numpy.ndarray, shape (m, n)
        Of tokens to experts.
    capacity : int
        Tokens that each expert takes, at most m.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        1 at the pairs, else 0: a token may be chosen more than once, or not at all.

    Examples
    --------
    >>> route_by_expert_choice(np.array([[0.9, 0.1], [0.8, 0.2]]), 1)
    array([[1., 0.],
           [0., 1.]])
    """
    capacity = int(validation.check_number("capacity", capacity, minimum=1, maximum=similarity.shape[0]))
    chosen = np.zeros_like(similarity)
    np.put_along_axis(chosen, np.argsort(-similarity, axis=0, kind="stable")[:capacity], 1.0, axis=0)
    return chosen


def route_by_sinkhorn(similarity: Floats, reg: float = 0.1, n_sweeps: int = 500) -> Floats:
    """Entropic plan with the masses of the balanced problem: balanced, and dense.

    Parameters
    ----------
    similarity : numpy.ndarray, shape (m, n)
        Of tokens to experts; the cost is its negative.
    reg : float
        Regularisation, in units of the similarity.
    n_sweeps : int
        Sweeps of Sinkhorn's iteration, experts last.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        The plan.

    Examples
    --------
    >>> route_by_sinkhorn(np.array([[0.9, 0.1], [0.8, 0.2]])).sum(axis=0)
    array([1., 1.])
    """
    m, n = similarity.shape
    kernel = np.exp((similarity - similarity.max()) / validation.check_number("reg", reg, exclusive_minimum=0.0))
    of_experts = np.ones(n)
    for _ in range(int(validation.check_count("n_sweeps", n_sweeps))):
        of_tokens = 1.0 / (kernel @ of_experts)
        of_experts = (m / n) / (of_tokens @ kernel)
    return np.asarray(of_tokens[:, None] * kernel * of_experts)


def route_by_dual_ascent(
    similarity: Floats, capacity: int, reg: float = 1.0, *, n_steps: int = 20, step: float = 1e-2, decay: bool = False
) -> DualAscent:
    r"""Router of [liu2023]_ as released: a fixed number of Adam steps on the semi-dual, then each expert's top tokens.

    An expert j with scores :math:`s_i = \alpha_i + S_{ij}` takes the `capacity` largest, projected onto
    :math:`\{t \ge 0, \sum t = m/n\}` after division by the regularisation.

    Parameters
    ----------
    similarity : numpy.ndarray, shape (m, n)
        Of tokens to experts, S.
    capacity : int
        Tokens at most for each expert.
    reg : float
        Regularisation for tokens of mass 1.
    n_steps : int
        Number of steps from :math:`\alpha = 0`.
    step : float
        Length of the first step of Adam.
    decay : bool
        Whether the length falls, along a quarter of a cosine, to zero at the last step, so that it converges.

    Returns
    -------
    DualAscent
        The last plan, and the values on the way.

    Examples
    --------
    >>> route_by_dual_ascent(np.array([[0.9, 0.1], [0.8, 0.2]]), 1).plan
    array([[1., 0.],
           [0., 1.]])
    """
    m = len(similarity)
    capacity = int(validation.check_number("capacity", capacity, minimum=1, maximum=m))
    reg = validation.check_number("reg", reg, exclusive_minimum=0.0)
    n_steps = int(validation.check_count("n_steps", n_steps))
    alpha, first, second = np.zeros(m), np.zeros(m), np.zeros(m)
    plan, value = _top_tokens(alpha[:, None] + similarity, capacity, reg)
    values, row_errors = [value / m], [np.abs(plan.sum(axis=1) - 1.0).mean()]
    for t in range(1, n_steps + 1):
        gradient = 1.0 - plan.sum(axis=1)
        first = _ADAM_FIRST * first + (1.0 - _ADAM_FIRST) * gradient
        second = _ADAM_SECOND * second + (1.0 - _ADAM_SECOND) * gradient**2
        length = step * (math.cos(0.5 * math.pi * t / n_steps) if decay else 1.0)
        unbiased = np.sqrt(second / (1.0 - _ADAM_SECOND**t)) + _ADAM_FLOOR
        alpha = alpha + length * first / (1.0 - _ADAM_FIRST**t) / unbiased
        plan, value = _top_tokens(alpha[:, None] + similarity, capacity, reg)
        values.append((value + alpha.sum()) / m)
        row_errors.append(np.abs(plan.sum(axis=1) - 1.0).mean())
    return DualAscent(plan, np.array(values), np.array(row_errors))


def assess_routing(plan: Floats, similarity: Floats, capacity: int) -> RoutingQuality:
    """Loads, dropped tokens, similarity and balance of what a router proposes.

    Parameters
    ----------
    plan : numpy.ndarray, shape (m, n)
        Proposed masses, in units of one token.
    similarity : numpy.ndarray, shape (m, n)
        Of tokens to experts, >= 0.
    capacity : int
        Tokens at most for each expert.

    Returns
    -------
    RoutingQuality
        Measures of one batch.

    Examples
    --------
    >>> quality = assess_routing(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.9, 0.1], [0.8, 0.2]]), 1)
    >>> quality.worst_load, quality.dropped, quality.similarity, quality.column_error
    (2.0, 0.5, 0.45, 1.0)
    """
    m, n = plan.shape
    capacity = int(validation.check_count("capacity", capacity))
    proposed = plan > _NOTHING
    loads = proposed.sum(axis=0)
    # most mass first, then most similar: the last key of lexsort counts first
    order = np.lexsort((-similarity, -plan), axis=0)
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(m)[:, None], axis=0)
    kept = proposed & (places < capacity)
    return RoutingQuality(
        loads=loads,
        worst_load=float(loads.max() / capacity),
        dropped=float(1.0 - kept.any(axis=1).mean()),
        similarity=float(np.where(kept, similarity, 0.0).max(axis=1).mean()),
        row_error=float(np.abs(plan.sum(axis=1) - 1.0).mean()),
        column_error=float(np.abs(plan.sum(axis=0) - m / n).sum() / m),
    )


def _top_tokens(scores: Floats, capacity: int, reg: float) -> tuple[Floats, float]:
    """Best plan of every expert for given scores, and what it subtracts from the semi-dual, negated."""
    m, n = scores.shape
    rows = np.argsort(-scores, axis=0, kind="stable")[:capacity]
    top = np.take_along_axis(scores, rows, axis=0)
    # by bisection: the threshold at which the positive parts sum to the mass of an expert
    low, high = top[-1] - reg * m / n, top[0].copy()
    for _ in range(60):
        middle = 0.5 * (low + high)
        enough = np.maximum(top - middle, 0.0).sum(axis=0) >= reg * m / n
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    masses = np.maximum(top - low, 0.0) / reg
    plan = np.zeros_like(scores)
    np.put_along_axis(plan, rows, masses, axis=0)
    return plan, float(0.5 * reg * (masses**2).sum() - (top * masses).sum())


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
