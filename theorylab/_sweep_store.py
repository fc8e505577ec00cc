"""Finished points of a sweep on the disk: one file each, written whole, checked when read."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import outputs

__all__ = ["Store"]

_log = logging.getLogger("theorylab.sweeps")
_MAGIC = b"theorylab sweep point 1\n"


@dataclass(frozen=True)
class Store:
    """Results of the points of one sweep, each in a file of its own.

    A file is a header with a checksum and the pickled result.  It appears under its final name when it is whole, and
    its name is a digest of all that the result hangs on, so that concurrent sweeps can share a folder: they write the
    same bytes under the same name, or none.

    Parameters
    ----------
    folder : Path
        Where the files lie; made when the first one is written.
    keys : sequence of str
        Digest of each point, in the order of the points.
    """

    folder: Path
    keys: Sequence[str]

    def found(self) -> dict[int, Any]:
        """Results that are there and undamaged.

        Returns
        -------
        dict of int to object
            Position of the point to its result.
        """
        found = {}
        for index in range(len(self.keys)):
            with contextlib.suppress(FileNotFoundError, _DamagedError):
                found[index] = self._read(index)
        return found

    def keep(self, index: int, result: Any) -> None:
        """Write one result, whole or not at all.

        Parameters
        ----------
        index : int
            Position of the point.
        result : object
            Anything that can be pickled.
        """
        try:
            payload = pickle.dumps(result, protocol=5)
        except Exception as error:
            error.add_note(f"The result of points[{index}] cannot be pickled, and so cannot be cached.")
            raise
        outputs.write_atomic(self._path(index), self._header(index, payload) + payload)

    def _read(self, index: int) -> Any:
        path = self._path(index)
        content = path.read_bytes()
        payload = content[len(_MAGIC) + hashlib.sha256().digest_size :]
        try:
            if not content.startswith(self._header(index, payload)):
                raise ValueError("its checksum does not fit")
            return pickle.loads(payload)
        except Exception as error:
            _log.warning("The cached point %s is damaged and is computed anew: %s.", path, error)
            raise _DamagedError from error

    def _path(self, index: int) -> Path:
        key = self.keys[index]
        return self.folder / key[:2] / f"{key}.point"

    def _header(self, index: int, payload: bytes) -> bytes:
        # with the key, so that a file under a wrong name is noticed as well
        return _MAGIC + hashlib.sha256(self.keys[index].encode() + payload).digest()


class _DamagedError(Exception):
    pass
