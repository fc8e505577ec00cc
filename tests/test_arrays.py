"""Namespaces, devices, float64, and the backends by name."""

import importlib.util
import math
import pickle
import subprocess
import sys

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

from theorylab import arrays

STRICT_DEVICE = array_api_strict.Device("device1")


# namespace


def test_namespace_of_arrays(backend):
    x = backend.asarray([1.0])
    assert arrays.namespace(x) is arrays.namespace(2.0, None, [1.0], x, np.float64(3.0), "text")
    assert arrays.namespace(x).asarray([0.0]).dtype is not None


def test_namespace_without_arrays_is_numpy():
    assert arrays.namespace() is array_api_compat.numpy
    assert arrays.namespace(1.0, [2.0], None, np.float64(1.0)) is array_api_compat.numpy


def test_mixed_namespaces_are_named():
    with pytest.raises(TypeError, match="got array_api_strict and numpy"):
        arrays.namespace(np.ones(2), array_api_strict.ones(2))


# promote


def test_promote_takes_everything_to_the_librarys_float64(backend):
    like = backend.asarray([1.0, 2.0])
    whole, truth = backend.asarray([[1, 2]]), backend.asarray([True, False])
    xp, promoted = arrays.promote(3, 2.5, True, [1, 2], np.ones((2, 1)), np.float32(0.5), whole, truth, like=like)
    assert xp is arrays.namespace(like)
    expected = [3.0, 2.5, 1.0, [1.0, 2.0], [[1.0], [1.0]], 0.5, [[1.0, 2.0]], [1.0, 0.0]]
    for array, values in zip(promoted, expected, strict=True):
        assert type(array) is type(like)
        assert array.dtype == backend.xp.float64
        assert arrays.device(array) == arrays.device(like)
        np.testing.assert_array_equal(backend.to_numpy(array), values)
        assert array.shape == np.shape(values)


def test_promote_without_like_follows_the_array_that_is_not_numpys(backend):
    x = backend.asarray([1.0])
    _, (host, same, nothing) = arrays.promote(np.ones(2), x, None)
    assert type(host) is type(same) is type(x)
    assert nothing is None


def test_promote_of_numbers_alone_gives_numpy():
    xp, (x, y) = arrays.promote(1, [2.0, 3.0])
    assert xp is array_api_compat.numpy
    assert (type(x), x.shape, y.shape) == (np.ndarray, (), (2,))


def test_promote_does_not_copy_what_fits(backend):
    x = backend.asarray([1.0, 2.0])
    assert arrays.promote(x)[1][0] is x


def test_promote_takes_read_only_memory_and_never_shares_it_with_another_library(backend):
    host = np.asarray([1.0, 2.0])
    host.setflags(write=False)
    _, (x,) = arrays.promote(host, like=backend.asarray(0.0))
    np.testing.assert_array_equal(backend.to_numpy(x), [1.0, 2.0])
    writable = np.asarray([1.0, 2.0])
    _, (x,) = arrays.promote(writable, like=backend.asarray(0.0))
    writable[0] = 5.0
    assert float(x[0]) == (5.0 if backend.name == "numpy" else 1.0)


def test_promote_refuses_two_libraries():
    strict = array_api_strict.ones(2)
    with pytest.raises(TypeError, match="got array_api_strict and numpy"):
        arrays.promote(strict, like=np.ones(2))  # nothing moves to the host by itself
    pytest.importorskip("torch")
    with pytest.raises(TypeError, match="got array_api_strict and torch"):
        arrays.promote(strict, arrays.backend("torch").asarray([1.0]))


def test_promote_refuses_two_devices():
    here, there = array_api_strict.ones(2), array_api_strict.ones(2, device=STRICT_DEVICE)
    with pytest.raises(ValueError, match=r"arrays must be on one device; got .*CPU_DEVICE.* and .*device1"):
        arrays.promote(here, there)
    with pytest.raises(ValueError, match=r"arrays must be on one device; got .*device1.* and .*CPU_DEVICE"):
        arrays.promote(here, like=there)


def test_promote_moves_numbers_to_the_device():
    there = array_api_strict.ones(2, device=STRICT_DEVICE)
    _, promoted = arrays.promote(1.0, np.ones(2), like=there)
    assert [arrays.device(x) for x in promoted] == [STRICT_DEVICE, STRICT_DEVICE]


@pytest.mark.parametrize("value", ["text", 1j, [1j], object(), np.asarray(["a"])])
def test_promote_refuses_what_is_not_real(value):
    with pytest.raises(TypeError, match="values must be real numbers"):
        arrays.promote(value)


def test_promote_refuses_complex_arrays(backend):
    with pytest.raises(TypeError, match="values must be real numbers"):
        arrays.promote(backend.asarray([1j]))


# to_numpy, Backend, backend


def test_to_numpy_keeps_values_and_kind(backend):
    for values in ([[1.0, math.inf]], [1, 2], [True, False], 2.5):
        array = arrays.to_numpy(backend.asarray(values))
        assert isinstance(array, np.ndarray)
        assert array.dtype.kind == np.asarray(values).dtype.kind
        np.testing.assert_array_equal(array, values)


def test_to_numpy_detaches_torch():
    torch = pytest.importorskip("torch")
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    np.testing.assert_array_equal(arrays.to_numpy(2.0 * x), [2.0, 2.0])


def test_asarray_makes_float64_of_floats_and_keeps_other_kinds(backend):
    if backend.name == "array-api-strict":
        pytest.skip("is no backend of the package")
    xp = backend.xp
    assert backend.asarray(np.ones(2, dtype=np.float32)).dtype == xp.float64
    assert xp.isdtype(backend.asarray([1, 2]).dtype, "integral")
    assert backend.asarray([True]).dtype == xp.bool


def test_backend_by_name():
    backend = arrays.backend()
    assert (backend.name, backend.device, backend.version) == ("numpy", "cpu", np.__version__)
    assert backend.xp is array_api_compat.numpy
    assert backend.asarray([1, 2], dtype=backend.xp.float64).dtype == np.float64
    np.testing.assert_array_equal(backend.to_numpy(backend.asarray([1.0])), [1.0])


def test_backend_travels_to_workers():
    assert pickle.loads(pickle.dumps(arrays.backend())) == arrays.backend()


def test_unknown_backend_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match=r"backend must be one of .*; got 'nunpy'\. Did you mean 'numpy'\?"):
        arrays.backend("nunpy")


@pytest.mark.parametrize("device", ["cuda", "mps", "gpu", ""])
def test_missing_device_is_refused(device):
    with pytest.raises(ValueError, match=rf"device must be one that numpy has .*; got '{device}' \(.*Try device='cpu'"):
        arrays.backend("numpy", device)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_missing_device_of_another_library_is_refused(name):
    pytest.importorskip(name)
    with pytest.raises(ValueError, match=rf"device must be one that {name} has .*; got 'cuda:63' \("):
        arrays.backend(name, "cuda:63")


@pytest.mark.parametrize("name", ["torch", "jax", "cupy"])
def test_missing_library_is_refused_with_the_command_that_installs_it(name):
    if name in arrays.installed_backends():
        pytest.skip(f"{name} is installed")
    with pytest.raises(ModuleNotFoundError, match=rf"got '{name}', which is not\. Install it: pip install .*{name}"):
        arrays.backend(name)


def test_installed_backends_are_found_without_import():
    script = """
import sys
from theorylab import arrays
found = arrays.installed_backends()
print(sorted(found), [name for name in ("torch", "jax", "cupy") if name in sys.modules])
"""
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    expected = [name for name in arrays.BACKENDS if importlib.util.find_spec(name) is not None]
    assert output.strip() == f"{sorted(expected)} []"
    assert arrays.installed_backends()["numpy"] == np.__version__


JAX_SCRIPT = """
import warnings
warnings.simplefilter("ignore")  # JAX's own word about float64 while it is off
import jax.numpy as jnp
from theorylab import arrays, validation
try:
    arrays.promote(jnp.ones(2))
except RuntimeError as error:
    print(error)
arrays.backend("jax")
print(arrays.promote(jnp.ones(2))[1][0].dtype)
"""


def test_jax_without_64_bits_is_refused_and_switched_on_by_the_backend():
    pytest.importorskip("jax")
    # in a process of its own: the switch holds for the whole process
    run = subprocess.run([sys.executable, "-c", JAX_SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    message, dtype = run.stdout.splitlines()
    assert message.startswith("JAX must have its 64-bit numbers switched on; got jax_enable_x64=False.")
    assert "jax.config.update('jax_enable_x64', True)" in message
    assert dtype == "float64"


class TestErf:
    def test_is_scipys_on_every_library(self, backend):
        values = [-6.0, -1.0, -1e-9, 0.0, 0.3, 2.5]
        result = arrays.erf(backend.asarray(values))
        assert arrays.namespace(result) is arrays.namespace(backend.asarray(values))
        np.testing.assert_allclose(arrays.to_numpy(result), [math.erf(value) for value in values], rtol=1e-14)


class TestFloat32:
    def test_is_kept_when_asked_for_and_all_arrays_have_it(self):
        single = np.ones(2, dtype=np.float32)
        _, (x, y) = arrays.promote(single, 2.0, keep_float32=True)
        assert x.dtype == y.dtype == np.float32

    def test_is_raised_otherwise(self):
        single = np.ones(2, dtype=np.float32)
        assert {x.dtype for x in arrays.promote(single, np.ones(2), keep_float32=True)[1]} == {np.dtype(np.float64)}
        assert arrays.promote(single)[1][0].dtype == np.float64
