"""Arrays of any library: namespace, device, float64, and the way back to NumPy.

Functions of theorylab take arrays of NumPy, torch, JAX, CuPy or any other library that follows the array-API standard,
and return arrays of the same library on the same device.  They start with::

    xp, (gamma, ridge) = arrays.promote(gamma, ridge, like=spectrum.eigenvalues)

and then use `xp` alone.  Nothing here or after it may write into the result: it can be the caller's own memory.

This module alone imports ``array_api_compat``; a library is imported only when one of its arrays or its backend is
asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.util
from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BACKENDS",
    "Backend",
    "backend",
    "device",
    "erf",
    "installed_backends",
    "namespace",
    "promote",
    "put",
    "to_numpy",
]

#: Libraries that :func:`backend` knows by name.
BACKENDS = ("numpy", "torch", "cupy", "jax")

_NAMESPACES = {
    "numpy": "array_api_compat.numpy",
    "torch": "array_api_compat.torch",
    "cupy": "array_api_compat.cupy",
    "jax": "jax.numpy",
}
_INSTALL = {
    "numpy": "pip install numpy",
    "torch": "pip install 'theorylab[torch]'",
    "cupy": "pip install cupy-cuda12x, or the CuPy that fits the CUDA version of the machine",
    "jax": "pip install 'theorylab[jax]'",
}
#: CuPy is distributed under a name for each CUDA version.
_DISTRIBUTIONS = {"cupy": ("cupy", "cupy-cuda13x", "cupy-cuda12x", "cupy-cuda11x")}


def namespace(*values: Any) -> Any:
    """Array-API namespace that the arrays among the values share.

    Parameters
    ----------
    *values : Any
        Arrays; scalars (also NumPy's), lists, None and other objects are ignored.

    Returns
    -------
    xp : module
        The namespace; ``array_api_compat.numpy`` when there is no array.

    Raises
    ------
    TypeError
        If the arrays belong to more than one library.

    Examples
    --------
    >>> import numpy
    >>> namespace(numpy.ones(3), 2.0, None).__name__
    'array_api_compat.numpy'
    """
    return _common_namespace([value for value in values if _is_array(value)])


def promote(*values: Any, like: Any = None, keep_float32: bool = False) -> tuple[Any, tuple[Any, ...]]:
    """Bring numbers, lists and arrays to float64 arrays of one namespace on one device.

    NumPy arrays, lists and scalars follow the other arrays: host data is moved to the device of a torch, CuPy or JAX
    array.  Nothing ever moves the other way, or between two libraries that are not NumPy.

    Parameters
    ----------
    *values : array_like or None
        Real numbers of any shape; None stays None.
    like : array, optional
        Array whose namespace and device the result takes; without it, those of the first array that is not NumPy's,
        else NumPy.
    keep_float32 : bool
        Make float32 of everything when all arrays among the values are float32.

    Returns
    -------
    xp : module
        The namespace.
    arrays : tuple of array or None
        float64, or float32 if so asked, one for each value, with its shape.  An array that already fits is returned as
        it is, not copied.

    Raises
    ------
    TypeError
        If arrays of two libraries meet, or a value is not numeric.
    ValueError
        If arrays are on different devices.
    RuntimeError
        If JAX has its 64-bit numbers switched off.

    Examples
    --------
    >>> xp, (x, y) = promote([1, 2], None)
    >>> x.dtype.name, y is None
    ('float64', True)
    """
    given = [value for value in values if _is_array(value)]
    single = keep_float32 and bool(given) and all(str(value.dtype).endswith("float32") for value in given)
    if _is_array(like):
        xp, where = namespace(like), device(like)
        _common_namespace([like, *(value for value in given if not isinstance(value, np.ndarray))])
    else:
        given = [value for value in given if not isinstance(value, np.ndarray)] or given
        xp = _common_namespace(given)
        where = device(given[0]) if given else None
    _require_float64(xp)
    dtype = xp.float32 if single else xp.float64
    return xp, tuple(None if value is None else _as_floating(xp, value, where, dtype) for value in values)


def put(x: Any, index: tuple[Any, ...], values: Any) -> Any:
    """Array with some entries replaced, which the array-API standard lacks.

    Parameters
    ----------
    x : array
        Array of any library, no longer needed: it is written into where the library allows that.
    index : tuple of array
        Integer arrays of one shape, one for each axis of `x`.
    values : array
        New entries, in the shape of the index arrays.

    Returns
    -------
    array
        `x` with the entries replaced.

    Examples
    --------
    >>> put(to_numpy([1.0, 2.0]), (to_numpy([0]),), to_numpy([5.0])).tolist()
    [5.0, 2.0]
    """
    xp = namespace(x)
    if array_api_compat.is_jax_namespace(xp):
        return x.at[index].set(values)
    if (
        xp is array_api_compat.numpy
        or array_api_compat.is_torch_namespace(xp)
        or array_api_compat.is_cupy_namespace(xp)
    ):
        x = xp.asarray(x)  # NumPy has scalars that are not arrays
        x[index] = values
        return x
    host = to_numpy(x).copy()
    host[tuple(to_numpy(axis) for axis in index)] = to_numpy(values)
    return _from_host(xp, host, x.dtype, device(x))


def erf(x: Any) -> Any:
    """Error function, which the array-API standard lacks, elementwise.

    Parameters
    ----------
    x : array
        Array of any library; torch, JAX and CuPy compute where it is, others on the host.

    Returns
    -------
    array
        Shape, dtype, library and device of `x`.

    Examples
    --------
    >>> float(erf(to_numpy([0.0, 1.0]))[1].round(6))
    0.842701
    """
    xp = namespace(x)
    if array_api_compat.is_torch_namespace(xp):
        return xp.erf(x)
    if array_api_compat.is_jax_namespace(xp):
        return importlib.import_module("jax.scipy.special").erf(x)
    if array_api_compat.is_cupy_namespace(xp):
        return importlib.import_module("cupyx.scipy.special").erf(x)
    host = importlib.import_module("scipy.special").erf(to_numpy(x))
    return host if xp is array_api_compat.numpy else _from_host(xp, host, x.dtype, device(x))


def to_numpy(x: Any) -> NDArray[Any]:
    """Copy an array of any library to the host as a NumPy array, its dtype kept.

    Parameters
    ----------
    x : array_like
        Array on any device, list or number; a torch tensor may require a gradient.

    Returns
    -------
    numpy.ndarray
        May share the memory of `x`: do not write into it.

    Examples
    --------
    >>> to_numpy([1.0, 2.0])
    array([1., 2.])
    """
    if array_api_compat.is_torch_array(x):
        return np.asarray(x.detach().cpu().resolve_conj().resolve_neg().numpy())
    if array_api_compat.is_cupy_array(x):
        return np.asarray(x.get())
    return np.asarray(x)


def device(x: Any) -> Any:
    """Device of an array, in the terms of its library.

    Parameters
    ----------
    x : array
        Array of any library.

    Returns
    -------
    device
        What the library's functions accept as ``device=``; ``"cpu"`` for NumPy.

    Examples
    --------
    >>> device(to_numpy([1.0]))
    'cpu'
    """
    return array_api_compat.device(x)


@dataclasses.dataclass(frozen=True)
class Backend:
    """An array library on a device; picklable, so that it travels to worker processes.

    Parameters
    ----------
    name : str
        One of :data:`BACKENDS`.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    version : str
        Version of the library.
    """

    name: str
    device: str
    version: str

    @property
    def xp(self) -> Any:
        """Namespace of the library."""
        return _load(self.name)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Array on this device; real floating values become float64, integers and booleans keep their kind.

        Parameters
        ----------
        x : array_like
            Numbers, lists or an array of any library.
        dtype : dtype of `xp`, optional
            Another dtype than that.

        Returns
        -------
        array
            An array of this library, copied unless NumPy can share the memory.
        """
        host = to_numpy(x)
        if dtype is None and host.dtype.kind == "f":
            dtype = self.xp.float64
        return _from_host(self.xp, host, dtype, _find_device(self.name, self.device))

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """Same as :func:`to_numpy`.

        Parameters
        ----------
        x : array
            Array of this library.

        Returns
        -------
        numpy.ndarray
            The array on the host.
        """
        return to_numpy(x)


def backend(name: str = "numpy", device: str = "cpu") -> Backend:
    """Array library and device by name, tried out.

    For JAX this switches its 64-bit numbers on, for the whole process.

    Parameters
    ----------
    name : str
        One of :data:`BACKENDS`.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.  NumPy has only ``"cpu"``, CuPy only the others.

    Returns
    -------
    Backend
        With ``xp``, ``asarray`` and ``to_numpy``.

    Raises
    ------
    ValueError
        If the name is unknown, or the device is not there or cannot hold float64.
    ModuleNotFoundError
        If the library is not installed; the message says how to install it.

    Examples
    --------
    >>> backend("numpy").asarray([1, 2.5]).dtype.name
    'float64'
    """
    from theorylab import validation  # validation imports this module

    validation.check_choice("backend", name, BACKENDS)
    xp = _load(name)
    try:
        xp.zeros(1, dtype=xp.float64, device=_find_device(name, device))
    except Exception as error:  # each library has its own way to say no
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"device must be one that {name} has on this machine and that holds float64; got {device!r} ({reason}). "
            f"Try device='{'cuda' if name == 'cupy' else 'cpu'}'; `theorylab doctor` lists what works here."
        ) from error
    return Backend(name=name, device=device, version=str(importlib.import_module(name).__version__))


def installed_backends() -> dict[str, str]:
    """Versions of the array libraries that are installed; none is imported.

    Returns
    -------
    dict of str to str
        Name to version, in the order of :data:`BACKENDS`.

    Examples
    --------
    >>> "numpy" in installed_backends()
    True
    """
    versions = {}
    for name in BACKENDS:
        if importlib.util.find_spec(name) is None:
            continue
        for distribution in _DISTRIBUTIONS.get(name, (name,)):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions[name] = importlib.metadata.version(distribution)
                break
    return versions


def _is_array(value: Any) -> bool:
    # NumPy's scalars count as numbers: what np.sum returned may meet an array of any library
    return not isinstance(value, np.generic) and array_api_compat.is_array_api_obj(value)


def _common_namespace(values: list[Any]) -> Any:
    spaces = {xp.__name__: xp for xp in map(array_api_compat.array_namespace, values)}
    if len(spaces) > 1:
        names = " and ".join(sorted(_library(name) for name in spaces))
        raise TypeError(f"arrays must belong to one library; got {names}. Convert them to one of the two first.")
    return next(iter(spaces.values()), array_api_compat.numpy)


def _library(module_name: str) -> str:
    return module_name.removeprefix("array_api_compat.").partition(".")[0]


def _as_floating(xp: Any, value: Any, where: Any, dtype: Any) -> Any:
    """Array of `xp` on the device, from an array of `xp`, a NumPy array, a list or a number."""
    if not _is_array(value) or namespace(value) is not xp:
        host = np.asarray(value)
        if host.dtype.kind not in "biuf":
            raise TypeError(f"values must be real numbers; got {type(value).__name__} of dtype {host.dtype}.")
        return _from_host(xp, host, dtype, where)
    if device(value) != where:
        raise ValueError(
            f"arrays must be on one device; got {where} and {device(value)}. Move them to one of the two first."
        )
    if not xp.isdtype(value.dtype, ("bool", "integral", "real floating")):
        raise TypeError(f"values must be real numbers; got an array of dtype {value.dtype}.")
    return xp.astype(value, dtype, copy=False)


def _from_host(xp: Any, host: NDArray[Any], dtype: Any, where: Any) -> Any:
    # Only NumPy may share the caller's memory: torch warns about read-only memory, JAX takes it for constant.
    array = xp.asarray(host, device=where, copy=None if xp is array_api_compat.numpy else True)
    # In two steps, since torch refuses to copy and convert in one.
    return array if dtype is None else xp.astype(array, dtype, copy=False)


def _require_float64(xp: Any) -> None:
    if array_api_compat.is_jax_namespace(xp) and not importlib.import_module("jax").config.jax_enable_x64:
        raise RuntimeError(
            "JAX must have its 64-bit numbers switched on; got jax_enable_x64=False. Call arrays.backend('jax') of "
            "theorylab or jax.config.update('jax_enable_x64', True) before making arrays, or set JAX_ENABLE_X64=1."
        )


@functools.cache
def _load(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        raise ModuleNotFoundError(
            f"backend must be an installed library; got {name!r}, which is not. Install it: {_INSTALL[name]}.",
            name=name,
        )
    if name == "jax":
        importlib.import_module("jax").config.update("jax_enable_x64", True)
    return importlib.import_module(_NAMESPACES[name])


def _find_device(name: str, device: str) -> Any:
    kind, _, index = device.partition(":")
    if kind not in {"cpu", "cuda"} or (kind == "cpu" and name == "cupy") or (kind != "cpu" and name == "numpy"):
        raise ValueError("no such device")
    if name == "jax":
        return importlib.import_module("jax").devices(kind)[int(index or 0)]
    if name == "cupy":
        return importlib.import_module("cupy").cuda.Device(int(index or 0))
    return device
