"""A JupyterLab server of its own, which leaves nothing behind, and the steps of a reader in it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.browsing import HOST

_START, _STOP = 120.0, 30.0
_SETTINGS = {
    "ServerApp": {"ip": HOST, "port": 0, "open_browser": False, "allow_root": True, "quit_button": False},
    "LabApp": {"check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate", "news_url": None},
    "LabServerApp": {"extension_manager": "readonly"},
}
#: The server ends with the process that started it, even one that was killed: nobody holds the other end of its input.
_SERVER = """
import os, signal, sys, threading
from jupyterlab.labapp import main

def end():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end, daemon=True).start()
sys.exit(main())
"""
#: Nobody is asked whether news may be fetched; cells out of sight are on the page like the others.
_OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


@dataclass(frozen=True)
class Lab:
    """A running server.

    Parameters
    ----------
    url : str
        Its address, with a slash at the end.
    token : str
        What lets a browser in.
    process : subprocess.Popen
        The server.
    """

    url: str
    token: str
    process: subprocess.Popen[bytes]

    def notebook(self, name: str) -> str:
        """Address at which a browser is let in and sees this notebook and no other."""
        return f"{self.url}lab/workspaces/{secrets.token_hex(4)}/tree/{name}?token={self.token}"

    def states(self) -> list[str]:
        """What the kernels of open notebooks are doing: starting, idle, busy."""
        return [session["kernel"]["execution_state"] for session in self.ask("sessions")]

    def stop_kernels(self) -> None:
        """Close every notebook with its kernel."""
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")

    def ask(self, path: str, method: str = "GET") -> Any:
        """Answer of the server's interface, without its JSON."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=_STOP) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextlib.contextmanager
def jupyterlab(python: Path, folder: Path, state: Path) -> Iterator[Lab]:
    """Run JupyterLab on a folder; its settings, caches and histories lie in a folder of their own.

    Parameters
    ----------
    python : Path
        Interpreter of an environment with JupyterLab.
    folder : Path
        The notebooks.
    state : Path
        Whatever JupyterLab, IPython and matplotlib write about themselves.

    Yields
    ------
    Lab
        Server and kernels are stopped afterwards whatever happens.
    """
    config = state / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "jupyter_server_config.json").write_text(json.dumps(_SETTINGS), encoding="utf-8")
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(_OVERRIDES), encoding="utf-8")
    token = secrets.token_hex(16)
    command = [str(python), "-c", _SERVER, "--ServerApp.root_dir", str(folder)]
    with (state / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(state, config, token),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    lab = None
    try:
        lab = Lab(_address(process, state), token, process)
        yield lab
    finally:
        _stop(process, lab)


def _environment(state: Path, config: Path, token: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "THEORYLAB", "PYTEST"))
    }
    places = {
        "HOME": "home",
        "IPYTHONDIR": "ipython",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "MPLCONFIGDIR": "matplotlib",
        "THEORYLAB_CACHE": "cache",
        "THEORYLAB_OUTPUT": "figures",
        "XDG_CACHE_HOME": "xdg",
    }
    for place in places.values():
        (state / place).mkdir(exist_ok=True)
    own = {name: str(state / place) for name, place in places.items()}
    return kept | own | {"JUPYTER_CONFIG_DIR": str(config), "JUPYTER_TOKEN": token}


def _address(process: subprocess.Popen[bytes], state: Path) -> str:
    """Wait until the server says where it listens."""
    end = time.monotonic() + _START
    while time.monotonic() < end and process.poll() is None:
        for file in (state / "runtime").glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):  # it is being written
                return str(json.loads(file.read_text(encoding="utf-8"))["url"])
        time.sleep(0.1)
    log = (state / "log.txt").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"JupyterLab did not start:\n{log[-3000:]}")


def _stop(process: subprocess.Popen[bytes], lab: Lab | None) -> None:
    """Stop the kernels, which are in sessions of their own, then the server, at last by force."""
    if lab is not None and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            lab.stop_kernels()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)
            break
    process.stdin.close()


def run_all(page: Any, lab: Lab, *, seconds: float) -> None:
    """Run all cells of the notebook that a page shows, from the menu, and wait until the kernel has done so.

    Parameters
    ----------
    page : playwright.sync_api.Page
        A notebook is open.
    lab : Lab
        Its server.
    seconds : float
        After that long the notebook is taken to hang.

    Raises
    ------
    RuntimeError
        If a cell failed, with its traceback.
    TimeoutError
        If the notebook was not done in time.
    """
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    _until(page, lambda: lab.states() == ["idle"], seconds)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    errors = page.locator(".jp-OutputArea-output", has_text="Traceback (most recent call last)")

    def done() -> bool:
        numbers = [prompt.strip("[]: ") for prompt in prompts.all_text_contents()]
        idle = lab.states() == ["idle"]
        if errors.count():
            raise RuntimeError(f"a cell failed:\n{errors.first.text_content()}")
        return idle and bool(numbers) and all(number.isdigit() for number in numbers)

    _until(page, done, seconds)


def _until(page: Any, done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"the notebook was not done after {seconds:g} s")
        page.wait_for_timeout(200)
