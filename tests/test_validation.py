"""The guards: what they refuse, and that the message says argument, requirement and value."""

import math
from fractions import Fraction

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from theorylab import validation

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from(["ridge", "n_samples", "X", "eigenvalues"])
not_numbers = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.complex_numbers(min_magnitude=0.5),
    st.dictionaries(st.text(max_size=2), finite, max_size=2),
    st.builds(object),
)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)


def refused(error, name, guard, *args, **kwargs):
    """Assert that the guard refuses and that the message starts with the argument and its requirement."""
    with pytest.raises(error) as caught:
        guard(name, *args, **kwargs)
    message = str(caught.value)
    assert message.startswith(f"{name} must be ")
    assert "; got " in message
    assert message[-1] in ".?)"
    return message


# check_array


@given(name=names, value=hnp.arrays(np.float64, shapes, elements=finite))
def test_good_array_passes_unchanged(name, value):
    assert validation.check_array(name, value) is value


@given(name=names, value=hnp.arrays(np.float64, shapes, elements=finite), bad=st.sampled_from([math.nan, math.inf]))
def test_array_with_one_bad_entry_is_refused_with_its_place(name, value, bad):
    index = (value.shape[0] - 1, *(0 for _ in value.shape[1:])) if value.ndim else ()
    value[index] = bad
    message = refused(ValueError, name, validation.check_array, value)
    assert f"got {bad}" in message
    if value.ndim:
        assert f"1 of {value.size} entries" in message


@given(name=names, value=not_numbers)
def test_what_is_no_number_is_refused_as_array(name, value):
    refused(TypeError, name, validation.check_array, value)
    refused(TypeError, name, validation.check_array, [value, value])


@given(name=names, value=hnp.arrays(np.float64, shapes, elements=finite), minimum=finite)
def test_array_bounds(name, value, minimum):
    if (value >= minimum).all():
        assert validation.check_array(name, value, minimum=minimum) is value
    else:
        assert f">= {minimum:g}" in refused(ValueError, name, validation.check_array, value, minimum=minimum)
    if (value <= minimum).all():
        assert validation.check_array(name, value, maximum=minimum) is value
    else:
        assert f"<= {minimum:g}" in refused(ValueError, name, validation.check_array, value, maximum=minimum)


@given(name=names, value=hnp.arrays(np.float64, shapes, elements=finite), ndim=st.integers(0, 3))
def test_array_ndim(name, value, ndim):
    if value.ndim == ndim:
        assert validation.check_array(name, value, ndim=ndim) is value
        assert validation.check_array(name, value, shape=value.shape) is value
        assert validation.check_array(name, value, shape=(None,) * ndim) is value
    else:
        assert str(value.shape) in refused(ValueError, name, validation.check_array, value, ndim=ndim)
        refused(ValueError, name, validation.check_array, value, shape=(None,) * ndim)


def test_exclusive_minimum():
    assert validation.check_array("x", 1.0, exclusive_minimum=0.0) == 1.0
    message = refused(ValueError, "x", validation.check_array, [[1.0], [0.0]], exclusive_minimum=0.0)
    assert "finite and > 0; got 0.0 at index (1, 0) (1 of 2 entries). Pass values in (0, inf)." in message


def test_infinite_entries_only_on_request():
    value = np.asarray([1.0, math.inf, -math.inf])
    assert validation.check_array("x", value, allow_infinite=True) is value
    assert "Pass values in [-inf, inf]" in refused(
        ValueError, "x", validation.check_array, [math.nan], allow_infinite=True
    )


def test_wrong_length_of_an_axis():
    message = refused(ValueError, "x", validation.check_array, np.zeros((2, 3)), shape=(None, 4))
    assert "shape (any, 4); got shape (2, 3)" in message
    assert "shape (3,); got shape (2,)" in refused(ValueError, "x", validation.check_array, [1, 2], shape=(3,))
    assert "1 or 2 axes" in refused(ValueError, "x", validation.check_array, 1.0, ndim=(1, 2))


def test_axes_in_words():
    assert "an array with 1 axis; got shape ()." in refused(ValueError, "x", validation.check_array, 1.0, ndim=1)
    assert "an array with 2 axes; got shape (1,)." in refused(ValueError, "x", validation.check_array, [1.0], ndim=2)


@pytest.mark.parametrize(("length", "shown"), [(38, "x" * 38 + "'."), (39, "x" * 36 + "....")])
def test_long_values_are_cut_in_messages(length, shown):
    message = refused(TypeError, "x", validation.check_number, "x" * length)
    assert f"got str '{shown} Pass" in message


def test_empty_only_on_request():
    assert "shape (0,)" in refused(ValueError, "x", validation.check_array, [])
    assert validation.check_array("x", np.zeros((0, 3)), allow_empty=True).shape == (0, 3)


def test_ragged_and_masked_input():
    refused(ValueError, "x", validation.check_array, [[1.0, 2.0], [3.0]])
    refused(ValueError, "x", validation.check_array, np.ma.masked_array([1.0, 2.0], mask=[False, True]))


@pytest.mark.parametrize("value", [3, True, [1, 2], (True, False), np.int8(4)])
def test_lists_integers_and_booleans_become_float64(value):
    checked = validation.check_array("x", value)
    assert isinstance(checked, np.ndarray)
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, np.asarray(value, dtype=np.float64))


def test_float32_stays():
    value = np.ones(3, dtype=np.float32)
    assert validation.check_array("x", value) is value


def test_library_and_device_stay(backend):
    value = backend.asarray([1.0, 2.0])
    assert validation.check_array("x", value) is value
    whole = validation.check_array("x", backend.asarray([1, 2]))
    assert type(whole) is type(value)
    assert whole.dtype == backend.xp.float64
    assert "index 1" in refused(ValueError, "x", validation.check_array, backend.asarray([1.0, math.nan]))
    refused(TypeError, "x", validation.check_array, backend.asarray([1j]))


# check_number


@given(name=names, value=st.one_of(finite, st.integers(-(2**53), 2**53)))
def test_good_number_passes_unchanged(name, value):
    number = validation.check_number(name, value)
    assert type(number) is float
    assert number == value


def test_other_real_numbers():
    assert validation.check_number("x", Fraction(1, 4)) == 0.25
    assert type(validation.check_number("x", np.float32(0.5))) is float


@given(name=names, value=not_numbers | st.booleans() | st.lists(finite))
def test_what_is_no_number_is_refused(name, value):
    refused(TypeError, name, validation.check_number, value)


@given(name=names, value=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_number_is_finite(name, value):
    assert f"got {value}" in refused(ValueError, name, validation.check_number, value)


@given(value=finite, bound=finite)
def test_number_bounds(value, bound):
    cases = {"minimum": value >= bound, "maximum": value <= bound}
    cases |= {"exclusive_minimum": value > bound, "exclusive_maximum": value < bound}
    for keyword, good in cases.items():
        if good:
            assert validation.check_number("x", value, **{keyword: bound}) == value
        else:
            assert f"{bound:g}" in refused(ValueError, "x", validation.check_number, value, **{keyword: bound})


def test_number_message():
    message = refused(ValueError, "x", validation.check_number, -1, minimum=0, exclusive_maximum=1)
    assert message == "x must be a finite number >= 0 and < 1; got -1. Pass a number in [0, 1)."


def test_infinite_number_only_on_request():
    assert validation.check_number("x", math.inf, allow_infinite=True) == math.inf
    refused(ValueError, "x", validation.check_number, -math.inf, minimum=0, allow_infinite=True)
    refused(ValueError, "x", validation.check_number, math.nan, allow_infinite=True)
    refused(ValueError, "x", validation.check_number, 10**400)


def test_number_from_an_array_without_axes(backend):
    assert validation.check_number("x", backend.asarray(2.5)) == 2.5
    assert "shape (1,)" in refused(TypeError, "x", validation.check_number, backend.asarray([2.5]))


# check_count


@given(value=st.integers(1, 2**70))
def test_good_count_passes_unchanged(value):
    count = validation.check_count("n", value)
    assert type(count) is int
    assert count == value


@given(value=st.integers(1, 2**53).map(float))
def test_whole_float_becomes_int(value):
    count = validation.check_count("n", value)
    assert type(count) is int
    assert count == value


@given(value=st.integers(max_value=0) | finite.filter(lambda x: x != int(x)) | st.sampled_from([math.nan, math.inf]))
def test_bad_count_is_refused(value):
    assert "whole number >= 1" in refused(ValueError, "n", validation.check_count, value)


@given(value=not_numbers | st.booleans() | st.lists(finite))
def test_what_is_no_count_is_refused(value):
    refused(TypeError, "n", validation.check_count, value)


def test_infinite_count_only_on_request():
    assert validation.check_count("k", math.inf, allow_infinite=True) == math.inf
    refused(ValueError, "k", validation.check_count, -math.inf, allow_infinite=True)
    assert "or inf" in refused(ValueError, "k", validation.check_count, 0, allow_infinite=True)
    assert validation.check_count("k", 0, minimum=0) == 0


# check_choice, check_same_length


@given(value=st.text(), choices=st.lists(st.text(min_size=1), min_size=1))
def test_choice(value, choices):
    if value in choices:
        assert validation.check_choice("backend", value, choices) == value
    else:
        message = refused(ValueError, "backend", validation.check_choice, value, choices)
        assert all(repr(choice) in message for choice in choices)


@given(value=not_numbers.filter(lambda value: not isinstance(value, str)))
def test_choice_is_a_string(value):
    refused(TypeError, "backend", validation.check_choice, value, ["numpy"])


def test_choice_suggests_the_nearest():
    message = refused(ValueError, "profile", validation.check_choice, "quik", ("quick", "full"))
    assert message.endswith("Did you mean 'quick'?")
    assert "mean" not in refused(ValueError, "profile", validation.check_choice, "zzz", ("quick", "full"))


@given(rows=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_same_length(rows):
    named = {f"x{i}": np.zeros((n, 2)) for i, n in enumerate(rows)}
    if len(set(rows)) == 1:
        assert validation.check_same_length(**named) == rows[0]
    else:
        with pytest.raises(ValueError, match=rf"^x\d must be as long as x0, {rows[0]} rows; got "):
            validation.check_same_length(**named)


def test_same_length_needs_an_axis():
    with pytest.raises(ValueError, match=r"^y must be an array with at least one axis; got 3\.0"):
        validation.check_same_length(X=[1.0], y=3.0)
    assert validation.check_same_length(X=array_api_strict.zeros((2, 3)), y=[1, 2]) == 2


@given(rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_square(rows, columns):
    value = np.ones((rows, columns))
    if rows == columns:
        assert validation.check_square("K", value) is value
    else:
        with pytest.raises(ValueError, match=rf"^K must be square; got shape \({rows}, {columns}\)\. Pass"):
            validation.check_square("K", value)


def test_square_is_a_matrix_of_numbers():
    assert validation.check_square("K", [[1]]).dtype == np.float64
    refused(ValueError, "K", validation.check_square, [1.0])
    refused(ValueError, "K", validation.check_square, [[math.nan]])
