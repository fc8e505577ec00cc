"""Image sets of OpenML: downloaded once, checked, and kept as unsigned bytes.

A file is believed for three reasons.  Its SHA-256 is the one that is pinned here or by the caller.  Where no pin is
known, the first download is trusted: its SHA-256 is logged, written beside the data, and required ever after.  And in
either case the contents must have the declared shape, range of values and number of samples in each class.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from . import _arff, _progress, outputs, validation

__all__ = ["ChecksumMismatch", "DatasetUnavailable", "Images", "MalformedDataset", "OpenMLSource", "fetch"]

_BASE_URL = "https://api.openml.org/data/v1/download"
_FORMAT = 1
_log = logging.getLogger("theorylab.datasets")


class DatasetUnavailable(RuntimeError):
    """A data set is neither in the cache nor to be had from the network; the message says what to do."""


class ChecksumMismatch(RuntimeError):
    """A file is not the one that was asked for.

    Parameters
    ----------
    message : str
        What was found where, and what to do.
    expected, received : str
        SHA-256 of the uncompressed file, as 64 hexadecimal digits.
    """

    def __init__(self, message: str, expected: str, received: str) -> None:
        super().__init__(message, expected, received)
        self.expected = expected
        self.received = received

    def __str__(self) -> str:
        return str(self.args[0])


class MalformedDataset(RuntimeError):
    """A file does not hold what its source declares: shape, range of values, class sizes."""


@dataclass(frozen=True)
class OpenMLSource:
    """Where an image set lies on OpenML, and what it must hold.

    The file is a dense ARFF file of integers 0..255, with one more column, `target`, of classes 0, 1, ...

    Parameters
    ----------
    name : str
        Name of the set and of its files in the cache: letters, digits, ``_`` and ``-``.
    file_id : int
        OpenML's number of the file (not of the data set).
    file_name : str
        Name of the file, the last part of its address.
    n_features : int
        Number of columns beside `target`.
    class_counts : tuple of int
        Number of samples in each class.
    target : str, default="class"
        Column of the classes.
    target_names : tuple of str
        Name of each class; its number where they are not given.
    sha256 : str, optional
        SHA-256 of the uncompressed file.  Without it the first download is trusted.
    description : str
        What the samples are, and in which order.
    """

    name: str
    file_id: int
    file_name: str
    n_features: int
    class_counts: tuple[int, ...]
    target: str = "class"
    target_names: tuple[str, ...] = ()
    sha256: str | None = None
    description: str = ""

    def __post_init__(self) -> None:
        for label, value in (("name", self.name), ("file_name", self.file_name)):
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
                raise ValueError(
                    f"{label} must be a plain file name; got {value!r}. Use letters, digits, '_', '-', '.'."
                )
        validation.check_count("file_id", self.file_id)
        validation.check_count("n_features", self.n_features)
        validation.check_array("class_counts", self.class_counts, ndim=1, minimum=0)
        if not self.target_names:
            object.__setattr__(self, "target_names", tuple(str(label) for label in range(len(self.class_counts))))
        validation.check_same_length(class_counts=self.class_counts, target_names=self.target_names)
        check_sha256(self.sha256)

    @property
    def n_samples(self) -> int:
        """Number of samples in all classes."""
        return sum(self.class_counts)

    def url(self, base_url: str | None = None) -> str:
        """Address of the file.

        Parameters
        ----------
        base_url : str, optional
            Address of a mirror, to which ``/<file_id>/<file_name>`` is added; OpenML's own by default.

        Returns
        -------
        str
            The address.
        """
        return f"{(base_url or _BASE_URL).rstrip('/')}/{self.file_id}/{self.file_name}"


@dataclass(frozen=True, eq=False)
class Images:
    """Samples as they are kept on the disk.

    Parameters
    ----------
    X : ndarray of uint8, shape (n_samples, n_features)
        Pixels.
    y : ndarray of uint8, shape (n_samples,)
        Classes.
    sha256 : str
        Of the uncompressed file that they were read from.
    """

    X: NDArray[np.uint8]
    y: NDArray[np.uint8]
    sha256: str


def fetch(
    source: OpenMLSource,
    folder: Path,
    *,
    base_url: str | None = None,
    sha256: str | None = None,
    progress: bool | None = None,
) -> Images:
    """Read a set from the cache, and bring it there first where it is not.

    Parameters
    ----------
    source : OpenMLSource
        The set.
    folder : Path
        The cache.  A file that was put there by hand under ``source.file_name``, plain or with ``.gz``, is taken in
        place of a download.
    base_url : str, optional
        Address of a mirror.
    sha256 : str, optional
        Pin that takes precedence over the one of `source`.
    progress : bool, optional
        Whether a progress bar is shown; None decides by the surroundings.

    Returns
    -------
    Images
        The samples.

    Raises
    ------
    DatasetUnavailable
        If the download fails.
    ChecksumMismatch
        If the file, or what the cache was made from, has another SHA-256.
    MalformedDataset
        If the contents are not as declared.
    """
    check_sha256(sha256)
    kept = _Kept(folder, source)
    recorded = kept.recorded_sha256()
    pinned = sha256 or source.sha256
    if recorded and pinned and recorded != pinned:
        raise ChecksumMismatch(
            f"{kept.record} says that {source.name!r} was read from a file with SHA-256\n  {recorded}, not\n  "
            f"{pinned}.\nDelete {kept.record} to have the set read anew, or pass sha256={recorded!r} to accept it.",
            pinned,
            recorded,
        )
    images = kept.read()
    if images is None:
        images = _obtain(source, folder, source.url(base_url), pinned or recorded, progress)
        kept.write(images, source.url(base_url))
        if not pinned and not recorded:
            _log.warning(
                "No SHA-256 is known for %r. The first download is trusted; it has %s, which is recorded in %s and "
                "required from now on. Compare it with a colleague's, or pass it as sha256=.",
                source.name,
                images.sha256,
                kept.record,
            )
    return images


def check_sha256(value: str | None) -> None:
    """Require 64 hexadecimal digits, or None.

    Parameters
    ----------
    value : str or None
        The argument `sha256`.
    """
    if value is not None and not (isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value)):
        raise ValueError(f"sha256 must be 64 lower-case hexadecimal digits; got {value!r}. Run sha256sum on the file.")


class _Kept:
    """A set in the cache: the arrays, and a record that says what they were read from and what their bytes are."""

    def __init__(self, folder: Path, source: OpenMLSource) -> None:
        self.source = source
        self.record = folder / f"{source.name}.json"
        self.arrays = folder / f"{source.name}.npz"

    def recorded_sha256(self) -> str | None:
        return self._entries().get("sha256")

    def read(self) -> Images | None:
        """The set, or None where it is not there or damaged."""
        entries = self._entries()
        if not entries or not self.arrays.is_file():
            return None
        if _sha256(self.arrays) != entries.get("arrays_sha256"):
            _log.warning("%s is damaged and is made anew.", self.arrays)
            return None
        with np.load(self.arrays, allow_pickle=False) as stored:
            return Images(stored["X"], stored["y"], entries["sha256"])

    def write(self, images: Images, url: str) -> None:
        with outputs.atomic_path(self.arrays) as temporary:
            np.savez(temporary, X=images.X, y=images.y)
            digest = _sha256(temporary)
        entries = {"format": _FORMAT, "url": url, "sha256": images.sha256, "arrays_sha256": digest}
        # the record comes last: arrays without one are not looked at
        outputs.write_atomic(self.record, json.dumps(entries, indent=2) + "\n")

    def _entries(self) -> dict[str, Any]:
        try:
            entries = json.loads(self.record.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            _log.warning("%s is damaged and is written anew.", self.record)
            return {}
        return entries if isinstance(entries, dict) and entries.get("format") == _FORMAT else {}


def _obtain(source: OpenMLSource, folder: Path, url: str, expected: str | None, progress: bool | None) -> Images:
    by_hand = [folder / f"{source.file_name}{suffix}" for suffix in ("", ".gz")]
    for path in by_hand:
        if path.is_file():
            return _checked(source, path, str(path), expected, "The file was left where it is; replace or delete it")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{source.name}-", dir=folder) as temporary:
        path = Path(temporary) / source.file_name
        _download(source, url, path, folder, progress)
        return _checked(source, path, url, expected, "The download was removed; try again")


def _download(source: OpenMLSource, url: str, path: Path, folder: Path, progress: bool | None) -> None:
    import pooch

    bar = _progress.bar(1, progress=progress, description=source.name, unit="B")  # pooch sets the total when it knows
    try:
        with bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**20, timeout=60)(url, str(path), None)
    except OSError as error:  # what requests raises is a kind of it
        raise DatasetUnavailable(
            f"The data set {source.name!r} is not in the cache folder {folder}, and {url} cannot be downloaded: "
            f"{error}\nRun once with a network connection; or put the file there by hand, as "
            f"{source.file_name} or {source.file_name}.gz; or point cache_directory or $THEORYLAB_CACHE to a folder "
            "that has it; or use a set that needs no network: digits, wine, breast_cancer, diabetes, iris."
        ) from error


def _checked(source: OpenMLSource, path: Path, origin: str, expected: str | None, advice: str) -> Images:
    try:
        received = _sha256(path, unpack=True)
        if expected is not None and received != expected:
            raise ChecksumMismatch(
                f"{origin} has SHA-256\n  {received}, not\n  {expected}\nas {source.name!r} must have. {advice}. If "
                f"you trust this file all the same, pass sha256={received!r}.",
                expected,
                received,
            )
        with _open(path) as file:
            X, y = _arff.read_dense(
                file, n_features=source.n_features, class_counts=source.class_counts, target=source.target
            )
    except (ValueError, EOFError, gzip.BadGzipFile) as error:
        raise MalformedDataset(f"{origin} is not the data set {source.name!r}: {error}. {advice}.") from error
    return Images(X, y, received)


def _open(path: Path) -> TextIO:
    if _is_gzip(path):
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _sha256(path: Path, unpack: bool = False) -> str:
    with gzip.open(path) if unpack and _is_gzip(path) else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
