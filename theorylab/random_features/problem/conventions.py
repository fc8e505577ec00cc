r"""Ridge conventions of the literature and of software, and how to get from one to another.

Everywhere in this chapter the ridge :math:`\delta` is that of

.. math:: \min_w \sum_i (y_i - w\cdot\psi(x_i)/\sqrt k)^2 + \delta |w|^2 ,

the loss summed over the n samples and the k features divided by :math:`\sqrt k`, so that the kernel matrix
:math:`\hat K = \Psi\Psi^T/k` has a limit.  Others put n, k or the dimension d of the inputs elsewhere:

=====================  ===========================================================================  ===================
name                   who minimises what                                                           :math:`\delta`
=====================  ===========================================================================  ===================
``"sum_loss"``         this chapter, [simon2024]_; scikit-learn's ``KernelRidge(alpha)`` on         :math:`\alpha`
                       :math:`\hat K`, ``Ridge(alpha, fit_intercept=False)`` on
                       :math:`\Psi/\sqrt k`, also on the output of ``RBFSampler``, which is scaled
                       already; the ensembles of [ruben2024]_
``"unscaled"``         ``Ridge(alpha, fit_intercept=False)`` on :math:`\Psi` itself:                :math:`\alpha/k`
                       :math:`\sum_i (y_i - a\cdot\psi(x_i))^2 + \alpha |a|^2`
``"mean_loss"``        [rudi2017]_:                                                                 :math:`n\lambda`
                       :math:`\frac1n\sum_i (y_i - w\cdot\psi(x_i)/\sqrt k)^2 + \lambda |w|^2`
``"mei_montanari"``    [mei2022]_:                                                                  :math:`n\lambda/d`
                       :math:`\frac1n\sum_i (y_i - a\cdot\psi(x_i))^2 + \frac{k\lambda}{d} |a|^2`
=====================  ===========================================================================  ===================

A factor 1/2 before the whole objective changes nothing.  The conversions follow from :math:`w = \sqrt k\, a`.

.. [mei2022] S. Mei, A. Montanari, "The generalization error of random features regression: precise asymptotics and
   the double descent curve", Communications on Pure and Applied Mathematics 75(4), 2022, arXiv:1908.05355.
.. [ruben2024] B. S. Ruben, W. L. Tong, H. T. Chaudhry, C. Pehlevan, "No free lunch from random feature ensembles",
   arXiv:2412.05418, 2024.
.. [rudi2017] A. Rudi, L. Rosasco, "Generalization properties of learning with random features", NeurIPS 2017.
.. [simon2024] J. B. Simon, D. Karkada, N. Ghosh, M. Belkin, "More is better in modern machine learning: when infinite
   overparameterization is optimal and overfitting is obligatory", ICLR 2024, arXiv:2311.14646.
"""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation

__all__ = ["RIDGE_CONVENTIONS", "convert_ridge"]

#: Powers of n_samples, n_features and input_dim in the factor that turns a convention's ridge into that of "sum_loss".
RIDGE_CONVENTIONS: dict[str, dict[str, int]] = {
    "sum_loss": {},
    "unscaled": {"n_features": -1},
    "mean_loss": {"n_samples": 1},
    "mei_montanari": {"n_samples": 1, "input_dim": -1},
}


def convert_ridge(
    ridge: Any,
    source: str,
    target: str = "sum_loss",
    *,
    n_samples: Any = None,
    n_features: Any = None,
    input_dim: Any = None,
) -> Any:
    """Ridge of one convention from that of another, so that both fit the same function.

    Parameters
    ----------
    ridge : array_like
        Ridge >= 0 in the convention `source`.
    source, target : str
        Conventions, keys of :data:`RIDGE_CONVENTIONS`; ``"sum_loss"`` is the one of this chapter.
    n_samples, n_features, input_dim : array_like, optional
        Sizes n, k and d, finite and > 0; those that one of the two conventions contains.  They broadcast.

    Returns
    -------
    array
        float64, of the broadcast shape.

    Raises
    ------
    TypeError
        If a size that the conversion needs is missing.
    ValueError
        If a convention is unknown or a number is out of range.

    Notes
    -----
    Derived here from the objectives in the head of this module.

    Examples
    --------
    >>> float(convert_ridge(0.01, "mean_loss", n_samples=200))
    2.0
    >>> float(convert_ridge(2.0, "sum_loss", "unscaled", n_features=50))
    100.0
    """
    powers = dict(RIDGE_CONVENTIONS[validation.check_choice("source", source, RIDGE_CONVENTIONS)])
    for name, power in RIDGE_CONVENTIONS[validation.check_choice("target", target, RIDGE_CONVENTIONS)].items():
        powers[name] = powers.get(name, 0) - power
    values = [validation.check_array("ridge", ridge, minimum=0.0)]
    sizes = {"n_samples": n_samples, "n_features": n_features, "input_dim": input_dim}
    needed = [name for name, power in powers.items() if power]
    for name in needed:
        if sizes[name] is None:
            raise TypeError(f"{name} must be given to convert a ridge from {source!r} to {target!r}; got None.")
        values.append(validation.check_array(name, sizes[name], exclusive_minimum=0.0))
    _, (result, *factors) = arrays.promote(*values)
    for name, factor in zip(needed, factors, strict=True):
        result = result * factor ** powers[name]
    return result
