r"""Kernels of infinitely wide fully connected networks: the NNGP kernel and the neural tangent kernel.

With :math:`q_i = \Sigma(x_i, x_i)` and the dual :math:`T, \dot T` of the activation, the recursion over layers is
[jacot2018]_, [lee2018]_

.. math::
    \Sigma^1 = \tfrac{\sigma_w^2}{d} x\cdot x' + \sigma_b^2, \quad \Theta^1 = \Sigma^1, \qquad
    \Sigma^{l+1} = \sigma_w^2\, T(q^l, q'^l, \Sigma^l) + \sigma_b^2, \quad
    \Theta^{l+1} = \Sigma^{l+1} + \sigma_w^2\, \dot T(q^l, q'^l, \Sigma^l)\, \Theta^l,

where :math:`\dot T` is taken at the covariance that enters the layer.  [jacot2018]_ writes :math:`\sigma_w = 1` and
:math:`\sigma_b = \beta`, and counts affine maps, one more than hidden layers.

.. [jacot2018] A. Jacot, F. Gabriel, C. Hongler, "Neural tangent kernel: convergence and generalization in neural
   networks", NeurIPS 2018, arXiv:1806.07572, Theorem 1 and Proposition 1.
.. [lee2018] J. Lee, Y. Bahri, R. Novak, S. Schoenholz, J. Pennington, J. Sohl-Dickstein, "Deep neural networks as
   Gaussian processes", ICLR 2018, arXiv:1711.00165, eqs. (4)-(5).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from theorylab import arrays, validation
from theorylab.ntk.problem import Activation
from theorylab.ntk.problem import activation as named_activation
from theorylab.ntk.theory._network import Network, diagonal
from theorylab.ntk.theory._recursion import kernels

__all__ = ["NTK", "Kernels"]

#: What a kernel can be asked for.
KINDS = ("ntk", "nngp")


class Kernels(NamedTuple):
    """The two kernels of one network.

    Parameters
    ----------
    nngp, ntk : array, shape (n, m)
        Covariance of the outputs at initialisation, and the neural tangent kernel.
    """

    nngp: Any
    ntk: Any


class NTK:
    r"""Kernel of an infinitely wide fully connected network, as a function of two sets of inputs.

    Parameters
    ----------
    activation : str or Activation
        The activation of every hidden layer.
    depth : int
        Number of hidden layers, >= 0; there is one affine map more.
    W_std, b_std : float
        Multipliers :math:`\sigma_w > 0` of the weights and :math:`\sigma_b \ge 0` of the biases.
    kind : {"ntk", "nngp"}
        What a call returns unless it is told otherwise.
    parameterization : {"ntk", "standard"}
        Where the scale of the weights stands.  In the standard parameterisation weights are drawn with variance
        :math:`\sigma_w^2/n_l` and carry no multiplier; the NNGP kernel is the same, but each layer's part of the
        tangent kernel is weighted by its fan-in, and the bias's by one.
    width : int, optional
        Width of the hidden layers; needed in the standard parameterisation and unused in the other.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the tangent kernel of an undifferentiable activation is asked for.

    Notes
    -----
    Source: [jacot2018]_, Theorem 1.  Outputs are independent: the kernel of k outputs is this one times the identity.
    Pairs of inputs that coincide or nearly coincide keep full relative accuracy (their angle is carried by itself,
    not taken from a cosine near one), and the diagonal is that of the exact one-dimensional recursion.

    The object can be passed to scikit-learn as ``kernel=``.  ``SVC`` calls it once with matrices, but ``KernelRidge``
    and ``KernelPCA`` call it for every pair of rows, which is slow: prefer ``kernel="precomputed"`` there.

    Examples
    --------
    >>> kernel = NTK("relu", depth=1, W_std=1.0, b_std=0.0)
    >>> kernel([[1.0, 0.0], [0.0, 1.0]]).round(6).tolist()
    [[0.5, 0.079577], [0.079577, 0.5]]
    """

    activation: Activation
    depth: int
    W_std: float
    b_std: float
    kind: str
    parameterization: str
    width: int | None

    def __init__(
        self,
        activation: str | Activation = "relu",
        depth: int = 3,
        W_std: float = math.sqrt(2.0),
        b_std: float = 0.1,
        *,
        kind: str = "ntk",
        parameterization: str = "ntk",
        width: int | None = None,
    ) -> None:
        self.activation = named_activation(activation)
        self.depth = int(validation.check_count("depth", depth, minimum=0))
        self.W_std = validation.check_number("W_std", W_std, exclusive_minimum=0.0)
        self.b_std = validation.check_number("b_std", b_std, minimum=0.0)
        self.kind = validation.check_choice("kind", kind, KINDS)
        self.parameterization = validation.check_choice("parameterization", parameterization, ("ntk", "standard"))
        self.width = None if width is None else int(validation.check_count("width", width))
        if self.parameterization == "standard" and self.width is None:
            raise ValueError("width must be given in the standard parameterization; got None. Pass the hidden width.")

    def __call__(self, X: Any, Y: Any = None, get: str | tuple[str, ...] | None = None) -> Any:
        r"""Evaluate the kernel.

        Parameters
        ----------
        X : array_like, shape (n, d) or (d,)
            Inputs.
        Y : array_like, shape (m, d) or (d,), optional
            Further inputs; `X` itself when left out, which takes half the time.
        get : {"ntk", "nngp"} or ("nngp", "ntk"), optional
            What to return; the object's `kind` when left out.

        Returns
        -------
        array, shape (n, m), or Kernels, or float
            In the library and on the device of the inputs, float32 for float32 inputs, float64 for others; a float for
            two single points.
        """
        wanted = self._wanted(get)
        X, single_x = _rows("X", X)
        Y, single_y = (None, single_x) if Y is None else _rows("Y", Y)
        if Y is not None and Y.shape[1] != X.shape[1]:
            raise ValueError(
                f"Y must have the {X.shape[1]} columns of X; got shape {tuple(Y.shape)}. Use the same inputs."
            )
        xp, (X, Y) = arrays.promote(X, Y, keep_float32=True)
        results = kernels(xp, self._network(X.shape[1]), X, Y, wanted)
        if single_x and single_y:
            results = tuple(float(matrix[0, 0]) for matrix in results)
        return Kernels(*results) if len(results) == 2 else results[0]

    def diag(self, X: Any, get: str | None = None) -> Any:
        """Kernel of every input with itself.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Inputs.
        get : {"ntk", "nngp"}, optional
            Which kernel; the object's `kind` when left out.

        Returns
        -------
        array, shape (n,)
            The diagonal of the matrix that a call returns.
        """
        (kind,) = self._wanted(get)
        X = validation.check_array("X", X, ndim=2)
        xp, (X,) = arrays.promote(X, keep_float32=True)
        nngp, ntk = diagonal(xp, self._network(X.shape[1]), X)
        return ntk if kind == "ntk" else nngp

    def __repr__(self) -> str:
        return (
            f"NTK({self.activation.name!r}, depth={self.depth}, W_std={self.W_std:.6g}, b_std={self.b_std:.6g}, "
            f"kind={self.kind!r}, parameterization={self.parameterization!r})"
        )

    def _wanted(self, get: str | tuple[str, ...] | None) -> tuple[str, ...]:
        if isinstance(get, (tuple, list)):
            if tuple(get) != ("nngp", "ntk"):
                raise ValueError(f'get must be "ntk", "nngp" or ("nngp", "ntk"); got {get!r}.')
            return ("nngp", "ntk")
        return (validation.check_choice("get", self.kind if get is None else get, KINDS),)

    def _network(self, n_inputs: int) -> Network:
        fan_in = None if self.parameterization == "ntk" else (n_inputs, *[self.width or 0] * self.depth)
        return Network(self.activation, self.depth, self.W_std**2, self.b_std**2, fan_in)


def _rows(name: str, values: Any) -> tuple[Any, bool]:
    """Inputs as a matrix, and whether there was a single one."""
    values = validation.check_array(name, values, ndim=(1, 2))
    return (values[None, :], True) if values.ndim == 1 else (values, False)
