"""Every public theory function takes and returns arrays of any library, and refuses NaN by the argument's name."""

import dataclasses
import functools
import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import array_api_compat
import numpy as np
import pytest

import theorylab
from tests.contracts.examples import examples, tolerances
from theorylab import arrays, validation

RTOL, ATOL = 1e-10, 1e-13
EXAMPLES, TOLERANCES = examples(), tolerances()
#: Counts of iterations may differ, since libraries round differently.
UNCOMPARED = {"n_iterations"}


@functools.cache
def theory_functions() -> dict[str, Callable[..., Any]]:
    """Every function in ``__all__`` of every chapter's theory, as "<chapter>.<name>"."""
    functions = {}
    for chapter in pkgutil.iter_modules(theorylab.__path__):
        package = f"theorylab.{chapter.name}"
        if not chapter.ispkg or importlib.util.find_spec(f"{package}.theory") is None:
            continue
        theory = importlib.import_module(f"{package}.theory")
        for name in theory.__all__:
            if inspect.isfunction(getattr(theory, name)):
                functions[f"{chapter.name}.{name}"] = getattr(theory, name)
    return functions


def function_of(example: str) -> Callable[..., Any]:
    return theory_functions()[example.partition(":")[0]]


def is_array(value: Any) -> bool:
    # NumPy's scalars included: that is what its arithmetic makes of arrays without axes
    return array_api_compat.is_array_api_obj(value)


def leaves(value: Any, path: str = "result") -> Iterator[tuple[str, Any]]:
    """Arrays and numbers in a result, each with the way to it."""
    if is_array(value) or isinstance(value, (bool, int, float)):
        yield path, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from leaves(entry, f"{path}[{index}]")
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if field.name not in UNCOMPARED:
                yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif hasattr(value, "__dict__"):
        yield from leaves(vars(value), path)


def read_only(values: Any) -> np.ndarray:
    array = np.array(values)
    array.setflags(write=False)
    return array


def check_result(function: Callable[..., Any], factory: Callable[..., Any], library: Any, rtol: float = RTOL) -> None:
    """Assert that the library's result is made of its arrays, on its device, float64, and equal to NumPy's."""
    arguments, keywords = factory(read_only)
    expected = dict(leaves(function(*arguments, **keywords)))
    arguments, keywords = factory(read_only if library.name == "numpy" else library.asarray)
    result = dict(leaves(function(*arguments, **keywords)))
    assert result.keys() == expected.keys()
    assert expected, "the function returns no array and no number"
    probe = library.asarray([1.0])
    for path, value in result.items():
        reference = expected[path]
        assert is_array(value) == is_array(reference), f"{path} is of type {type(value).__name__}"
        if is_array(value):
            assert arrays.namespace(value) is arrays.namespace(probe), f"{path} belongs to another library"
            assert arrays.device(value) == arrays.device(probe), f"{path} is on another device"
        host = arrays.to_numpy(value)
        assert host.dtype.kind == np.asarray(reference).dtype.kind, f"{path} has dtype {host.dtype}"
        assert host.dtype.kind != "f" or host.dtype == np.float64, f"{path} has dtype {host.dtype}"
        np.testing.assert_allclose(host, reference, rtol=rtol, atol=ATOL, err_msg=path)


def spoiled(value: Any) -> Any:
    """The same value with NaN in its first entry; None when it holds no number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return math.nan
    if isinstance(value, np.ndarray) and value.dtype.kind in "fi":
        value = value.astype(np.float64)
        value[(0,) * value.ndim] = math.nan
        return value
    return None


def check_nan_is_refused(function: Callable[..., Any], factory: Callable[..., Any]) -> None:
    """Assert that NaN in an argument, or in an array that an argument was made of, is refused by name."""
    arguments, keywords = factory(np.array)
    bound = inspect.signature(function).bind(*arguments, **keywords)
    for name, value in bound.arguments.items():
        if spoiled(value) is not None:
            call = inspect.BoundArguments(bound.signature, bound.arguments | {name: spoiled(value)})
            with pytest.raises(ValueError, match=rf"^{name} must .*got nan"):
                function(*call.args, **call.kwargs)
    for index in range(n_arrays(factory)):
        with pytest.raises(ValueError, match=r"^\w+ must .*got nan"):
            call_with_nan_in_array(function, factory, index)


def n_arrays(factory: Callable[..., Any]) -> int:
    made: list[np.ndarray] = []
    factory(lambda values: made.append(np.array(values)) or made[-1])
    return len(made)


def call_with_nan_in_array(function: Callable[..., Any], factory: Callable[..., Any], index: int) -> None:
    made: list[np.ndarray] = []

    def asarray(values: Any) -> np.ndarray:
        made.append(np.array(values))
        return spoiled(made[-1]) if len(made) == index + 1 else made[-1]

    arguments, keywords = factory(asarray)
    function(*arguments, **keywords)


def test_every_theory_function_has_an_example():
    missing = theory_functions().keys() - {name.partition(":")[0] for name in EXAMPLES}
    assert not missing, (
        f"no example for {', '.join(sorted(missing))}. Add to EXAMPLES in tests/contracts/examples/<chapter>.py: "
        '"<chapter>.<function>": lambda asarray: ((asarray([...]), ...), {"keyword": ...})'
    )


def test_every_example_has_a_function():
    unknown = {name.partition(":")[0] for name in EXAMPLES} - theory_functions().keys()
    assert not unknown, f"tests/contracts/examples knows functions that are gone: {', '.join(sorted(unknown))}"
    assert TOLERANCES.keys() <= EXAMPLES.keys()


@pytest.mark.parametrize("example", EXAMPLES)
def test_result_is_of_the_callers_library(example, backend):
    check_result(function_of(example), EXAMPLES[example], backend, TOLERANCES.get(example, RTOL))


@pytest.mark.parametrize("example", EXAMPLES)
def test_nan_is_refused_by_name(example):
    check_nan_is_refused(function_of(example), EXAMPLES[example])


# The contract itself must be able to fail: functions that break one clause each.


def one_array(asarray):
    return (asarray([1.0, 2.0]),), {}


def sound(x):
    xp, (x,) = arrays.promote(validation.check_array("x", x))
    return {"twice": 2.0 * x, "sum": xp.sum(x), "n": x.shape[0]}


def test_contract_accepts_a_sound_function(backend):
    check_result(sound, one_array, backend)
    check_nan_is_refused(sound, one_array)


@pytest.mark.parametrize(
    "unsound",
    [
        pytest.param(lambda x: arrays.to_numpy(x), id="goes over to NumPy"),
        pytest.param(
            lambda x: float(arrays.to_numpy(x)[0]) if not isinstance(x, np.ndarray) else x[0:1], id="a number"
        ),
        pytest.param(lambda x: arrays.namespace(x).astype(x, arrays.namespace(x).float32), id="float32"),
        pytest.param(lambda x: x if isinstance(x, np.ndarray) else x * (1.0 + 1e-9), id="other values"),
        pytest.param(lambda x: {"a": x} if isinstance(x, np.ndarray) else {"b": x}, id="other fields"),
        pytest.param(lambda x: None, id="nothing"),
    ],
)
def test_contract_refuses_an_unsound_function(unsound):
    strict = pytest.importorskip("array_api_strict")
    library = type("Library", (), {"name": "array-api-strict", "asarray": staticmethod(strict.asarray)})
    with pytest.raises(AssertionError):
        check_result(unsound, one_array, library)


def test_contract_refuses_a_function_that_writes_into_its_input():
    library = type("Library", (), {"name": "numpy", "asarray": staticmethod(np.asarray)})

    def write(x):
        x *= 2.0
        return x

    with pytest.raises(ValueError, match="read-only"):
        check_result(write, one_array, library)


def test_contract_refuses_a_function_that_lets_nan_through():
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_nan_is_refused(lambda x: 2.0 * x, one_array)


def test_contract_refuses_a_message_that_names_another_argument():
    with pytest.raises(AssertionError, match=re.escape("^x must")):
        check_nan_is_refused(lambda x: validation.check_array("y", x), one_array)
