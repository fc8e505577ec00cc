"""Random numbers that depend on a seed and a path of names, and on nothing else.

A stream belongs to its path, ``generator(seed, "noise", trial)``: it is the same whatever was drawn before, on however
many workers, and for any backend, because numbers are drawn on the host and moved to the device once::

    noise = backend.asarray(randomness.generator(seed, "noise", trial).standard_normal(n_samples))

The generator is PCG64DXSM: NumPy's own advice for many parallel streams, since its output mixes better than that of the
default, PCG64; and a little faster at normal numbers than Philox.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Iterable

import numpy as np

from theorylab import validation

__all__ = ["generator", "generators", "seed_sequence"]


def seed_sequence(seed: int, *path: int | str) -> np.random.SeedSequence:
    """Seed of the stream that belongs to a path.

    The path's SHA-256 is the spawn key, so that different paths give independent streams whatever the order in which
    they are asked for.

    Parameters
    ----------
    seed : int
        Seed of the whole computation, in [0, 2**128).
    *path : int or str
        What the stream is for.  ``1`` and ``"1"`` differ, and so do ``("a", "b")`` and ``("ab",)``.

    Returns
    -------
    numpy.random.SeedSequence
        Without a path it is ``SeedSequence(seed)``.

    Raises
    ------
    TypeError
        If the seed is not a number, or a part of the path neither int nor str.
    ValueError
        If the seed is negative, not whole or too large.

    Examples
    --------
    >>> seed_sequence(0, "noise", 3).generate_state(2)
    array([1858467814, 2751465967], dtype=uint32)
    """
    entropy = int(validation.check_count("seed", seed, minimum=0))
    if entropy >= 2**128:  # longer seeds would run into the spawn key
        raise ValueError(f"seed must be below 2**128; got {entropy}. Take a smaller one.")
    return np.random.SeedSequence(entropy, spawn_key=_spawn_key(path))


def generator(seed: int, *path: int | str) -> np.random.Generator:
    """Generator of the stream that belongs to a path.

    Parameters
    ----------
    seed : int
        Seed of the whole computation, in [0, 2**128).
    *path : int or str
        What the stream is for, as in :func:`seed_sequence`.

    Returns
    -------
    numpy.random.Generator
        A fresh generator at the start of its stream.

    Examples
    --------
    >>> bool(generator(0, "noise", 3).random() == generator(0, "noise", 3).random())
    True
    """
    return np.random.Generator(np.random.PCG64DXSM(seed_sequence(seed, *path)))


def generators(seed: int, count: int, *path: int | str) -> list[np.random.Generator]:
    """Generators of independent streams, one for each trial.

    Parameters
    ----------
    seed : int
        Seed of the whole computation, in [0, 2**128).
    count : int
        Number of streams; the first ones do not depend on it.
    *path : int or str
        What the streams are for.

    Returns
    -------
    list of numpy.random.Generator
        Entry i is ``generator(seed, *path, i)``.

    Examples
    --------
    >>> len(generators(0, 3, "trial"))
    3
    """
    return [generator(seed, *path, index) for index in range(int(validation.check_count("count", count, minimum=0)))]


def _spawn_key(path: Iterable[int | str]) -> tuple[int, ...]:
    parts: list[int | str] = []
    for part in path:
        if isinstance(part, bool) or not (isinstance(part, str) or hasattr(part, "__index__")):
            raise TypeError(
                f"path must be made of integers and strings; got {part!r} ({type(part).__name__}). "
                "Name the stream, or number it."
            )
        parts.append(part if isinstance(part, str) else operator.index(part))
    if not parts:
        return ()
    # JSON keeps "1" apart from 1 and ("a", "b") from ("ab",)
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return tuple(int(word) for word in np.frombuffer(digest, dtype="<u4"))
