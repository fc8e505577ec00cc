"""Digests: equal content, equal digest, on any machine; other content or other code, another digest."""

import dataclasses
import enum
import functools
import importlib.util
import linecache
import sys
from pathlib import Path, PurePosixPath

import array_api_strict
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from theorylab import randomness
from theorylab._digests import code_digest, value_digest


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Spectrum:
    decay: float
    modes: tuple = (1, 2)

    def method(self):
        return self.decay


VALUES = [
    None,
    True,
    False,
    1,
    0,
    -1,
    2**70,
    1.0,
    0.1,
    -0.0,
    0.0,
    float("inf"),
    1j,
    "",
    "a",
    "ab",
    b"ab",
    (),
    [],
    {},
    set(),
    frozenset({1}),
    (1,),
    [1],
    [[1]],
    [1, 1],
    ("a", "bc"),
    ("ab", "c"),
    {"a": 1},
    {"a": 2},
    {"b": 1},
    {"a": 1, "b": 2},
    {1, 2},
    range(3),
    PurePosixPath("a"),
    Colour.RED,
    Colour.BLUE,
    Spectrum(1.0),
    Spectrum(2.0),
    Spectrum(1.0).method,
    np.dtype("f4"),
    np.zeros(2),
    np.zeros(2, dtype=np.float32),
    np.zeros(2, dtype=int),
    np.zeros((2, 1)),
    np.array(0.1),
    np.array(["a"]),
    np.datetime64("2020-01-01"),
    array_api_strict.zeros(2),
    np.exp,
    scipy.special.erf,
    np.mean,
    np.linalg.eigh,
    np.random.default_rng,
    len,
    Colour,
    functools.partial(np.mean, axis=0),
    functools.partial(np.mean, axis=1),
]


def test_different_values_have_different_digests():
    digests = [value_digest(value) for value in VALUES]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.float64(0.1), 0.1),
        (np.int32(3), 3),
        (np.True_, True),
        (np.str_("a"), "a"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {1, 2, 3}),
        (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T)),
        (np.arange(3, dtype=">i4"), np.arange(3, dtype="<i4")),
        (np.arange(6)[::2], np.array([0, 2, 4])),
    ],
)
def test_equal_content_has_an_equal_digest(one, other):
    assert value_digest(one) == value_digest(other)


def test_digests_are_the_same_on_every_machine():
    # another value here means that all random streams of all sweeps have changed
    assert value_digest({"n": 10, "ridge": 0.1, "kind": "relu", "sizes": (1, 2), "flag": None}) == (
        "b64a82ed9ca6bf065af5b0bb1f86e0c69bcf2f7deedf0bed5226443bff5288ee"
    )
    assert value_digest(np.array([[0.5, -1.0]])) == "953c9904cd06b6639636f773d75000155929d1e9970ce85a37904cc3be53c519"


@given(st.recursive(st.integers() | st.floats() | st.text() | st.none(), lambda inner: st.lists(inner, max_size=3)))
def test_digest_of_a_copy(value):
    copy = eval(repr(value), {"nan": float("nan"), "inf": float("inf")})
    assert value_digest(value) == value_digest(copy)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: 1,
        randomness.generator(0),
        np.array([None]),
        np.ma.masked_array([1.0], [True]),
        np.zeros(1, dtype=[("a", float)]),
        sys,
        {"deep": [object()]},
        (n for n in ()),
    ],
)
def test_what_cannot_be_read_is_refused(value):
    with pytest.raises(TypeError, match="no digest"):
        value_digest(value)


# ------------------------------------------------------------------------------------------------- code

MODULE = """
import dataclasses
import functools
import numpy as np
import {helper}

SCALE = 2.0

def inner(x):
    return SCALE * x

@functools.cache
def cached(x):
    return inner(x)

class Base:
    def shift(self):
        return 1

@dataclasses.dataclass(frozen=True)
class Rule(Base):
    power: int = 2

    def __call__(self, x):
        return [cached(y) ** self.power for y in [x]][0] + self.shift()

def outer(x, offset=3):
    return Rule()(x) + offset + {helper}.CONSTANT + np.sin(x)

def make(level):
    def local(x):
        return x + level
    return local
"""


@pytest.fixture
def import_module(tmp_path, monkeypatch):
    """Import source as a module of its own, under one name, so that only the content can differ."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(source, name="users_code"):
        sys.modules.pop(name, None)
        path = Path(tmp_path / f"{name}.py")
        path.write_text(source)
        importlib.invalidate_caches()
        linecache.clearcache()
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(source, path, "exec"), module.__dict__)
        return module

    return load


CHANGES = {
    "the body": ("return Rule()(x)", "return 2 * Rule()(x)"),
    "a constant two calls away": ("SCALE = 2.0", "SCALE = 2.5"),
    "a function two calls away": ("SCALE * x", "SCALE + x"),
    "a method": ("** self.power", "* self.power"),
    "a method of a base class": ("return 1", "return 2"),
    "a default": ("offset=3", "offset=4"),
    "a field": ("power: int = 2", "power: int = 3"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_code_digest_sees(change, import_module):
    import_module("CONSTANT = 1\n", "users_helper")
    source = MODULE.format(helper="users_helper")
    before = code_digest(import_module(source).outer)
    assert code_digest(import_module(source).outer) == before
    assert CHANGES[change][0] in source
    assert code_digest(import_module(source.replace(*CHANGES[change])).outer) != before


def test_code_digest_sees_the_users_modules(import_module):
    import_module("CONSTANT = 1\n", "users_helper")
    source = MODULE.format(helper="users_helper")
    before = code_digest(import_module(source).outer)
    import_module("CONSTANT = 2\n", "users_helper")
    assert code_digest(import_module(source).outer) != before


def test_code_digest_sees_what_a_function_closes_over_and_is_given(import_module):
    import_module("CONSTANT = 1\n", "users_helper")
    module = import_module(MODULE.format(helper="users_helper"))
    functions = [module.make(1), module.make(2), functools.partial(module.make(1), x=1), module.Rule(2), module.Rule(3)]
    digests = {code_digest(function) for function in functions}
    assert len(digests) == len(functions)
    assert code_digest(module.make(1)) == code_digest(module.make(1))


def test_code_digest_of_a_value_sees_the_class_behind_it(import_module):
    import_module("CONSTANT = 1\n", "users_helper")
    source = MODULE.format(helper="users_helper")
    before = code_digest({"rule": import_module(source).Rule(2)})
    after = code_digest({"rule": import_module(source.replace("** self.power", "* self.power")).Rule(2)})
    assert before != after


def test_unrelated_changes_do_not_count(import_module):
    import_module("CONSTANT = 1\n", "users_helper")
    source = MODULE.format(helper="users_helper")
    before = code_digest(import_module(source).outer)
    assert code_digest(import_module(source + "\n\ndef unrelated():\n    return SCALE\n").outer) == before


def test_recursive_functions_end(import_module):
    module = import_module(
        "def even(n):\n    return n == 0 or odd(n - 1)\n\ndef odd(n):\n    return n and even(n - 1)\n"
    )
    assert code_digest(module.even) != code_digest(module.odd)


def test_code_that_cannot_be_read_is_refused(import_module):
    with pytest.raises(TypeError, match="source of .* is not to be had"):
        code_digest(eval("lambda x: x", {"__name__": "__main__"}))
    module = import_module("SECRET = object()\n\ndef function():\n    return SECRET\n")
    with pytest.raises(TypeError, match=r"`SECRET`, which users_code\.function uses"):
        code_digest(module.function)


@pytest.mark.parametrize("function", [np.mean, np.exp, scipy.special.erf, np.linalg.eigh, len, randomness.generator])
def test_installed_functions_count_by_name(function):
    assert code_digest(function) == code_digest(function)
