"""Streams: the same for the same path, unrelated for different ones."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorylab import randomness

paths = st.lists(st.integers(-(2**70), 2**70) | st.text(max_size=4), max_size=3).map(tuple)
seeds = st.integers(0, 2**128 - 1)


@given(seed=seeds, path=paths)
def test_a_path_has_one_stream(seed, path):
    first, second = randomness.generator(seed, *path), randomness.generator(seed, *path)
    np.testing.assert_array_equal(first.random(4), second.random(4))


@given(seed=seeds, path=paths, other_seed=seeds, other_path=paths)
def test_other_paths_and_seeds_have_other_streams(seed, path, other_seed, other_path):
    same = (seed, path) == (other_seed, other_path)
    first, second = randomness.generator(seed, *path), randomness.generator(other_seed, *other_path)
    assert (first.random() == second.random()) == same


def test_parts_of_a_path_are_not_confused():
    written = [
        (),
        ("",),
        (1,),
        ("1",),
        (1, 2),
        (12,),
        ("12",),
        ("1", 2),
        ("1,2",),
        ("a", "b"),
        ("ab",),
        ("a,b",),
        ("b", "a"),
    ]
    numbers = {randomness.generator(0, *path).random() for path in written}
    assert len(numbers) == len(written)


def test_streams_are_pinned():
    # The numbers behind every figure: a change of these lines changes them all.
    assert randomness.seed_sequence(0, "noise", 3).generate_state(2).tolist() == [1858467814, 2751465967]
    assert randomness.generator(0, "noise", 3).integers(2**32, size=2).tolist() == [2409535937, 1923507438]
    assert type(randomness.generator(0).bit_generator) is np.random.PCG64DXSM


def test_without_a_path_it_is_numpys_own_seed():
    assert (
        randomness.seed_sequence(7).generate_state(4).tolist() == np.random.SeedSequence(7).generate_state(4).tolist()
    )


def test_trials_do_not_depend_on_their_number():
    few, many = randomness.generators(3, 2, "trial"), randomness.generators(3, 5, "trial")
    expected = [randomness.generator(3, "trial", index).random() for index in range(5)]
    assert [rng.random() for rng in few] == expected[:2]
    assert [rng.random() for rng in many] == expected
    assert randomness.generators(3, 0) == []


def test_order_and_workers_do_not_matter():
    def draw(index):
        return randomness.generator(5, "sweep", index).random()

    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(draw, reversed(range(20))))
    assert backwards[::-1] == [draw(index) for index in range(20)]


def test_neighbouring_streams_are_uncorrelated():
    # 40 streams of 10000 numbers: of 780 correlations, each N(0, 1/n), one beyond 5 sigma comes once in 2200 seeds
    n = 10_000
    draws = np.stack([rng.standard_normal(n) for rng in randomness.generators(0, 40, "correlation")])
    correlations = np.corrcoef(draws)[np.triu_indices(40, 1)] * math.sqrt(n)
    assert np.abs(correlations).max() < 5.0
    # and they scatter as much as chance makes them: the variance of 780 of them is 1 +- 0.05
    assert abs(np.var(correlations) - 1.0) < 0.2


def test_lagged_streams_are_uncorrelated():
    # a stream is no shifted copy of the next one: FFT correlation over all lags, 20000 of N(0, 1), 6 sigma
    n = 20_000
    first, second = (rng.standard_normal(n) for rng in randomness.generators(0, 2, "lag"))
    lagged = np.fft.irfft(np.fft.rfft(first) * np.conj(np.fft.rfft(second)), n) / math.sqrt(n)
    assert np.abs(lagged).max() < 6.0


@pytest.mark.parametrize("seed", [-1, 0.5, math.nan, 2**128])
def test_bad_seed_is_refused(seed):
    with pytest.raises(ValueError, match="^seed must be "):
        randomness.generator(seed)


@pytest.mark.parametrize("seed", [None, "0", True, [1]])
def test_seed_of_a_wrong_type_is_refused(seed):
    with pytest.raises(TypeError, match="^seed must be "):
        randomness.seed_sequence(seed)


@pytest.mark.parametrize("part", [None, 1.5, True, b"a", ("a",)])
def test_path_of_a_wrong_type_is_refused(part):
    with pytest.raises(TypeError, match="path must be made of integers and strings"):
        randomness.generator(0, "a", part)


def test_numpy_integers_number_a_stream_as_well():
    assert randomness.generator(0, np.int64(3)).random() == randomness.generator(0, 3).random()
    with pytest.raises(ValueError, match="^count must be "):
        randomness.generators(0, -1)
