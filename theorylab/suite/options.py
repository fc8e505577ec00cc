"""The command line: what can be asked for, checked before anything runs."""

from __future__ import annotations

import argparse
import ast
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from theorylab.suite.project import STANDARD_PARAMETERS, UsageError, suggestion

__all__ = ["PROFILES", "USAGE_STATUS", "check_backend", "default_jobs", "given_parameters", "parser"]

PROFILES = ("quick", "full")
#: Exit status when what was asked for cannot be done (EX_USAGE of sysexits.h; argparse's own 2 means a crash here).
USAGE_STATUS = 64

_EPILOG = """\
exit status:
  0   every claim is upheld
  1   a claim is not upheld, or inconclusive
  2   a notebook or a claim crashed
  64  what was asked for cannot be done; nothing was run
  130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "command" if action.dest == "command" else "/".join(action.option_strings)
            raise argparse.ArgumentError(None, f"unknown {what} {value!r}. {suggestion(str(value), action.choices)}")


def parser() -> argparse.ArgumentParser:
    """Parser of the command line.

    Returns
    -------
    argparse.ArgumentParser
        It raises :class:`UsageError` for what it cannot parse.
    """
    top = _Parser(
        prog="theorylab",
        description="Predictions of machine-learning theory beside independent measurements, with verdicts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument(
        "--root", type=Path, metavar="DIR", help="folder of the project (default: found from here upwards)"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, allow_abbrev=False)

    listing = command("list", "chapters, notebooks and claims; which notebooks are up to date")
    figures = command("figures", "bring the results of the notebooks up to date and print the ledger")
    verify = command("verify", "run the claims without notebooks and print the ledger; writes nothing")
    report = command("report", "the same for all notebooks, then render the site, whatever the verdicts")
    why = command("why", "say why a notebook has to run")
    clean = command("clean", "remove results and the build's memory of them; committed files stay")
    command("doctor", "which array libraries and devices work here")

    why.add_argument("notebook", help="name of a notebook")
    for each in (listing, figures, why):
        _add_conditions(each)
        each.add_argument(
            "-p", dest="parameters", action="append", default=[], metavar="NAME=VALUE",
            help="parameter of the selected notebooks, as a Python literal; repeatable",
        )  # fmt: skip
    report.add_argument("--no-run", action="store_true", help="render the results that are there; run no notebook")
    report.set_defaults(parameters=[])
    for each in (verify, report):
        _add_conditions(each)
    for each, what in ((listing, "CHAPTER|NOTEBOOK"), (figures, "CHAPTER|NOTEBOOK"), (verify, "CHAPTER|CLAIM")):
        each.add_argument("--only", action="append", default=[], metavar=what, help="restrict to this; repeatable")
    for each in (figures, verify, report):
        each.add_argument(
            "-j", "--jobs", type=_count, metavar="N",
            help="how many at a time (default: one per core; one on a device other than the cpu)",
        )  # fmt: skip
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    clean.add_argument("--stale", action="store_true", help="only results of notebooks that no longer exist")
    return top


def _add_conditions(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--profile", choices=PROFILES, default="quick", help="size of the experiments (default: quick)"
    )
    command.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of all random numbers (default: 0)")
    command.add_argument("--backend", default="numpy", metavar="NAME", help="array library (default: numpy)")
    command.add_argument("--device", default="cpu", metavar="NAME", help="device of the arrays (default: cpu)")


def given_parameters(options: argparse.Namespace) -> dict[str, Any]:
    """Parameters that a command line asks for.

    Parameters
    ----------
    options : argparse.Namespace
        Parsed command line.

    Returns
    -------
    dict
        The standard parameters, then those of ``-p``.

    Raises
    ------
    UsageError
        If ``-p`` is malformed, or the backend or the device is not there.
    """
    check_backend(options.backend, options.device)
    given: dict[str, Any] = {name: getattr(options, name) for name in STANDARD_PARAMETERS}
    for text in options.parameters:
        name, separator, value = text.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"-p must be NAME=VALUE; got {text!r}. For example: -p n_samples=200.")
        if name in STANDARD_PARAMETERS:
            raise UsageError(f"-p must not set {name!r}. Use --{name}.")
        given[name] = _literal(name, value)
    return given


def check_backend(backend: str, device: str) -> None:
    """Refuse a backend or a device that does not work here.

    Parameters
    ----------
    backend, device : str
        As :func:`theorylab.arrays.backend` takes them.

    Raises
    ------
    UsageError
        With what that function says.
    """
    if (backend, device) == ("numpy", "cpu"):
        return  # always there; importing an array library takes longer than a run with nothing to do
    from theorylab import arrays

    try:
        arrays.backend(backend, device)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        raise UsageError(str(error)) from None


def default_jobs(device: str) -> int:
    """How many notebooks or claims run at a time when nothing was said.

    Parameters
    ----------
    device : str
        Device of the arrays.

    Returns
    -------
    int
        Cores that this process may use; 1 for a device that all would share.
    """
    if device != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _literal(name: str, text: str) -> Any:
    """Value of a Python literal made of what JSON can carry, since that is how a kernel gets it."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise UsageError(
            f"-p {name} must be a Python literal; got {text!r}. Quote a text twice: -p {name}=\"'{text}'\"."
        ) from None
    if not _is_plain(value):
        raise UsageError(f"-p {name} must be made of None, bool, int, float, str, list, tuple and dict; got {text!r}.")
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def _seed(text: str) -> int:
    return _integer(text, minimum=0)


def _count(text: str) -> int:
    return _integer(text, minimum=1)


def _integer(text: str, minimum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise argparse.ArgumentTypeError(f"must be an integer >= {minimum}; got {text!r}")
    return value
