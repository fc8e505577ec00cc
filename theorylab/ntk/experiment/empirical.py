r"""Tangent kernels of finite networks, exactly and without automatic differentiation.

The gradient of an output with respect to the weights of a layer is an outer product of what the layer receives and of
what comes back, so that the sum over parameters factorises layer by layer,

.. math::
    \hat\Theta(x, x') = \sum_l \Big[\frac{\sigma_w^2}{n_l}\,x^l\cdot x'^l + \sigma_b^2\Big]
    \,B^l(x)\,B^l(x')^T, \qquad B^l = \partial f/\partial z^{l+1}:

two products of matrices for each layer, in the place of a product over all parameters.
"""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation
from theorylab.ntk.experiment.network import MLP, NetworkParameters

__all__ = ["empirical_nngp", "empirical_ntk", "explicit_jacobian"]


def empirical_ntk(mlp: MLP, parameters: NetworkParameters, X: Any, Y: Any = None, *, trace: bool = True) -> Any:
    r"""Tangent kernel of a finite network, layer by layer.

    Parameters
    ----------
    mlp : MLP
        The network.
    parameters : NetworkParameters
        Of one network or of an ensemble.
    X : array, shape (n, d)
        Inputs.
    Y : array, shape (m, d), optional
        Further inputs; `X` itself when left out.
    trace : bool
        Whether the mean over outputs of the diagonal blocks is wanted, or all blocks.

    Returns
    -------
    array, shape (..., n, m) or (..., n, m, k, k)
        Sum over all parameters of the products of the outputs' derivatives.

    Notes
    -----
    Derived here from the chain rule; time 4 n P + 4 n m (sum of widths) for P parameters, where the explicit
    derivatives take 2 n m P and memory n P.

    Examples
    --------
    >>> import numpy as np
    >>> from theorylab.ntk.problem import relu
    >>> mlp = MLP((2, 1), relu(), W_std=1.0, b_std=0.5)
    >>> empirical_ntk(mlp, mlp.initial(np.random.default_rng(0)), np.eye(2)).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """
    X, Y = _inputs(X, Y)
    xp, total, k = arrays.namespace(X), 0.0, mlp.sizes[-1]
    sides = [_gradient_factors(mlp, parameters, points) for points in ([X] if Y is None else [X, Y])]
    for layer, (left, right) in enumerate(zip(sides[0], sides[-1], strict=True)):
        (x, back_x), (z, back_z) = left, right
        received = mlp.W_std**2 / mlp.sizes[layer] * (x @ xp.matrix_transpose(z)) + mlp.b_std**2
        if trace:
            rows, columns = (xp.reshape(b, (*b.shape[:-2], -1)) for b in (back_x, back_z))  # (..., n, k * width)
            total = total + received * (rows @ xp.matrix_transpose(columns)) / k
        else:
            rows, columns = (xp.reshape(b, (*b.shape[:-3], -1, b.shape[-1])) for b in (back_x, back_z))
            product = rows @ xp.matrix_transpose(columns)
            shape = (*product.shape[:-2], back_x.shape[-3], k, back_z.shape[-3], k)
            blocks = xp.moveaxis(xp.reshape(product, shape), -3, -2)
            total = total + received[..., None, None] * blocks
    return total


def empirical_nngp(mlp: MLP, parameters: NetworkParameters, X: Any) -> Any:
    r"""Covariance that the last affine map of a finite network makes of its random weights.

    Parameters
    ----------
    mlp : MLP
        The network.
    parameters : NetworkParameters
        Of one network or of an ensemble; the last layer's are not used.
    X : array, shape (n, d)
        Inputs.

    Returns
    -------
    array, shape (..., n, n)
        :math:`\frac{\sigma_w^2}{n_D} x^D\cdot x'^D + \sigma_b^2`; its mean is the covariance of an output.
    """
    X, _ = _inputs(X, None)
    last = mlp.forward(parameters, X)[0][-1]
    return mlp.W_std**2 / mlp.sizes[-2] * (last @ arrays.namespace(X).matrix_transpose(last)) + mlp.b_std**2


def explicit_jacobian(mlp: MLP, parameters: NetworkParameters, X: Any) -> Any:
    r"""Derivative of every output with respect to every parameter, written out.

    Parameters
    ----------
    mlp : MLP
        The network.
    parameters : NetworkParameters
        Of one network.
    X : array, shape (n, d)
        Inputs.

    Returns
    -------
    array, shape (n, k, P)
        Weights and biases layer by layer; takes n k P numbers of memory.
    """
    X, _ = _inputs(X, None)
    xp, parts = arrays.namespace(X), []
    for layer, (x, back) in enumerate(_gradient_factors(mlp, parameters, X)):
        gain = mlp.W_std / mlp.sizes[layer] ** 0.5
        outer = gain * back[:, :, :, None] * x[:, None, None, :]
        parts += [xp.reshape(outer, (*outer.shape[:2], -1)), mlp.b_std * back]
    return xp.concat(parts, axis=-1)


def _inputs(X: Any, Y: Any) -> tuple[Any, Any]:
    X = validation.check_array("X", X, ndim=2)
    return X, None if Y is None else validation.check_array("Y", Y, shape=(None, X.shape[1]))


def _gradient_factors(mlp: MLP, parameters: NetworkParameters, X: Any) -> list[tuple[Any, Any]]:
    """Input of each affine map, (..., n, n_in), and the derivative of each output by its result, (..., n, k, n_out)."""
    xp, k = arrays.namespace(X), mlp.sizes[-1]
    inputs, preactivations = mlp.forward(parameters, X)
    columns = []
    for output in range(k):
        unit = xp.zeros_like(preactivations[-1][..., :1]) + xp.eye(k, dtype=X.dtype, device=arrays.device(X))[output, :]
        columns.append(mlp.backward(parameters, preactivations, unit))
    backs = [xp.stack(layer, axis=-2) for layer in zip(*columns, strict=True)]
    return list(zip(inputs, backs, strict=True))
