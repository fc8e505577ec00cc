"""Execute one notebook in a process of its own: ``python -m theorylab.suite.execute SPEC.json``.

The parent (:mod:`theorylab.suite.launch`) writes the specification and reads the result; both are JSON.  A process per
notebook keeps the working directory, the environment and a crash of one notebook away from the others.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from theorylab.outputs import write_atomic
from theorylab.suite.project import last_heading

__all__ = ["main"]

#: Lines of a traceback that a failure report shows.
_TRACEBACK_LINES = 12
_CHECK_ID = "loaded-modules"
_KERNEL_START_SECONDS = 120
#: How long the last output of a cell may be under way on a busy machine; nbclient's 4 s fail a notebook now and then.
_OUTPUT_SECONDS = 120
_LONGEST_SOCKET_FOLDER = 80

# Runs in the kernel after the last cell of the notebook. Worker processes of the notebook are not seen: what they load,
# the notebook's own process has loaded too when it pickled their task.
_CHECK_SOURCE = """\
import json as _json, sys as _sys
print(_json.dumps([[name, getattr(module, "__file__", None) or ""] for name, module in list(_sys.modules.items())]))
"""


class StoppedError(Exception):
    """A notebook did not run to its end, or loaded what its closure does not hold."""

    def __init__(self, message: str, traceback: list[str] | None = None, *, in_cell: bool = True) -> None:
        super().__init__(message)
        self.traceback = traceback or []
        self.in_cell = in_cell


def main(spec_path: str) -> int:
    """Execute the notebook of a specification and write ``result.json`` beside it.

    Parameters
    ----------
    spec_path : str
        JSON file with ``notebook`` (path), ``executed`` (path to write), ``parameters``, ``package``, ``root`` and
        ``closure`` (files that the notebook may load from the root).

    Returns
    -------
    int
        0 when the notebook ran to its end, else 1; the result then says what happened where.
    """
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    try:
        with _private_jupyter(Path(spec_path).parent) as socket_folder:
            threading.Thread(target=_die_with_parent, args=[socket_folder], daemon=True).start()
            _run(spec, socket_folder)
    except StoppedError as stopped:
        place = _place(Path(spec["executed"])) if stopped.in_cell else {}
        result = {"ok": False, "error": str(stopped), "traceback": stopped.traceback, **place}
    else:
        result = {"ok": True}
    write_atomic(Path(spec_path).with_name("result.json"), json.dumps(result))
    return 0 if result["ok"] else 1


def _die_with_parent(socket_folder: str) -> NoReturn:
    """End this process when the build that started it is gone: its end of the pipe on stdin is then closed.

    The kernel notices within a second that its own parent is gone, and ends too.
    """
    while os.read(0, 1):  # not sys.stdin: a lock held in it would stop the interpreter from ending
        pass
    shutil.rmtree(socket_folder, ignore_errors=True)
    os._exit(3)


@contextmanager
def _private_jupyter(scratch: Path) -> Iterator[str]:
    """Point Jupyter to this environment's own kernel, and away from the user's kernels and start-up files.

    Yields a short folder for the kernel's sockets: they avoid a race for TCP ports between notebooks that start at the
    same time, but their paths may have no more than about 100 characters.
    """
    kernel = scratch / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Python 3 (ipykernel)", "language": "python"})
    )
    os.environ["JUPYTER_PATH"] = str(scratch / "jupyter")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(scratch / "runtime")
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"  # without it, some versions of jupyter_core warn
    os.environ["IPYTHONDIR"] = str(scratch / "ipython")
    sockets = tempfile.mkdtemp(prefix="theorylab-")
    try:
        yield sockets
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _run(spec: dict[str, Any], socket_folder: str) -> None:
    import papermill
    from traitlets.config import Config

    nbformat: Any = importlib.import_module("nbformat")  # its functions are only partly annotated

    notebook = nbformat.read(spec["notebook"], as_version=4)
    if notebook.nbformat_minor < 5:  # too old for cell ids, and papermill would give it random ones
        notebook = nbformat.v4.upgrade(notebook)
        for position, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{position}"
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    check = nbformat.v4.new_code_cell(_CHECK_SOURCE)
    check["id"] = _CHECK_ID
    notebook.cells.append(check)
    config = Config()
    config.KernelManager.connection_file = f"{socket_folder}/kernel.json"
    if os.name == "posix" and len(socket_folder) < _LONGEST_SOCKET_FOLDER:
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = f"{socket_folder}/kernel"
    try:
        executed = papermill.execute_notebook(
            notebook,
            spec["executed"],
            parameters=spec["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=_KERNEL_START_SECONDS,
            config=config,
            record_timing=False,
            iopub_timeout=_OUTPUT_SECONDS,
        )
    except papermill.PapermillExecutionError as error:
        lines = _plain("\n".join(error.traceback)).splitlines()
        raise StoppedError(_plain(f"{error.ename}: {error.evalue}"), lines[-_TRACEBACK_LINES:]) from None
    except Exception as error:  # a dead kernel, a kernel that does not start, a notebook that is none
        raise StoppedError(f"{type(error).__name__}: {error}") from None
    _check_loaded(executed, spec)
    _tidy(executed, spec["parameters"])
    nbformat.write(executed, spec["executed"])


def _check_loaded(executed: Any, spec: dict[str, Any]) -> None:
    """Refuse modules of the project that the build does not watch for this notebook."""
    outputs = next(cell for cell in executed.cells if cell.get("id") == _CHECK_ID).outputs
    text = "".join(output.get("text", "") for output in outputs if output.output_type == "stream")
    if not text:
        raise StoppedError("the notebook ended itself (sys.exit) before its last cell")
    root, environment = Path(spec["root"]).resolve(), Path(sys.prefix).resolve()
    unknown = {}
    for name, file in json.loads(text):
        path = Path(file).resolve()
        of_package = name.split(".")[0] == spec["package"]
        in_root = path.is_relative_to(root) and not path.is_relative_to(environment)
        if not path.is_file() or not (of_package or in_root) or name.startswith(f"{spec['package']}.suite"):
            continue
        if not in_root or path.relative_to(root).as_posix() not in spec["closure"]:
            unknown[name] = path.relative_to(root).as_posix() if in_root else str(path)
    if unknown:
        packages = {parent for name in unknown for parent in unknown if name.startswith(f"{parent}.")}
        listed = ", ".join(f"{name} ({unknown[name]})" for name in sorted(unknown.keys() - packages))
        raise StoppedError(
            f"the notebook loaded {listed}, whose changes would not re-run it, since nothing that it imports by name "
            f"leads there. Import each module by name in a code cell (from {spec['package']}.chapter import module); "
            "code beside the notebook belongs in the package.",
            in_cell=False,
        )


def _tidy(executed: Any, parameters: dict[str, Any]) -> None:
    """Remove what changes from run to run and from machine to machine."""
    executed.cells = [cell for cell in executed.cells if cell.get("id") != _CHECK_ID]
    executed.metadata["papermill"] = {"parameters": parameters}
    for cell in executed.cells:
        cell.metadata.pop("papermill", None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        elif "injected-parameters" in cell.metadata.tags:
            cell["id"] = "injected-parameters"


def _place(executed: Path) -> dict[str, str]:
    """Heading and id of the cell that was started last, from what papermill had written by then."""
    place = {"heading": "", "cell": ""}
    if not executed.is_file():
        return place
    heading = ""
    for position, cell in enumerate(json.loads(executed.read_text(encoding="utf-8"))["cells"]):
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        if cell["cell_type"] == "markdown" and "papermill-error-cell-tag" not in cell["metadata"].get("tags", []):
            heading = last_heading(source) or heading
        started = cell["metadata"].get("papermill", {}).get("start_time")
        if cell["cell_type"] == "code" and started and cell.get("id") != _CHECK_ID:
            place = {"heading": heading, "cell": str(cell.get("id", position))}
    return place


def _plain(text: str) -> str:
    """Text without terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
