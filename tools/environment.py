"""Make the virtual environment that the Makefile runs everything in; standard library only.

``python tools/environment.py .venv --stamp NAME --key KEY [--lock FILE] [--extra NAME] [--add SPEC ...]`` leaves
``.venv`` holding what is asked for and writes KEY into ``.venv/NAME.installed``. KEY is a checksum of the contents of
the locks and of pyproject.toml; the Makefile starts this program only when that file does not hold it, so a run that
has nothing to install does not pay for an interpreter.

An installation that was interrupted leaves the mark ``.venv/unfinished``, and the next run starts again from an empty
environment, since pip cannot tell a package that was half written from a whole one. The same holds for an environment
whose interpreter is gone, or that was copied here from another folder and would run that folder's code.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def stop(message):
    """End with a message instead of a traceback."""
    sys.exit(f"theorylab: {message}")


def check_interpreter():
    """Refuse an interpreter that is too old or cannot make environments, and say what to do."""
    if sys.version_info[:2] < OLDEST:
        stop(
            f"Python {OLDEST[0]}.{OLDEST[1]} or later is needed; {sys.executable} is Python {sys.version.split()[0]}. "
            "Name another interpreter: make PYTHON=python3.12 ..."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            f"{sys.executable} cannot make virtual environments: its module venv or ensurepip is missing. On Debian "
            "and Ubuntu: apt install python3-venv. Or name another interpreter: make PYTHON=python3.12 ..."
        )


class Environment:
    """A virtual environment in `folder`, and what is known about its state."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.unfinished = self.folder / "unfinished"
        self.place = self.folder / "place"

    def flaw(self, chosen):
        """Say why the environment cannot be added to, or return None; `chosen`: this interpreter was asked for."""
        if not self.folder.is_dir():
            return "there was none"
        if self.unfinished.exists():
            return "an earlier installation was interrupted"
        if self.place.exists() and self.place.read_text(encoding="utf-8") != str(Path.cwd()):
            return "it belonged to another folder"
        code = "import pip, sys; print(sys.version_info[:2])"
        try:
            answer = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return "its interpreter or its pip did not run"
        if chosen and answer.strip() != str(sys.version_info[:2]):
            return "another Python was asked for"
        return None

    def make(self, flaw):
        """Make it anew with the interpreter that runs this program."""
        print(f"theorylab: making {self.folder} with {sys.executable} ({flaw})", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        self.unfinished.touch()
        self.run(sys.executable, "-m", "venv", str(self.folder))

    def install(self, lock, extra, additions):
        """Install a lock file with its hashes and the package; then what is not locked, within the locked versions."""
        # without build isolation: setuptools too comes from the lock
        package = ["--no-build-isolation", "--editable"]
        if lock:
            self.pip(f"installing {lock}", "--require-hashes", "--requirement", lock)
            self.pip("", "--no-deps", *package, ".")
        if extra or additions:
            constraints = self.folder / "constraints.txt"
            constraints.write_text(versions("requirements-dev.lock"), encoding="utf-8")
            wanted = [*package, f".[{extra}]"] if extra else additions
            self.pip(f"adding {extra or ', '.join(additions)}", "--constraint", str(constraints), *wanted)

    def pip(self, message, *arguments):
        """Run pip's install command, and say so."""
        if message:
            print(f"theorylab: {message} in {self.folder}", flush=True)
        options = ["--quiet", "--disable-pip-version-check", "--no-input"]
        self.run(str(self.python), "-m", "pip", "install", *options, *arguments)

    @staticmethod
    def run(*command):
        """Run a command; stop with its own message when it fails."""
        try:
            status = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
        except OSError as error:
            stop(f"{command[0]} did not start: {error}")
        if status != 0:
            stop(f"`{' '.join(command)}` failed with status {status}")


def versions(lock):
    """Return the pinned versions of a lock file without the hashes, which pip would then demand of everything."""
    lines = Path(lock).read_text(encoding="utf-8").splitlines()
    return "".join(line.rstrip(" \\") + "\n" for line in lines if line[:1].isalnum())


def main(arguments=None):
    """Read the command line, then install."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="the environment")
    parser.add_argument("--stamp", required=True, help="what the installation is called")
    parser.add_argument("--key", required=True, help="what it was made from; equal keys install nothing")
    parser.add_argument("--lock", help="install this lock file, then the package itself")
    parser.add_argument("--extra", help="install this extra of the package in addition")
    parser.add_argument("--add", nargs="+", default=[], metavar="SPEC", help="install these in addition")
    parser.add_argument("--chosen", action="store_true", help="this interpreter was asked for by name")
    options = parser.parse_args(arguments)

    check_interpreter()
    environment = Environment(options.folder)
    stamp = environment.folder / f"{options.stamp}.installed"
    flaw = environment.flaw(options.chosen)
    if flaw is None and stamp.exists() and stamp.read_text(encoding="utf-8").strip() == options.key:
        return
    if flaw is not None:
        environment.make(flaw)
    environment.unfinished.touch()
    try:
        environment.install(options.lock, options.extra, options.add)
    except SystemExit:  # pip gave up by itself, and leaves what was there as it was
        environment.unfinished.unlink()
        raise
    environment.place.write_text(str(Path.cwd()), encoding="utf-8")
    stamp.write_text(options.key + "\n", encoding="utf-8")
    environment.unfinished.unlink()


if __name__ == "__main__":
    main()
