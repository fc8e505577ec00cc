"""Predictions of machine-learning theory beside independent measurements, with verdicts.

Shared modules and chapters are reached by attribute (``theorylab.arrays``, ``theorylab.random_features``) and imported
when first used, so that ``import theorylab`` loads neither NumPy nor anything else heavy.
"""

import importlib
import pkgutil
from typing import Any

import lazy_loader

from ._version import __version__ as __version__

_shared_module, _list_shared, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _chapters() -> list[str]:
    # whatever subpackage is there is a chapter: a new one needs no line here
    return [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg and module.name != "suite"]


def __getattr__(name: str) -> Any:
    if name in _chapters():
        return importlib.import_module(f"{__name__}.{name}")
    return _shared_module(name)


def __dir__() -> list[str]:
    return sorted({"__version__", *_list_shared(), *_chapters()})
