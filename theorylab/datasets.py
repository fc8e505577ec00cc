"""Real data, in one form and with one set of preprocessing conventions.

Five small sets come with scikit-learn and need no network.  Three image sets are downloaded from OpenML on first use,
checked, and kept in the cache folder.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import arrays, outputs, validation
from ._openml import ChecksumMismatch, DatasetUnavailable, MalformedDataset, OpenMLSource, fetch

__all__ = [
    "BUNDLED",
    "OPENML",
    "ChecksumMismatch",
    "Dataset",
    "DatasetUnavailable",
    "MalformedDataset",
    "OpenMLSource",
    "load",
    "one_hot",
    "plus_minus_one",
    "scaled_to_mean_square_norm",
    "standardized",
]

#: Sets that need no network.
BUNDLED = ("digits", "wine", "breast_cancer", "diabetes", "iris")

#: Sets that are downloaded on first use.  The SHA-256 of MNIST is the one that several unrelated projects publish for
#: this file, that of CIFAR-10 is published by one project whose value for MNIST is the same; none is published for
#: Fashion-MNIST.
OPENML = {
    source.name: source
    for source in (
        OpenMLSource(
            name="mnist",
            file_id=52667,
            file_name="mnist_784.arff",
            n_features=784,
            class_counts=(6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958),
            sha256="418c0a60d2b4abc95db2e2bbf676f3af93ddaf18f79ba3f640624ab57007fb4b",
            description="MNIST (OpenML data set 554): handwritten digits, 28 x 28 grey levels 0..255, row by row; "
            "first the 60,000 training samples, then the 10,000 test samples.",
        ),
        OpenMLSource(
            name="fashion_mnist",
            file_id=18238735,
            file_name="Fashion-MNIST.arff",
            n_features=784,
            class_counts=(7000,) * 10,
            target_names=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            description="Fashion-MNIST (OpenML data set 40996): pieces of clothing, 28 x 28 grey levels 0..255, row "
            "by row; training and test samples together.",
        ),
        OpenMLSource(
            name="cifar_10",
            file_id=16797613,
            file_name="CIFAR_10.arff",
            n_features=3072,
            class_counts=(6000,) * 10,
            target_names=(
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            sha256="d28aa6ec1ac50109b54d58c45a4d31be6f9c406b36af81733e09bf9a55b73961",
            description="CIFAR-10 (OpenML data set 40927): photographs, 32 x 32 pixels 0..255, the red, then the "
            "green, then the blue channel, each row by row; first the 50,000 training samples, then the 10,000 test "
            "samples.",
        ),
    )
}


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and their targets; the arrays are read-only.

    Parameters
    ----------
    name : str
        Name of the set.
    X : array_like, shape (n_samples, n_features)
        Features; kept as float64.
    y : array_like, shape (n_samples,)
        Labels 0, 1, ... of a classification set, kept as int64; values of a regression set, kept as float64.
    target_names : tuple of str
        Name of each class; empty for regression.
    task : {"classification", "regression"}
        What `y` is.
    description : str
        What the samples are.
    source : str
        Where the numbers come from.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits.X.shape, digits.n_classes
    ((1797, 64), 10)
    """

    name: str
    X: NDArray[Any] = dataclasses.field(repr=False)
    y: NDArray[Any] = dataclasses.field(repr=False)
    target_names: tuple[str, ...] = dataclasses.field(repr=False)
    task: Literal["classification", "regression"]
    description: str = dataclasses.field(default="", repr=False)
    source: str = ""

    def __post_init__(self) -> None:
        validation.check_choice("task", self.task, ("classification", "regression"))
        X = arrays.to_numpy(validation.check_array("X", self.X, ndim=2))
        y = arrays.to_numpy(validation.check_array("y", self.y, ndim=1))
        validation.check_same_length(X=X, y=y)
        if self.task == "classification":
            y = _labels("y", y, len(self.target_names))
        object.__setattr__(self, "X", _read_only(X, np.float64))
        object.__setattr__(self, "y", _read_only(y, np.int64 if self.task == "classification" else np.float64))

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.X.shape[1]

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.target_names)

    def standardized(self) -> Dataset:
        """Same set with every feature of mean 0 and variance 1; see :func:`standardized`.

        Returns
        -------
        Dataset
            The set with other `X`.
        """
        return dataclasses.replace(self, X=standardized(self.X))

    def scaled_to_mean_square_norm(self, value: float | None = None) -> Dataset:
        """Same set, centred and scaled as a whole; see :func:`scaled_to_mean_square_norm`.

        Parameters
        ----------
        value : float, optional
            Mean of ``|x|^2``; the number of features where it is not given.

        Returns
        -------
        Dataset
            The set with other `X`.
        """
        return dataclasses.replace(self, X=scaled_to_mean_square_norm(self.X, value))


def load(
    name: str | OpenMLSource,
    *,
    cache_directory: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    sha256: str | None = None,
    progress: bool | None = None,
) -> Dataset:
    """A data set by name.

    Parameters
    ----------
    name : str or OpenMLSource
        One of :data:`BUNDLED` or :data:`OPENML`, or a source of your own.
    cache_directory : path, optional
        Folder that downloaded sets are kept in; ``datasets`` in the cache folder of the package where it is not given.
        An ARFF file that lies there under its name, plain or with ``.gz``, is taken in place of a download.
    base_url : str, optional
        Address of a mirror of OpenML, to which ``/<file_id>/<file_name>`` is added.
    sha256 : str, optional
        SHA-256 that the uncompressed file of a downloaded set must have; takes precedence over the one known here.
    progress : bool, optional
        Whether a download shows a progress bar; None decides by the surroundings.

    Returns
    -------
    Dataset
        Raw features: no centring, no scaling.  Pixels of a downloaded set are 0..255.  CIFAR-10 takes 1.5 GB.

    Raises
    ------
    DatasetUnavailable
        If a set is neither in the cache nor to be had from the network; the message says what to do.
    ChecksumMismatch
        If a file does not have the SHA-256 that it must have.
    MalformedDataset
        If a file has that SHA-256, or none is known, but not the declared shape, values and class sizes.
    ValueError
        If the name is not known, or an option for downloads is given for a set that needs none.

    Notes
    -----
    Where no SHA-256 is known in advance (Fashion-MNIST), the first download is trusted: its SHA-256 is logged,
    recorded beside the data, named in ``Dataset.source``, and required ever after.  That guards against a change, not
    against a first download that was wrong; pass `sha256` for that.

    Examples
    --------
    >>> load("wine").scaled_to_mean_square_norm().X.shape
    (178, 13)
    """
    if not isinstance(name, OpenMLSource):
        validation.check_choice("name", name, [*BUNDLED, *OPENML])
        if name in BUNDLED:
            if base_url is not None or sha256 is not None:
                raise ValueError(
                    f"base_url and sha256 must be None for a set that is not downloaded; got name={name!r}. "
                    "Leave them out: the set comes with scikit-learn."
                )
            return _bundled(name)
        name = OPENML[name]
    folder = outputs.cache_directory() / "datasets" if cache_directory is None else Path(cache_directory)
    images = fetch(name, folder, base_url=base_url, sha256=sha256, progress=progress)
    pinned = "pinned" if images.sha256 in (sha256, name.sha256) else "as recorded at the first download"
    return Dataset(
        name=name.name,
        X=images.X,
        y=images.y,
        target_names=name.target_names,
        task="classification",
        description=name.description,
        source=f"{name.url(base_url)}, SHA-256 {images.sha256} ({pinned})",
    )


def standardized(X: Any) -> Any:
    """Every feature shifted and scaled to mean 0 and variance 1 (with 1/n) over the samples.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Features, in any array namespace.

    Returns
    -------
    array, shape (n_samples, n_features)
        A constant feature becomes 0.

    Examples
    --------
    >>> standardized([[1.0, 5.0], [3.0, 5.0]])
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    X = validation.check_array("X", X, ndim=2)
    xp = arrays.namespace(X)
    largest = xp.max(xp.abs(X), axis=0)
    X = X / xp.where(largest == 0, xp.ones_like(largest), largest)  # no square of a huge or tiny value is formed
    constant = xp.max(X, axis=0) == xp.min(X, axis=0)
    X = _centred(xp, X)
    spread = xp.sqrt(xp.mean(X * X, axis=0))
    X = X / xp.where(constant, xp.ones_like(spread), spread)
    return xp.where(constant, xp.zeros_like(X), X)


def scaled_to_mean_square_norm(X: Any, value: float | None = None) -> Any:
    """All features centred, then all samples multiplied by one factor so that the mean of ``|x|^2`` is `value`.

    Directions and relative variances are kept, unlike in :func:`standardized`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Features, in any array namespace.
    value : float, optional
        Mean of ``|x|^2`` over the samples; n_features where it is not given.

    Returns
    -------
    array, shape (n_samples, n_features)
        Centred and scaled features.

    Raises
    ------
    ValueError
        If all samples are equal.

    Examples
    --------
    >>> scaled_to_mean_square_norm([[0.0, 0.0], [1.0, 1.0]])
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    X = validation.check_array("X", X, ndim=2)
    if value is not None:
        value = validation.check_number("value", value, exclusive_minimum=0)
    xp = arrays.namespace(X)
    largest = float(xp.max(xp.abs(X)))
    centred = _centred(xp, X / (largest or 1.0))
    norm = float(xp.max(xp.abs(centred)))
    if norm == 0 or bool(xp.all(xp.max(X, axis=0) == xp.min(X, axis=0))):
        raise ValueError(f"X must have at least two different rows; got {X.shape[0]} equal ones. There is no scale.")
    centred = centred / norm
    mean_square = float(xp.mean(xp.sum(centred * centred, axis=1)))
    return centred * ((X.shape[1] if value is None else value) / mean_square) ** 0.5


def one_hot(y: Any, n_classes: int | None = None) -> Any:
    """Labels as rows of the identity matrix.

    Parameters
    ----------
    y : array_like, shape (n_samples,)
        Labels 0, 1, ..., in any array namespace.
    n_classes : int, optional
        Number of columns; the largest label plus one where it is not given.

    Returns
    -------
    array of float64, shape (n_samples, n_classes)
        1 in the column of the label, 0 elsewhere.

    Examples
    --------
    >>> one_hot([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    y = _labels("y", y, n_classes)
    xp = arrays.namespace(y)
    n_columns = int(xp.max(y)) + 1 if n_classes is None else int(n_classes)
    columns = xp.arange(n_columns, dtype=y.dtype, device=arrays.device(y))
    return xp.astype(y[:, None] == columns[None, :], xp.float64)


def plus_minus_one(y: Any, positive: int | Iterable[int]) -> Any:
    """Labels as +1 and -1.

    Parameters
    ----------
    y : array_like, shape (n_samples,)
        Labels 0, 1, ..., in any array namespace.
    positive : int or iterable of int
        Label or labels that become +1; all others become -1.

    Returns
    -------
    array of float64, shape (n_samples,)
        +1 and -1.

    Examples
    --------
    >>> plus_minus_one([0, 1, 2, 3], positive=(0, 3))
    array([ 1., -1., -1.,  1.])
    """
    y = _labels("y", y, None)
    xp = arrays.namespace(y)
    chosen = xp.zeros_like(y, dtype=xp.bool)
    for label in positive if isinstance(positive, Iterable) else (positive,):
        chosen = chosen | (y == validation.check_count("positive", label, minimum=0))
    return 2 * xp.astype(chosen, xp.float64) - 1


def _labels(name: str, y: Any, n_classes: int | None) -> Any:
    """Labels as int64, in their namespace."""
    y = validation.check_array(name, y, ndim=1, minimum=0)
    xp = arrays.namespace(y)
    if not bool(xp.all(y == xp.floor(y))):
        raise ValueError(f"{name} must be labels 0, 1, ...; got fractions. Encode the classes as whole numbers first.")
    if n_classes is not None:
        n_classes = int(validation.check_count("n_classes", n_classes))
        validation.check_array(name, y, maximum=n_classes - 1)
    return xp.astype(y, xp.int64)


def _centred(xp: Any, X: Any) -> Any:
    X = X - xp.mean(X, axis=0)
    # once more, since the first mean is rounded, by as much as the spread where that is small
    return X - xp.mean(X, axis=0)


def _read_only(values: Any, dtype: Any) -> NDArray[Any]:
    view = np.asarray(values, dtype=dtype).view()
    view.flags.writeable = False
    return view


#: Loader in scikit-learn, and what the samples are.
_FROM_SCIKIT_LEARN: dict[str, tuple[str, dict[str, Any], str]] = {
    "digits": ("load_digits", {}, "Handwritten digits: 8 x 8 grey levels 0..16, row by row."),
    "wine": ("load_wine", {}, "Italian wines of three cultivars: 13 chemical measurements, each in its own unit."),
    "breast_cancer": ("load_breast_cancer", {}, "Breast tumours, malignant or benign: 30 measurements of cell nuclei."),
    "diabetes": ("load_diabetes", {"scaled": False}, "Diabetes patients: 10 measurements, and progression in a year."),
    "iris": ("load_iris", {}, "Irises of three species: lengths and widths of sepals and petals in cm."),
}


@functools.cache
def _bundled(name: str) -> Dataset:
    import sklearn
    import sklearn.datasets

    loader, options, description = _FROM_SCIKIT_LEARN[name]
    function: Callable[..., Any] = getattr(sklearn.datasets, loader)
    bunch = function(**options)
    names = tuple(str(label) for label in bunch.get("target_names", ()))
    return Dataset(
        name=name,
        X=bunch.data,
        y=bunch.target,
        target_names=names,
        task="classification" if names else "regression",
        description=description,
        source=f"scikit-learn {sklearn.__version__}, {loader}",
    )
