"""Digests of values and of code, equal on every machine: what a random stream and a cached result are filed under.

:func:`value_digest` sees the content of a value and nothing else, neither its address nor the version of Python that
wrote it.  :func:`code_digest` sees, besides, the code that a result hangs on.  Both refuse what they cannot read, since
a digest that overlooks something hands out stale results.
"""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import hashlib
import inspect
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

__all__ = ["code_digest", "value_digest"]

_PACKAGE = __name__.partition(".")[0]


def value_digest(value: object) -> str:
    """SHA-256 of the content of `value`.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, bytes, range, path, enum member, NumPy scalar or dtype, array of any
        namespace, class or function that can be imported by its name, bound method, ``functools.partial``, dataclass,
        or a list, tuple, set or mapping of these.  A NumPy scalar counts as the Python number that it is; ``1`` and
        ``1.0`` differ, and so do a list and a tuple.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If `value` holds anything else.

    Examples
    --------
    >>> value_digest({"n": 10, "ridge": 0.1}) == value_digest({"ridge": np.float64(0.1), "n": 10})
    True
    """
    return hashlib.sha256(_Encoder().encode(value)).hexdigest()


def code_digest(value: object) -> str:
    """SHA-256 of the content of `value` and of the code that a result of it hangs on.

    The code is the whole package outside `theorylab.suite`, the versions of NumPy and SciPy, and, for each function
    and class in `value` that comes from elsewhere: its source, default values, the variables that it closes over,
    and in turn each global that it names (functions and classes by their source, the user's modules by their file,
    other values by their content).  Installed third-party code counts by name and version.  Not seen is what code
    reaches at run time: files, environment variables, attributes set from outside.

    Parameters
    ----------
    value : object
        As for :func:`value_digest`; lambdas, local functions and modules are welcome too.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If a source is not to be had, or a value that the code uses has no digest.
    """
    import scipy

    encoder = _CodeEncoder()
    versions = encoder.encode({"numpy": np.__version__, "scipy": scipy.__version__})
    parts = (_package_digest(), versions, encoder.encode(value), *encoder.code())
    return hashlib.sha256(_frame("code", *parts)).hexdigest()


def _frame(tag: str, *parts: bytes) -> bytes:
    # the lengths keep ("ab", "c") and ("a", "bc") apart
    return b"".join([tag.encode(), b"[", *(b"%d:%b" % (len(part), part) for part in parts), b"]"])


def _name_of(value: Any) -> str:
    """Name by which `value`, a function or class, is imported."""
    return f"{getattr(value, '__module__', None) or 'builtins'}.{getattr(value, '__qualname__', value.__name__)}"


def _is_importable(value: Any) -> bool:
    if isinstance(value, np.ufunc):
        return True
    try:
        found: Any = sys.modules[value.__module__]
        for part in value.__qualname__.split("."):
            found = getattr(found, part)
    except (AttributeError, KeyError, TypeError):
        return isinstance(value, types.BuiltinFunctionType)
    return found is value


class _Encoder:
    """Canonical bytes of a value."""

    def encode(self, value: Any) -> bytes:
        if isinstance(value, np.generic) and isinstance(value.item(), bool | int | float | complex | str | bytes):
            value = value.item()
        for kinds, encoder in _PLAIN:
            if isinstance(value, kinds):
                return encoder(value)
        if isinstance(value, Mapping):
            items = (_frame("item", self.encode(key), self.encode(item)) for key, item in value.items())
            return _frame("mapping", *sorted(items))
        if isinstance(value, list | tuple):
            tag = type(value).__name__ if type(value) in (list, tuple) else _name_of(type(value))
            return _frame(tag, *map(self.encode, value))
        if isinstance(value, set | frozenset):
            return _frame("set", *sorted(map(self.encode, value)))
        if isinstance(value, functools.partial):
            return _frame("partial", *map(self.encode, (value.func, value.args, value.keywords)))
        if isinstance(value, types.MethodType):
            return _frame("method", self.encode(value.__self__), self.encode(value.__func__))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            content = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return _frame("dataclass", self.encode(type(value)), self.encode(content))
        if hasattr(value, "__dlpack__") and not isinstance(value, type):
            return self._foreign_array(value)
        return self.other(value)

    def other(self, value: Any) -> bytes:
        if callable(value) and hasattr(value, "__name__"):
            if _is_importable(value):
                return _frame("name", _name_of(value).encode())
            raise TypeError(f"{_name_of(value)} cannot be imported by its name and has no digest")
        raise TypeError(f"a value of type {_name_of(type(value))} has no digest")

    def _foreign_array(self, value: Any) -> bytes:
        from . import arrays

        where = f"{type(value).__module__} {arrays.device(value)}"
        return _frame("array", where.encode(), _encode_array(arrays.to_numpy(value)))


class _CodeEncoder(_Encoder):
    """Canonical bytes of a value, and then of the code that was met on the way."""

    def __init__(self) -> None:
        self.met: list[Any] = []

    def other(self, value: Any) -> bytes:
        if isinstance(value, types.ModuleType):
            content = _read(value) if _is_users(value.__name__) else _version(value.__name__).encode()
            return _frame("module", value.__name__.encode(), content)
        if isinstance(value, types.FunctionType | type):
            if not any(value is other for other in self.met):
                self.met.append(value)
            return _frame("name", _name_of(value).encode(), _version(value.__module__).encode())
        if callable(value) and hasattr(value, "__wrapped__"):  # functools.cache and its like
            return _frame("wrapper", self.encode(type(value)), self.encode(value.__wrapped__))
        return super().other(value)

    def code(self) -> Iterator[bytes]:
        for value in self.met:  # grows while it is read: what the code names is met in turn
            yield from self._function(value) if isinstance(value, types.FunctionType) else self._class(value)

    def _function(self, function: types.FunctionType) -> Iterator[bytes]:
        users = _is_users(function.__module__)
        if users:
            yield _source(function, function.__code__)
            names = ((name, function.__globals__.get(name, _ABSENT)) for name in sorted(_globals(function.__code__)))
            yield from self._used(function, names)
        if users or (_is_ours(function.__module__) and "<locals>" in function.__qualname__):
            cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
            yield from self._used(function, ((name, cell.cell_contents) for name, cell in cells))
            yield from self._used(function, [("defaults", (function.__defaults__, function.__kwdefaults__))])

    def _used(self, function: types.FunctionType, values: Iterable[tuple[str, Any]]) -> Iterator[bytes]:
        for name, value in values:
            if value is not _ABSENT:  # a builtin, or a name that will fail when it is called
                try:
                    yield _frame(name, self.encode(value))
                except TypeError as error:
                    raise TypeError(f"`{name}`, which {_name_of(function)} uses: {error}") from error

    def _class(self, cls: type) -> Iterator[bytes]:
        if _is_users(cls.__module__):
            source = _source(cls, cls)
            yield source
            yield from map(self.encode, cls.__bases__)
            for name, method in vars(cls).items():
                # what dataclass and its like have written has no source, and follows from that of the class
                generated = name.startswith("__") and f"def {name}(".encode() not in source
                if isinstance(method, types.FunctionType) and not generated:
                    yield self.encode(method)


_ABSENT = object()


def _encode_array(value: Any) -> bytes:
    array = np.asarray(value)
    if isinstance(value, np.ma.MaskedArray) or array.dtype.hasobject or array.dtype.fields:
        raise TypeError(f"a {type(value).__name__} of dtype {array.dtype} has no digest")
    portable = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    content = hashlib.sha256(portable.tobytes()).digest()
    return _frame("ndarray", portable.dtype.str.encode(), repr(array.shape).encode(), content)


# The order counts: an enum member may be an int as well, and bool is a kind of int.
_PLAIN: tuple[tuple[Any, Callable[[Any], bytes]], ...] = (
    (enum.Enum, lambda value: _frame("enum", _name_of(type(value)).encode(), value.name.encode())),
    ((type(None), bool), lambda value: _frame("constant", repr(value).encode())),
    (int, lambda value: _frame("int", b"%d" % value)),
    (float, lambda value: _frame("float", value.hex().encode())),
    (complex, lambda value: _frame("complex", value.real.hex().encode(), value.imag.hex().encode())),
    (str, lambda value: _frame("str", value.encode(errors="surrogatepass"))),
    (bytes, lambda value: _frame("bytes", value)),
    (range, lambda value: _frame("range", repr(value).encode())),
    (PurePath, lambda value: _frame("path", value.as_posix().encode())),
    (np.dtype, lambda value: _frame("dtype", repr(value).encode())),
    ((np.ndarray, np.generic), _encode_array),
)


@functools.cache
def _package_digest() -> bytes:
    """Digest of every module of the package but the build suite, read once per process."""
    root = Path(__file__).parent
    files = sorted(path for path in root.rglob("*.py") if path.relative_to(root).parts[0] != "suite")
    parts = (part for path in files for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()))
    return hashlib.sha256(_frame("package", *parts)).digest()


def _globals(code: types.CodeType) -> set[str]:
    names = {str(step.argval) for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return names.union(*(_globals(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)))


def _source(value: Any, where: Any) -> bytes:
    try:
        return _frame("source", inspect.getsource(where).encode())
    except (OSError, TypeError) as error:
        raise TypeError(f"the source of {_name_of(value)} is not to be had") from error


def _read(module: types.ModuleType) -> bytes:
    return Path(module.__file__).read_bytes() if module.__file__ else b""


def _is_ours(module_name: str) -> bool:
    return module_name.partition(".")[0] == _PACKAGE


def _is_users(module_name: str) -> bool:
    """Whether the module is code that neither the package digest nor an installed version stands for."""
    if module_name == "__main__":
        return True
    if _is_ours(module_name) or module_name.partition(".")[0] in sys.stdlib_module_names:
        return False
    path = getattr(sys.modules.get(module_name), "__file__", None)
    installed = {sysconfig.get_path(key) for key in ("purelib", "platlib")}
    return path is not None and not any(Path(path).is_relative_to(folder) for folder in installed)


def _version(module_name: str) -> str:
    return str(getattr(sys.modules.get(module_name.partition(".")[0]), "__version__", ""))
