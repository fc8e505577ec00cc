"""Progress bars for people, silence for machines."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["bar", "style"]


def style(
    progress: bool | None, *, environment: Mapping[str, str], terminal: bool, kernel: bool, widgets: bool
) -> Literal["text", "notebook", "silent"]:
    """How progress is shown.

    Parameters
    ----------
    progress : bool or None
        True and False are orders.  None shows a bar where somebody looks on: in a terminal, or in a notebook that can
        draw widgets; not under continuous integration, and not where ``THEORYLAB_PROGRESS`` is ``off``.
    environment : mapping
        Environment variables.
    terminal : bool
        Whether the standard error stream is a terminal.
    kernel : bool
        Whether the process is a Jupyter kernel.
    widgets : bool
        Whether ipywidgets is installed.

    Returns
    -------
    str
        ``"text"``, ``"notebook"`` or ``"silent"``.
    """
    if progress is None:
        machine = environment.get("CI", "").lower() not in ("", "0", "false")
        off = environment.get("THEORYLAB_PROGRESS", "").lower() == "off"
        progress = not machine and not off and (terminal or (kernel and widgets))
    if not progress:
        return "silent"
    return "notebook" if kernel and widgets else "text"


def bar(total: int, *, progress: bool | None, description: str, done: int = 0, unit: str = "it") -> Any:
    """A tqdm bar in the style that fits; a silent one counts and draws nothing.

    Parameters
    ----------
    total : int
        Number of steps.
    progress : bool or None
        See :func:`style`.
    description : str
        Text before the bar.
    done : int, default=0
        Steps that are done already.
    unit : {"it", "B"}
        What is counted: steps or bytes.

    Returns
    -------
    tqdm.tqdm
        A context manager with ``update(n)``.
    """
    chosen = style(
        progress,
        environment=os.environ,
        terminal=sys.stderr is not None and sys.stderr.isatty(),
        kernel=_in_kernel(),
        widgets=importlib.util.find_spec("ipywidgets") is not None,
    )
    if chosen == "notebook":  # chosen here and not by tqdm.auto, which warns where ipywidgets is not installed
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm
    scaled = {"unit_scale": True, "unit_divisor": 1024} if unit == "B" else {}
    return tqdm(total=total, initial=done, desc=description, disable=chosen == "silent", unit=unit, **scaled)


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
