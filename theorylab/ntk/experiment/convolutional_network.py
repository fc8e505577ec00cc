r"""Finite convolutional networks, and the derivatives of their output by every parameter, written out by hand.

Filters are 3 x 3, strides one, and zeros surround the image.  With :math:`x^0` the image and :math:`x^l_{p,c}` the
channel c at the pixel p,

.. math::
    z^{l+1}_{p,c} = \frac{\sigma_w}{\sqrt{9 n_l}}\sum_{o,c'} W^l_{c,(o,c')}\,x^l_{p+o,c'} + \sigma_b b^l_c, \qquad
    x^{l+1} = \phi(z^{l+1}),

and the output is one affine map of all pixels ("flatten"), or of the average over pixels in each channel ("gap"), again
in the NTK parameterisation.  Weights may carry leading axes, which count the networks of an ensemble; every result
keeps them.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from theorylab import arrays, validation
from theorylab.ntk.experiment.network import NetworkParameters
from theorylab.ntk.problem import Activation

__all__ = ["CNN", "ConvolutionalKernels", "convolutional_kernels"]

#: Rows and columns of a filter.
_REACH = 3


class ConvolutionalKernels(NamedTuple):
    """Kernels of finite convolutional networks.

    Parameters
    ----------
    nngp : array, shape (..., n, n)
        Covariance that the read-out makes of its random weights, the other layers being as they are.
    ntk : array, shape (..., n, n)
        Sum over all parameters of the products of the outputs' derivatives.
    """

    nngp: Any
    ntk: Any


@dataclasses.dataclass(frozen=True)
class CNN:
    r"""A convolutional network with one output, in the NTK parameterisation.

    Parameters
    ----------
    image_shape : tuple of int
        Rows, columns and channels of an image.
    channels : int
        Channels behind every convolution.
    depth : int
        Number of convolutions, >= 1; the read-out follows.
    activation : Activation
        Behind every convolution.
    W_std, b_std : float
        Multipliers of weights, > 0, and biases, >= 0.
    readout : {"flatten", "gap"}
        From all pixels, or from their average in each channel.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> from theorylab.ntk.problem import relu
    >>> network = CNN((4, 4, 1), channels=8, depth=2, activation=relu(), readout="gap")
    >>> parameters = network.initial(np.random.default_rng(0))
    >>> network.outputs(parameters, np.ones((5, 4, 4, 1))).shape
    (5,)
    """

    image_shape: tuple[int, int, int]
    channels: int
    depth: int
    activation: Activation
    W_std: float = math.sqrt(2.0)
    b_std: float = 0.1
    readout: str = "flatten"

    def __post_init__(self) -> None:
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape must be rows, columns and channels; got {self.image_shape!r}.")
        for size in self.image_shape:
            validation.check_count("image_shape", size)
        validation.check_count("channels", self.channels)
        validation.check_count("depth", self.depth)
        validation.check_number("W_std", self.W_std, exclusive_minimum=0.0)
        validation.check_number("b_std", self.b_std, minimum=0.0)
        validation.check_choice("readout", self.readout, ("flatten", "gap"))

    @property
    def fan_in(self) -> tuple[int, ...]:
        """Numbers that enter each affine map: filters of the convolutions, then the read-out."""
        rows, columns, channels = self.image_shape
        convolutions = [_REACH**2 * c for c in (channels, *[self.channels] * (self.depth - 1))]
        return (*convolutions, self.channels * (rows * columns if self.readout == "flatten" else 1))

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
            float64: weights (..., channels, fan_in) of each convolution, a filter's entries ordered by row, column and
            channel; (..., 1, fan_in) of the read-out, ordered by pixel and channel.
        """
        shapes = zip((*[self.channels] * self.depth, 1), self.fan_in, strict=True)
        return NetworkParameters.draw(rng, shapes, ensemble=ensemble, backend=backend)

    def outputs(self, parameters: NetworkParameters, X: Any) -> Any:
        """Outputs of the network.

        Parameters
        ----------
        parameters : NetworkParameters
            Of one network or of an ensemble.
        X : array, shape (n, rows, columns, channels)
            Images.

        Returns
        -------
        array, shape (..., n)
            One for each image.
        """
        received, _ = self._forward(parameters, X)
        return self._affine(parameters, self.depth, received[-1])[..., 0]

    def gradients(self, parameters: NetworkParameters, X: Any) -> NetworkParameters:
        """Derivative of the output of every image by every parameter.

        Parameters
        ----------
        parameters : NetworkParameters
            Of one network or of an ensemble.
        X : array, shape (n, rows, columns, channels)
            Images.

        Returns
        -------
        NetworkParameters
            In the shapes of the parameters, with an axis of length n behind those of the ensemble.
        """
        xp = arrays.namespace(X)
        received, preactivations = self._forward(parameters, X)
        features = received[-1]
        one = xp.ones_like(features[..., :1])
        weights = [self._gain(self.depth) * features[..., None, :]]
        biases = [self.b_std * one]
        back = self._behind_readout(parameters, one)
        for layer in reversed(range(self.depth)):
            delta = back * self.activation.derivative(preactivations[layer])
            by_image = (*delta.shape[:-2], X.shape[0], -1, delta.shape[-1])
            delta_by_image = xp.reshape(delta, by_image)
            patches = xp.reshape(received[layer], (*received[layer].shape[:-2], *by_image[-3:-1], self.fan_in[layer]))
            weights.append(self._gain(layer) * (xp.matrix_transpose(delta_by_image) @ patches))
            biases.append(self.b_std * xp.sum(delta_by_image, axis=-2))
            if layer:
                back = self._folded(xp, self._gain(layer) * (delta @ parameters.weights[layer]))
        return NetworkParameters(tuple(weights[::-1]), tuple(biases[::-1]))

    def _forward(self, parameters: NetworkParameters, X: Any) -> tuple[list[Any], list[Any]]:
        """What each affine map receives, (..., n pixels, fan_in), read-out (..., n, fan_in), and what it makes."""
        xp = arrays.namespace(X)
        pixels = xp.reshape(X, (-1, X.shape[-1]))
        received, preactivations = [], []
        for layer in range(self.depth):
            received.append(self._patches(xp, pixels))
            preactivations.append(self._affine(parameters, layer, received[-1]))
            pixels = self.activation.function(preactivations[-1])
        by_image = xp.reshape(pixels, (*pixels.shape[:-2], X.shape[0], -1, self.channels))
        if self.readout == "gap":
            received.append(xp.mean(by_image, axis=-2))
        else:
            received.append(xp.reshape(by_image, (*by_image.shape[:-2], -1)))
        return received, preactivations

    def _affine(self, parameters: NetworkParameters, layer: int, received: Any) -> Any:
        W, b = parameters.weights[layer], parameters.biases[layer]
        transposed = arrays.namespace(W).matrix_transpose(W)
        return self._gain(layer) * (received @ transposed) + self.b_std * b[..., None, :]

    def _behind_readout(self, parameters: NetworkParameters, error: Any) -> Any:
        """Derivative of the outputs by the last activations, (..., n pixels, channels), times errors (..., n, 1)."""
        xp = arrays.namespace(error)
        W, n_pixels = parameters.weights[-1], self.image_shape[0] * self.image_shape[1]
        if self.readout == "gap":  # each pixel enters the average with the same weight
            W = xp.concat([W / n_pixels] * n_pixels, axis=-1)
        spread = self._gain(self.depth) * (error @ W)
        return xp.reshape(spread, (*spread.shape[:-2], -1, self.channels))

    def _patches(self, xp: Any, pixels: Any) -> Any:
        """Neighbourhood of every pixel, (..., n pixels, c) -> (..., n pixels, 9 c), with zeros around the image."""
        rows, columns, _ = self.image_shape
        images = xp.reshape(pixels, (*pixels.shape[:-2], -1, rows, columns, pixels.shape[-1]))
        for axis in (-3, -2):
            edge = xp.zeros_like(xp.take(images, xp.asarray([0], device=arrays.device(images)), axis=axis))
            images = xp.concat([edge, images, edge], axis=axis)
        shifts = [images[..., a : a + rows, b : b + columns, :] for a in range(_REACH) for b in range(_REACH)]
        patches = xp.concat(shifts, axis=-1)
        return xp.reshape(patches, (*pixels.shape[:-1], patches.shape[-1]))

    def _folded(self, xp: Any, patches: Any) -> Any:
        """Adjoint of the neighbourhoods: every entry of a patch goes back to the pixel it came from, and they add."""
        rows, columns, _ = self.image_shape
        lead, c = patches.shape[:-2], patches.shape[-1] // _REACH**2
        parts = xp.reshape(patches, (*lead, -1, rows, columns, _REACH**2, c))
        total: Any = 0.0
        for index in range(_REACH**2):
            down, right = index // _REACH - 1, index % _REACH - 1
            total = total + _moved(xp, _moved(xp, parts[..., index, :], down, -3), right, -2)
        return xp.reshape(total, (*lead, patches.shape[-2], c))

    def _gain(self, layer: int) -> float:
        return self.W_std / math.sqrt(self.fan_in[layer])


def convolutional_kernels(network: CNN, parameters: NetworkParameters, X: Any) -> ConvolutionalKernels:
    """Covariance and tangent kernel of finite convolutional networks.

    Parameters
    ----------
    network : CNN
        The network.
    parameters : NetworkParameters
        Of one network or of an ensemble.
    X : array, shape (n, rows, columns, channels)
        Images.

    Returns
    -------
    ConvolutionalKernels
        From the derivatives by every parameter, written out: memory n times that of the parameters.

    Examples
    --------
    >>> from theorylab.ntk.problem import relu
    >>> network = CNN((2, 2, 1), channels=4, depth=1, activation=relu())
    >>> kernels = convolutional_kernels(network, network.initial(np.random.default_rng(0)), np.ones((3, 2, 2, 1)))
    >>> kernels.ntk.shape
    (3, 3)
    """
    X = validation.check_array("X", X, shape=(None, *network.image_shape))
    xp, (X,) = arrays.promote(X, like=parameters.weights[0])
    by_layer = [
        _gram(xp, *pair, parameters.biases[0].ndim) for pair in zip(*network.gradients(parameters, X), strict=True)
    ]
    return ConvolutionalKernels(by_layer[-1], sum(by_layer[1:], by_layer[0]))


def _gram(xp: Any, weights: Any, biases: Any, n_axes: int) -> Any:
    """Products of the derivatives by the parameters of a layer, summed over them: (..., n, n)."""
    flat = xp.reshape(weights, (*weights.shape[:n_axes], -1))
    return flat @ xp.matrix_transpose(flat) + biases @ xp.matrix_transpose(biases)


def _moved(xp: Any, images: Any, step: int, axis: int) -> Any:
    """Images moved by -1, 0 or 1 along an axis, with zeros coming in and what leaves lost."""
    if step == 0:
        return images
    index: list[Any] = [slice(None)] * images.ndim
    size = images.shape[axis]
    index[axis] = slice(0, size - 1) if step > 0 else slice(1, size)
    kept = images[tuple(index)]
    index[axis] = slice(0, 1)
    edge = xp.zeros_like(images[tuple(index)])
    return xp.concat([edge, kept] if step > 0 else [kept, edge], axis=axis)
