"""What works on this machine: array libraries and devices, Python, BLAS threads, the lock file against the install."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, TextIO

from theorylab.suite.plan import LOCK_FILE

__all__ = ["examine", "lock_mismatches"]

_DEVICES = {"numpy": ("cpu",), "cupy": ("cuda",)}
_ANY_DEVICE = ("cpu", "cuda")
_TIMEOUT_SECONDS = 180  # the first use of a GPU compiles


def examine(root: Path | None, stream: TextIO) -> int:
    """Print what works here.

    Parameters
    ----------
    root : Path or None
        Project whose lock file is compared with what is installed.
    stream : TextIO
        Where to.

    Returns
    -------
    int
        0, or 1 when an installed array library fails on a device that is there, or an installed version is not the
        locked one.
    """
    known = _ask()
    lines = [f"python    {platform.python_version()} ({platform.platform()}), {os.cpu_count()} cores"]
    failed = "error" in known
    if failed:
        lines.append(f"arrays    cannot be imported: {known['error']}")
    for backend in known.get("known", ()):
        told, works = _backend_lines(backend, known["installed"])
        lines += told
        failed |= not works
    if root is not None and (root / LOCK_FILE).is_file():
        mismatches = lock_mismatches((root / LOCK_FILE).read_text(encoding="utf-8"))
        lines.append(f"lock      {len(mismatches) or 'no'} differences between {LOCK_FILE} and what is installed")
        lines += [f"          {line}" for line in mismatches]
        failed |= bool(mismatches)
    stream.write("\n".join(lines) + "\n")
    return int(failed)


def lock_mismatches(lock: str) -> list[str]:
    """Packages whose installed version is not one that a lock file names.

    Parameters
    ----------
    lock : str
        Contents in the format of pip's requirements.

    Returns
    -------
    list of str
        One line per package.  A package that is locked only for some machines may be missing.
    """
    locked: dict[str, set[str]] = {}
    everywhere: set[str] = set()
    for name, version, marker in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ \t]*(;?)", lock, flags=re.MULTILINE):
        locked.setdefault(name, set()).add(version)
        if not marker:
            everywhere.add(name)
    lines = []
    for name, versions in sorted(locked.items()):
        installed = _installed_version(name)
        wanted = " or ".join(sorted(versions))
        if installed is None and name in everywhere:
            lines.append(f"{name} {wanted} is locked, but it is not installed")
        elif installed is not None and installed not in versions:
            lines.append(f"{name} {wanted} is locked, but {installed} is installed")
    return lines


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except Exception:  # a damaged package directory raises more than PackageNotFoundError
        return None


def _backend_lines(backend: str, installed: dict[str, str]) -> tuple[list[str], bool]:
    """Lines for one array library, and whether it works wherever its device is there."""
    if backend not in installed:
        return [f"{backend:<9} not installed"], True
    lines, works = [], True
    for device in _DEVICES.get(backend, _ANY_DEVICE):
        answer = _ask(backend, device)
        state = answer.get("state", "BROKEN")
        label = f"{backend:<9} {installed[backend]} on {device}: {state}"
        if state == "not there":
            lines.append(f"{label} ({answer['detail']})")
        elif "error" in answer:
            lines.append(f"{label} ({answer['error']})")
        else:
            lines.append(
                f"{label}, {answer['seconds']:.2f} s; relative error matmul {answer['matmul']:.0e}, "
                f"eigh {answer['eigh']:.0e}"
            )
            if (backend, device) == ("numpy", "cpu"):
                lines.append(f"blas      threads: {answer['blas']}")
        works &= state in ("works", "not there")
    return lines, works


def _ask(*arguments: str) -> dict[str, Any]:
    """Answer of :mod:`theorylab.suite.smoke`, or ``error`` where it gave none."""
    command = [sys.executable, "-m", "theorylab.suite.smoke", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)}
    if done.returncode < 0:
        return {"error": f"the process was killed by signal {-done.returncode}"}
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": (done.stderr.strip().splitlines() or ["it said nothing"])[-1]}
    return answer
