"""One call of every public theory function, for the contract that they work on arrays of any library.

Each chapter has a module here.  A key of its ``EXAMPLES`` is ``"<chapter>.<function>"``, with ``": <case>"`` behind it
for further calls of the same function.  A value takes `asarray`, which makes an array of the library under test, and
returns the arguments and the keyword arguments.  ``TOLERANCES`` holds looser relative tolerances, with the reason.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

__all__ = ["Example", "examples", "tolerances"]

Example = Callable[[Callable[[Any], Any]], tuple[tuple[Any, ...], dict[str, Any]]]


def _collected(name: str) -> dict[str, Any]:
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {key: value for module in modules for key, value in getattr(module, name, {}).items()}


def examples() -> dict[str, Example]:
    """The calls of every chapter."""
    return _collected("EXAMPLES")


def tolerances() -> dict[str, float]:
    """Looser relative tolerances of every chapter."""
    return _collected("TOLERANCES")
