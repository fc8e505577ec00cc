r"""Kernels of convolutional networks with infinitely many channels, for small images.

Each convolution has 3 x 3 filters, stride one and zero padding.  With pixels p, p' of the two images, the covariance
between them moves both pixels together [arora2019]_, [novak2019]_:

.. math::
    \Sigma^{l+1}_{pp'} = \frac{\sigma_w^2}{9}\sum_{o} T(\Sigma^l)_{p+o,\,p'+o} + \sigma_b^2, \qquad
    \Theta^{l+1}_{pp'} = \Sigma^{l+1}_{pp'} + \frac{\sigma_w^2}{9}\sum_o (\dot T(\Sigma^l)\,\Theta^l)_{p+o,\,p'+o},

so that a read-out from the flattened image needs the pixels p = p' alone, while one from the average over pixels
(global average pooling) needs all pairs.

.. [arora2019] S. Arora, S. Du, W. Hu, Z. Li, R. Salakhutdinov, R. Wang, "On exact computation with an infinitely wide
   neural net", NeurIPS 2019, arXiv:1904.11955, section 4.
.. [novak2019] R. Novak et al., "Bayesian deep convolutional networks with many channels are Gaussian processes", ICLR
   2019, arXiv:1810.05148.
"""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays, validation
from theorylab.ntk.problem import Activation
from theorylab.ntk.problem import activation as named_activation
from theorylab.ntk.theory.dual import UNDIFFERENTIABLE, evaluate

__all__ = ["ConvNTK"]

#: Pairs of pixels, over all pairs of images of a block, that are held at once: the temporaries, half a megabyte each,
#: stay in the cache, which takes half the time of blocks of four times the size.
_BLOCK = 2**16


class ConvNTK:
    r"""Kernel of a convolutional network with infinitely many channels, as a function of two sets of images.

    Parameters
    ----------
    activation : str or Activation
        Behind every convolution.
    depth : int
        Number of convolutions, >= 1; a dense read-out follows.
    W_std, b_std : float
        Multipliers of weights, > 0, and biases, >= 0, of convolutions and read-out.
    readout : {"flatten", "gap"}
        From all pixels, or from their average in each channel.
    kind : {"ntk", "nngp"}
        What a call returns.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the tangent kernel of an undifferentiable activation is asked for.

    Notes
    -----
    Sources: [arora2019]_, [novak2019]_.  Time for a pair of images of P pixels grows as P for "flatten" and as its
    square for "gap": about 10 and 300 microseconds for 8 x 8 pixels and three layers.

    Examples
    --------
    >>> from theorylab import arrays
    >>> images = arrays.backend().asarray([[[[1.0], [0.0]], [[0.0], [2.0]]]])
    >>> ConvNTK("relu", depth=1, W_std=1.0, b_std=0.0)(images).shape
    (1, 1)
    """

    activation: Activation
    depth: int
    W_std: float
    b_std: float
    readout: str
    kind: str

    def __init__(
        self,
        activation: str | Activation = "relu",
        depth: int = 3,
        W_std: float = math.sqrt(2.0),
        b_std: float = 0.1,
        *,
        readout: str = "flatten",
        kind: str = "ntk",
    ) -> None:
        self.activation = named_activation(activation)
        self.depth = int(validation.check_count("depth", depth))
        self.W_std = validation.check_number("W_std", W_std, exclusive_minimum=0.0)
        self.b_std = validation.check_number("b_std", b_std, minimum=0.0)
        self.readout = validation.check_choice("readout", readout, ("flatten", "gap"))
        self.kind = validation.check_choice("kind", kind, ("ntk", "nngp"))
        if self.kind == "ntk" and self.activation.name in UNDIFFERENTIABLE:
            raise ValueError(f"kind must be 'nngp' for the activation {self.activation.name!r}; got 'ntk'.")

    def __call__(self, X: Any, Y: Any = None) -> Any:
        """Evaluate the kernel.

        Parameters
        ----------
        X : array_like, shape (n, H, W, C)
            Images with C channels.
        Y : array_like, shape (m, H, W, C), optional
            Further images; `X` itself when left out, which takes half the time.

        Returns
        -------
        array, shape (n, m)
            float64, in the library and on the device of `X`.
        """
        X = validation.check_array("X", X, ndim=4)
        symmetric = Y is None
        Y = X if Y is None else validation.check_array("Y", Y, shape=(None, *X.shape[1:]))
        xp, (X, Y) = arrays.promote(X, Y)
        pairs = (X.shape[1] * X.shape[2]) ** (1 if self.readout == "flatten" else 2)
        side = max(1, math.isqrt(_BLOCK // pairs))
        left = self._variances(xp, X)
        right = left if symmetric else self._variances(xp, Y)
        grid: list[list[Any]] = []
        for i, a in enumerate(_chunks(X.shape[0], side)):
            grid.append([xp.matrix_transpose(grid[j][i]) for j in range(i if symmetric else 0)])
            for b in _chunks(Y.shape[0], side)[len(grid[-1]) :]:
                grid[-1].append(self._block(xp, X[a, ...], Y[b, ...], left, right, a, b))
        return xp.concat([xp.concat(row, axis=1) for row in grid], axis=0)

    def _variances(self, xp: Any, X: Any) -> list[Any]:
        """Variance of every pixel in front of every activation, each of shape (n, H, W)."""
        q, layers = xp.mean(X**2, axis=-1), []
        for _ in range(self.depth):
            layers.append(self._convolved(xp, q) + self.b_std**2)
            q = evaluate(xp, self.activation, layers[-1], layers[-1], layers[-1]).value
        return layers

    def _block(self, xp: Any, X: Any, Y: Any, left: list[Any], right: list[Any], a: slice, b: slice) -> Any:
        """Kernel of a few images with a few: covariances of pixels (n, m, H, W) or (n, m, H, H', W, W')."""
        if self.readout == "flatten":
            covariance = xp.mean(X[:, None, ...] * Y[None, ...], axis=-1)
        else:
            x, y = (xp.reshape(images, (images.shape[0], -1, images.shape[3])) for images in (X, Y))
            product = xp.matmul(x[:, None, :, :], xp.matrix_transpose(y)[None, :, :, :]) / X.shape[3]
            shape = (X.shape[0], Y.shape[0], *X.shape[1:3], *Y.shape[1:3])
            covariance = xp.permute_dims(xp.reshape(product, shape), (0, 1, 2, 4, 3, 5))
        tangent = xp.zeros_like(covariance)
        for q, r in zip(left, right, strict=True):
            covariance = self._convolved(xp, covariance) + self.b_std**2
            tangent = covariance + self._convolved(xp, tangent)
            q_here, r_here = self._aligned(q[a, ...], r[b, ...])
            limit = xp.sqrt(q_here * r_here)
            inside = xp.minimum(xp.maximum(covariance, -limit), limit)
            covariance, slope = evaluate(xp, self.activation, q_here, r_here, inside)
            tangent = tangent * slope
        axes = tuple(range(2, covariance.ndim))
        nngp = self.W_std**2 * xp.mean(covariance, axis=axes) + self.b_std**2
        return nngp if self.kind == "nngp" else nngp + self.W_std**2 * xp.mean(tangent, axis=axes)

    def _aligned(self, q: Any, r: Any) -> tuple[Any, Any]:
        if self.readout == "flatten":
            return q[:, None, ...], r[None, ...]
        return q[:, None, :, None, :, None], r[None, :, None, :, None, :]

    def _convolved(self, xp: Any, values: Any) -> Any:
        """Sum over the 3 x 3 shifts of both pixels together, times the weight of each."""
        single = values.ndim == 3 or self.readout == "flatten"
        first = values.ndim - (2 if single else 4)
        for axes in ((first,), (first + 1,)) if single else ((first, first + 1), (first + 2, first + 3)):
            values = _with_neighbours(xp, values, axes)
        return self.W_std**2 / 9.0 * values


def _with_neighbours(xp: Any, values: Any, axes: tuple[int, ...]) -> Any:
    """Values plus those one place before and one behind along all the axes at once, with zeros around them."""
    sizes = [values.shape[axis] for axis in axes]
    for axis in axes:
        index: list[Any] = [slice(None)] * values.ndim
        index[axis] = slice(0, 1)
        edge = xp.zeros_like(values[tuple(index)])
        values = xp.concat([edge, values, edge], axis=axis)

    def shifted(start: int) -> Any:
        index: list[Any] = [slice(None)] * values.ndim
        for axis, size in zip(axes, sizes, strict=True):
            index[axis] = slice(start, start + size)
        return values[tuple(index)]

    return shifted(0) + shifted(1) + shifted(2)


def _chunks(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
