r"""Finite networks, trained for real: forward pass, gradients by hand, gradient descent.

Everything works on one network or on an ensemble at once: weights may carry leading axes, which every result keeps.
No automatic differentiation is involved, so that any array library will do.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from theorylab import arrays, validation
from theorylab.ntk.problem import Activation

__all__ = ["MLP", "NetworkParameters", "TrainingRun", "train"]


class NetworkParameters(NamedTuple):
    """Weights and biases of a network, layer by layer.

    Parameters
    ----------
    weights : tuple of array, each of shape (..., n_out, n_in)
        The leading axes, if there are any, count the networks of an ensemble.
    biases : tuple of array, each of shape (..., n_out)
        Likewise.
    """

    weights: tuple[Any, ...]
    biases: tuple[Any, ...]

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        shapes: Iterable[tuple[int, int]],
        *,
        ensemble: int | None = None,
        backend: arrays.Backend | None = None,
    ) -> Self:
        """Draw parameters from independent standard normals, on the host.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the draws.
        shapes : iterable of (n_out, n_in)
            Of the weights of each layer.
        ensemble : int, optional
            Number of networks; one without ensemble axis when left out.
        backend : theorylab.arrays.Backend, optional
            Where the parameters go; NumPy by default.

        Returns
        -------
        NetworkParameters
            float64.
        """
        backend = backend or arrays.backend()
        lead = () if ensemble is None else (int(validation.check_count("ensemble", ensemble)),)
        shapes = list(shapes)
        weights = tuple(backend.asarray(rng.standard_normal((*lead, *shape))) for shape in shapes)
        biases = tuple(backend.asarray(rng.standard_normal((*lead, n_out))) for n_out, _ in shapes)
        return cls(weights, biases)


class TrainingRun(NamedTuple):
    """What training leaves.

    Parameters
    ----------
    parameters : NetworkParameters
        At the end.
    outputs : array, shape (T, ..., n, k)
        Outputs on the recorded points after each of the recorded numbers of steps.
    """

    parameters: NetworkParameters
    outputs: Any


@dataclasses.dataclass(frozen=True)
class MLP:
    r"""A fully connected network in the NTK parameterisation; see ``theorylab.ntk.problem``.

    Parameters
    ----------
    sizes : tuple of int
        Numbers of inputs, of neurons of each hidden layer, and of outputs.
    activation : Activation
        Of every hidden layer.
    W_std, b_std : float
        Multipliers of weights, > 0, and biases, >= 0.
    output_scale : float
        Factor of the outputs, 1 in the NTK parameterisation; one over the root of the width makes the mean-field one.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or a number is out of range.

    Examples
    --------
    >>> from theorylab.ntk.problem import relu
    >>> mlp = MLP((2, 8, 1), relu(), W_std=1.0, b_std=0.0)
    >>> parameters = mlp.initial(np.random.default_rng(0))
    >>> mlp.outputs(parameters, np.eye(2)).shape
    (2, 1)
    """

    sizes: tuple[int, ...]
    activation: Activation
    W_std: float = math.sqrt(2.0)
    b_std: float = 0.1
    output_scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.sizes) < 2:
            raise ValueError(f"sizes must hold at least inputs and outputs; got {self.sizes!r}.")
        for size in self.sizes:
            validation.check_count("sizes", size)
        validation.check_number("W_std", self.W_std, exclusive_minimum=0.0)
        validation.check_number("b_std", self.b_std, minimum=0.0)
        validation.check_number("output_scale", self.output_scale, exclusive_minimum=0.0)

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.sizes) - 2

    def initial(
        self, rng: np.random.Generator, *, ensemble: int | None = None, backend: arrays.Backend | None = None
    ) -> NetworkParameters:
        """Draw parameters from independent standard normals, on the host.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of the draws.
        ensemble : int, optional
            Number of networks; one without ensemble axis when left out.
        backend : theorylab.arrays.Backend, optional
            Where the parameters go; NumPy by default.

        Returns
        -------
        NetworkParameters
            float64.
        """
        shapes = zip(self.sizes[1:], self.sizes[:-1], strict=True)
        return NetworkParameters.draw(rng, shapes, ensemble=ensemble, backend=backend)

    def forward(self, parameters: NetworkParameters, X: Any) -> tuple[list[Any], list[Any]]:
        """Run the network and keep what the backward pass needs.

        Parameters
        ----------
        parameters : NetworkParameters
            Of one network or of an ensemble.
        X : array, shape (n, d)
            Inputs.

        Returns
        -------
        inputs : list of array
            Input of each affine map, the first of shape (n, d), others (..., n, n_l).
        preactivations : list of array
            Output of each affine map, (..., n, n_l); the last is the output of the network, scaled.
        """
        xp = arrays.namespace(X)
        inputs, preactivations = [X], []
        for layer, (W, b) in enumerate(zip(*parameters, strict=True)):
            z = self._gain(layer) * (inputs[-1] @ xp.matrix_transpose(W)) + self.b_std * b[..., None, :]
            preactivations.append(z)
            if layer < self.depth:
                inputs.append(self.activation.function(z))
        preactivations[-1] = self.output_scale * preactivations[-1]
        return inputs, preactivations

    def outputs(self, parameters: NetworkParameters, X: Any) -> Any:
        """Outputs of the network.

        Parameters
        ----------
        parameters : NetworkParameters
            Of one network or of an ensemble.
        X : array, shape (n, d)
            Inputs.

        Returns
        -------
        array, shape (..., n, k)
            One row for each input.
        """
        return self.forward(parameters, X)[1][-1]

    def backward(self, parameters: NetworkParameters, preactivations: Sequence[Any], error: Any) -> list[Any]:
        """Derivatives with respect to every pre-activation.

        Parameters
        ----------
        parameters : NetworkParameters
            Of one network or of an ensemble.
        preactivations : sequence of array
            From the forward pass.
        error : array, shape (..., n, k)
            Derivatives with respect to the outputs of the network.

        Returns
        -------
        list of array
            One for each affine map, of the shapes of the pre-activations.
        """
        back = [self.output_scale * error]
        for layer in range(self.depth, 0, -1):
            slope = self.activation.derivative(preactivations[layer - 1])
            back.append(self._gain(layer) * (back[-1] @ parameters.weights[layer]) * slope)
        return back[::-1]

    def gradient(self, parameters: NetworkParameters, X: Any, error: Any) -> NetworkParameters:
        r"""Gradient of a function of the outputs.

        Parameters
        ----------
        parameters : NetworkParameters
            Of one network or of an ensemble.
        X : array, shape (n, d)
            Inputs.
        error : array, shape (..., n, k), or callable
            Derivative of the function with respect to the outputs; a callable is given the outputs.

        Returns
        -------
        NetworkParameters
            In the shapes of the parameters.
        """
        xp = arrays.namespace(X)
        inputs, preactivations = self.forward(parameters, X)
        error = error(preactivations[-1]) if callable(error) else error
        back = self.backward(parameters, preactivations, error)
        weights = tuple(
            xp.matrix_transpose(self._gain(layer) * delta) @ x
            for layer, (delta, x) in enumerate(zip(back, inputs, strict=True))
        )
        return NetworkParameters(weights, tuple(self.b_std * xp.sum(delta, axis=-2) for delta in back))

    def _gain(self, layer: int) -> float:
        return self.W_std / math.sqrt(self.sizes[layer])


def train(
    mlp: MLP,
    parameters: NetworkParameters,
    X: Any,
    y: Any,
    *,
    learning_rate: float,
    record: Sequence[int],
    at: Any = None,
) -> TrainingRun:
    r"""Full-batch gradient descent on :math:`\frac{1}{2n}\sum_i |f(x_i) - y_i|^2`.

    Parameters
    ----------
    mlp : MLP
        The network.
    parameters : NetworkParameters
        Where to start, of one network or of an ensemble; not written into.
    X, y : array, shapes (n, d) and (n, k)
        Training set.
    learning_rate : float
        Learning rate > 0.
    record : sequence of int
        Numbers of steps, increasing, after which the outputs are kept; the last one ends the training.
    at : array, shape (m, d), optional
        Points whose outputs are kept; the training points when left out.

    Returns
    -------
    TrainingRun
        NetworkParameters at the end, and the recorded outputs.

    Raises
    ------
    ValueError
        If the recorded numbers of steps do not increase, or sizes do not match.
    """
    rate = validation.check_number("learning_rate", learning_rate, exclusive_minimum=0.0)
    X, y = validation.check_array("X", X, ndim=2), validation.check_array("y", y, ndim=2)
    validation.check_same_length(X=X, y=y)
    steps = [int(validation.check_count("record", count, minimum=0)) for count in record]
    if not steps or steps != sorted(set(steps)):
        raise ValueError(f"record must hold increasing numbers of steps; got {list(record)!r}.")
    xp, (X, y, at) = arrays.promote(X, y, X if at is None else at, like=parameters.weights[0])
    parameters = NetworkParameters(*(tuple(xp.asarray(value, copy=True) for value in values) for values in parameters))
    kept, done = [], 0
    for count in steps:
        for _ in range(count - done):
            step = mlp.gradient(parameters, X, lambda outputs: rate / X.shape[0] * (outputs - y))
            # in place where the library allows it, since a wide layer fills hundreds of megabytes
            parameters = NetworkParameters(
                *(tuple(map(operator.isub, *both)) for both in zip(parameters, step, strict=True))
            )
        done = count
        kept.append(mlp.outputs(parameters, at))
    return TrainingRun(parameters, xp.stack(kept))
