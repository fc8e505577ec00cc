r"""Activations: a function, its derivative and its kinks, elementwise on arrays of any library.

An activation here is only the function that a network applies.  Its dual, the expectation over Gaussian pairs that
makes the kernels, is a prediction and lives in ``theory``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from theorylab import arrays, validation

__all__ = [
    "Activation",
    "abs_",
    "activation",
    "cos",
    "erf",
    "exp",
    "gaussian",
    "gelu",
    "leaky_relu",
    "numerical",
    "probit",
    "rbf",
    "rectified_quadratic",
    "relu",
    "sign",
    "sin",
    "step",
]

_Map = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Activation:
    r"""A function applied to every neuron.

    Parameters
    ----------
    name : str
        Family; families with a closed-form dual are known to ``theory.dual_activation`` by this name.
    function : callable
        :math:`\phi`, array to array of the same shape and library.
    derivative : callable
        :math:`\phi'`, likewise; at a kink any value between the one-sided derivatives.
    parameters : tuple of float
        Numbers that single out the member of the family.
    kinks : tuple of float
        Points where the function or its derivative jumps.

    Raises
    ------
    ValueError
        If a kink is not finite.

    Examples
    --------
    >>> relu()(arrays.backend().asarray([0.5, 2.0])).tolist()
    [0.5, 2.0]
    """

    name: str
    function: _Map = dataclasses.field(repr=False)
    derivative: _Map = dataclasses.field(repr=False)
    parameters: tuple[float, ...] = ()
    kinks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for kink in self.kinks:
            validation.check_number("kinks", kink)

    def __call__(self, x: Any) -> Any:
        """Apply the function."""
        return self.function(x)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by family and parameters, since the functions of a family are made where it is."""
        if self.name == "numerical":
            return numerical, (self.function, self.derivative, self.kinks)
        return _rebuilt, (self.name, self.parameters)


def leaky_relu(slope: float = 0.01) -> Activation:
    r"""Leaky ReLU, :math:`\max(x, 0) + a\min(x, 0)`.

    Parameters
    ----------
    slope : float
        Slope :math:`a` on the negative side; 0 is the ReLU, -1 the absolute value.

    Returns
    -------
    Activation
        Of the family "leaky_relu".
    """
    slope = validation.check_number("slope", slope)

    def function(x: Any) -> Any:
        return arrays.namespace(x).where(x > 0, x, slope * x)

    def derivative(x: Any) -> Any:
        xp = arrays.namespace(x)
        return xp.where(x > 0, xp.ones_like(x), xp.full_like(x, slope))

    return Activation("leaky_relu", function, derivative, (slope,), () if slope == 1.0 else (0.0,))


def relu() -> Activation:
    r"""ReLU, :math:`\max(x, 0)`.

    Returns
    -------
    Activation
        Of the family "leaky_relu", with slope 0.
    """
    return leaky_relu(0.0)


def abs_() -> Activation:
    r"""Absolute value, :math:`|x|`.

    Returns
    -------
    Activation
        Of the family "leaky_relu", with slope -1.
    """
    return leaky_relu(-1.0)


def step() -> Activation:
    r"""Step, :math:`1[x > 0]`; its derivative is zero almost everywhere, so that its NTK does not exist.

    Returns
    -------
    Activation
        Of the family "step".
    """
    return Activation("step", _step, _zero, (), (0.0,))


def sign() -> Activation:
    r"""Sign, :math:`\pm 1`; its derivative is zero almost everywhere, so that its NTK does not exist.

    Returns
    -------
    Activation
        Of the family "sign".
    """
    return Activation("sign", lambda x: 2.0 * _step(x) - 1.0, _zero, (), (0.0,))


def rectified_quadratic() -> Activation:
    r"""Rectified quadratic, :math:`\max(x, 0)^2`.

    Returns
    -------
    Activation
        Of the family "rectified_quadratic".
    """
    return Activation("rectified_quadratic", lambda x: _positive(x) ** 2, lambda x: 2.0 * _positive(x), (), (0.0,))


def erf(scale: float = 1.0) -> Activation:
    r"""Error function, :math:`\mathrm{erf}(bx)`.

    Parameters
    ----------
    scale : float
        The factor :math:`b > 0`.

    Returns
    -------
    Activation
        Of the family "erf".
    """
    b = validation.check_number("scale", scale, exclusive_minimum=0.0)
    factor = 2.0 * b / math.sqrt(math.pi)
    return Activation("erf", lambda x: arrays.erf(b * x), lambda x: factor * _exp(-((b * x) ** 2)), (b,))


def probit() -> Activation:
    r"""Distribution function of the standard normal, :math:`\Phi(x)`.

    Returns
    -------
    Activation
        Of the family "probit".
    """
    return Activation("probit", _normal_cdf, _normal_pdf)


def gelu() -> Activation:
    r"""Gaussian error linear unit, :math:`x\,\Phi(x)`.

    Returns
    -------
    Activation
        Of the family "gelu".
    """
    return Activation("gelu", lambda x: x * _normal_cdf(x), lambda x: _normal_cdf(x) + x * _normal_pdf(x))


def sin(frequency: float = 1.0, phase: float = 0.0) -> Activation:
    r"""Sine, :math:`\sin(bx + h)`.

    Parameters
    ----------
    frequency, phase : float
        The factor :math:`b` and the shift :math:`h`.

    Returns
    -------
    Activation
        Of the family "sin".
    """
    b, h = validation.check_number("frequency", frequency), validation.check_number("phase", phase)
    return Activation("sin", lambda x: _apply("sin", b * x + h), lambda x: b * _apply("cos", b * x + h), (b, h))


def cos(frequency: float = 1.0, phase: float = 0.0) -> Activation:
    r"""Cosine, :math:`\cos(bx + h)`.

    Parameters
    ----------
    frequency, phase : float
        The factor :math:`b` and the shift :math:`h`.

    Returns
    -------
    Activation
        Of the family "sin", shifted by a quarter period.
    """
    return sin(frequency, validation.check_number("phase", phase) + math.pi / 2.0)


def exp(rate: float = 1.0) -> Activation:
    r"""Exponential, :math:`e^{bx}`.

    Parameters
    ----------
    rate : float
        The factor :math:`b`.

    Returns
    -------
    Activation
        Of the family "exp".
    """
    b = validation.check_number("rate", rate)
    return Activation("exp", lambda x: _exp(b * x), lambda x: b * _exp(b * x), (b,))


def gaussian(rate: float = 1.0) -> Activation:
    r"""Gaussian bump, :math:`e^{-bx^2}`.

    Parameters
    ----------
    rate : float
        The factor :math:`b > 0`.

    Returns
    -------
    Activation
        Of the family "gaussian".
    """
    b = validation.check_number("rate", rate, exclusive_minimum=0.0)
    return Activation("gaussian", lambda x: _exp(-b * x**2), lambda x: -2.0 * b * x * _exp(-b * x**2), (b,))


def rbf(gamma: float = 1.0) -> Activation:
    r"""Random Fourier feature, :math:`\sqrt2 \sin(\sqrt{2\gamma}\,x + \pi/4)`, whose dual is the kernel
    :math:`e^{-\gamma|u - v|^2}`.

    Parameters
    ----------
    gamma : float
        Inverse squared length :math:`\gamma > 0`.

    Returns
    -------
    Activation
        Of the family "rbf".
    """  # noqa: D205
    gamma = validation.check_number("gamma", gamma, exclusive_minimum=0.0)
    wave = sin(math.sqrt(2.0 * gamma), math.pi / 4.0)
    root = math.sqrt(2.0)
    return Activation("rbf", lambda x: root * wave.function(x), lambda x: root * wave.derivative(x), (gamma,))


def numerical(function: _Map, derivative: _Map, kinks: Sequence[float] = ()) -> Activation:
    r"""Any function at all; its dual is integrated numerically.

    Parameters
    ----------
    function, derivative : callable
        :math:`\phi` and :math:`\phi'`, elementwise on arrays.  The derivative is asked for, since differentiating the
        dual numerically would lose half the digits.
    kinks : sequence of float
        Every point where the function or its derivative jumps; without them the integrals converge slowly.

    Returns
    -------
    Activation
        Of the family "numerical".
    """
    return Activation("numerical", function, derivative, (), tuple(sorted(float(kink) for kink in kinks)))


#: Activations that a name alone can mean.
_NAMED: dict[str, Callable[[], Activation]] = {
    "abs": abs_,
    "cos": cos,
    "erf": erf,
    "exp": exp,
    "gaussian": gaussian,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "probit": probit,
    "rbf": rbf,
    "relu": relu,
    "sign": sign,
    "sin": sin,
    "step": step,
}


def activation(given: str | Activation) -> Activation:
    """Activation of a name, with the parameters that the name has by default.

    Parameters
    ----------
    given : str or Activation
        "abs", "cos", "erf", "exp", "gaussian", "gelu", "leaky_relu", "probit", "rbf", "relu", "sign", "sin" or "step";
        an activation is returned as it is.

    Returns
    -------
    Activation
        The activation.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if isinstance(given, Activation):
        return given
    return _NAMED[validation.check_choice("activation", given, tuple(_NAMED))]()


def _rebuilt(name: str, parameters: tuple[float, ...]) -> Activation:
    if name == "polynomial":
        from theorylab.ntk.problem.polynomials import polynomial  # which imports this module

        return polynomial(parameters)
    families: dict[str, Callable[..., Activation]] = {**_NAMED, "rectified_quadratic": rectified_quadratic}
    return families[name](*parameters)


def _apply(name: str, x: Any) -> Any:
    return getattr(arrays.namespace(x), name)(x)


def _exp(x: Any) -> Any:
    return _apply("exp", x)


def _positive(x: Any) -> Any:
    xp = arrays.namespace(x)
    return xp.maximum(x, xp.zeros_like(x))


def _step(x: Any) -> Any:
    xp = arrays.namespace(x)
    return xp.where(x > 0, xp.ones_like(x), xp.zeros_like(x))


def _zero(x: Any) -> Any:
    return arrays.namespace(x).zeros_like(x)


def _normal_cdf(x: Any) -> Any:
    return 0.5 * (1.0 + arrays.erf(x / math.sqrt(2.0)))


def _normal_pdf(x: Any) -> Any:
    return _exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi)
