"""Where results go, and the rule that a file appears under its final name only when it is whole.

Every file that theorylab writes passes through :func:`write_atomic` or :func:`atomic_path`: the bytes go to a temporary
file in the same folder, are flushed to the disk, and are renamed over the final name in one step.  A process that is
killed in between leaves the old file as it was.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["atomic_path", "cache_directory", "output_directory", "provenance", "versions", "write_atomic"]

#: The packages whose versions can change a digit of a result.
_NUMERICAL_PACKAGES = ("theorylab", "numpy", "scipy", "scikit-learn", "matplotlib")


def output_directory() -> Path:
    """Folder that figures and claim records are written to.

    Returns
    -------
    Path
        ``$THEORYLAB_OUTPUT`` where it is set (the build points it to a staging folder); else ``figures/`` of the
        project that the working directory lies in; else ``figures/`` in the working directory.
    """
    chosen = os.environ.get("THEORYLAB_OUTPUT")
    if chosen:
        return Path(chosen)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder / "figures"
    return here / "figures"


def cache_directory() -> Path:
    """Folder for what may be deleted at any time: downloaded data and finished points of sweeps.

    Returns
    -------
    Path
        ``$THEORYLAB_CACHE`` where it is set, else ``theorylab`` in the user's cache folder.
    """
    chosen = os.environ.get("THEORYLAB_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "theorylab"


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Temporary path in the folder of `path` that becomes `path` when the block ends without an error.

    Parameters
    ----------
    path : Path or str
        Final name.  Its folder is made when it is not there.

    Yields
    ------
    Path
        A path with the same suffix to write to.  It is removed when the block raises; `path` is then untouched.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{final.stem}-", suffix=final.suffix, dir=final.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _flush_to_disk(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files private; a result is as readable as any other file
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path | str, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees either the old file or the whole new one.

    Parameters
    ----------
    path : Path or str
        Final name.  Its folder is made when it is not there.
    data : bytes or str
        Contents; a string is encoded as UTF-8.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a digit of a result.

    Returns
    -------
    dict of str to str
        Package name to version; packages that are not installed are left out.
    """
    found = {"python": platform.python_version()}
    for package in _NUMERICAL_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def provenance() -> dict[str, Any]:
    """What the results of this process come from.

    Returns
    -------
    dict
        The JSON object in ``$THEORYLAB_PROVENANCE`` (parameters, profile, seed, backend, device, content key of the
        code) where the build has set it, with :func:`versions` added; else the versions alone.

    Raises
    ------
    ValueError
        If ``$THEORYLAB_PROVENANCE`` is not a JSON object.
    """
    text = os.environ.get("THEORYLAB_PROVENANCE") or "{}"
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"THEORYLAB_PROVENANCE must be a JSON object; got {text!r}. Unset it.") from error
    if not isinstance(given, dict):
        raise ValueError(f"THEORYLAB_PROVENANCE must be a JSON object; got {text!r}. Unset it.")
    return {**given, "versions": versions()}


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
