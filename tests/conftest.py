"""The array libraries that tests run on, a deterministic Hypothesis, and random numbers of each test's own."""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
import pytest

from theorylab import arrays

# No deadline and no chance: a run differs from the one before only when the code does.
hypothesis.settings.register_profile("theorylab", deadline=None, derandomize=True, print_blob=True, database=None)
hypothesis.settings.load_profile("theorylab")

#: `array-api-strict` has nothing but the standard, so that it finds what other libraries would not have.
LIBRARIES = ("numpy", "array-api-strict", "torch", "jax", "cupy")


@dataclass(frozen=True)
class Library:
    """An array library as a test sees it."""

    name: str
    xp: Any
    asarray: Callable[[Any], Any]
    to_numpy: Callable[[Any], np.ndarray] = arrays.to_numpy


def library(name: str) -> Library:
    """The library, on the device named by THEORYLAB_TEST_DEVICE (torch, JAX); skips the test where it is missing."""
    if name == "array-api-strict":
        strict = pytest.importorskip("array_api_strict", reason="needs the extra: pip install 'theorylab[dev]'")
        return Library(name, strict, strict.asarray)
    if name not in arrays.installed_backends():
        extra = "pip install cupy-cuda12x" if name == "cupy" else f"pip install 'theorylab[{name}]'"
        pytest.skip(f"{name} is not installed: {extra}")
    device = "cuda" if name == "cupy" else os.environ.get("THEORYLAB_TEST_DEVICE", "cpu")
    backend = arrays.backend(name, "cpu" if name == "numpy" else device)
    return Library(name, backend.xp, backend.asarray)


@pytest.fixture(params=LIBRARIES)
def backend(request: pytest.FixtureRequest) -> Library:
    """Each installed array library in turn: ``name``, ``xp``, ``asarray(x)``, ``to_numpy(x)``."""
    return library(request.param)


@pytest.fixture(autouse=True)
def own_random_numbers(request: pytest.FixtureRequest) -> None:
    """Let the generator ``RNG`` of a module give each test the same numbers, whatever other tests ran before."""
    generator = getattr(request.module, "RNG", None)
    if isinstance(generator, np.random.Generator):
        seed = zlib.crc32(request.node.name.encode())
        generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
