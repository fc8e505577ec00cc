"""Every public function, class, method and property says what it takes, gives and rests on."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from types import ModuleType
from typing import Any

import pytest
from numpydoc.validate import validate

import theorylab

# GL08 no docstring; SS03 no full stop after the summary; PR01 a parameter of the signature is missing, PR02 one that is
# not in the signature, PR10 no space before the colon; RT01 no Returns, RT03 a return that is not described; YD01 no
# Yields; GL06 unknown section, GL07 sections out of order
REQUIRED = {"GL06", "GL07", "GL08", "PR01", "PR02", "PR10", "RT01", "RT03", "SS03", "YD01"}
# The suite is the inside of a program, which nobody calls from outside: one sentence will do, but nothing wrong.
LISTS = {"PR01", "RT01", "RT03", "YD01"}
SOURCE = re.compile(r"derived here|^References$|\[\w*\d{4}\w*\]_", re.MULTILINE)


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(theorylab.__path__, prefix="theorylab.")
    return [module.name for module in found if not any(part.startswith("_") for part in module.name.split("."))]


def own_names(module: ModuleType) -> Iterator[str]:
    """Public functions and classes that the module defines itself."""
    for name, value in vars(module).items():
        documented = inspect.isfunction(value) or inspect.isclass(value)
        if documented and not name.startswith("_") and value.__module__ == module.__name__:
            yield name


def own_methods(cls: type) -> Iterator[str]:
    """Public methods and properties that the class defines itself."""
    for name, value in vars(cls).items():
        if not name.startswith("_") and isinstance(value, property | staticmethod | classmethod | type(own_methods)):
            yield name


def public_objects(module_name: str) -> list[str]:
    module = importlib.import_module(module_name)
    names = []
    for name in own_names(module):
        names.append(f"{module_name}.{name}")
        if inspect.isclass(value := getattr(module, name)):
            names.extend(f"{module_name}.{name}.{method}" for method in own_methods(value))
    return names


def complaints(name: str) -> list[str]:
    """What is wrong with the docstring of the object of that name."""
    result = validate(name)
    return [f"{name}: {message}" for code, message in result["errors"] if code in REQUIRED and not excused(name, code)]


def excused(name: str, code: str) -> bool:
    """Whether a rule has nothing to ask of this object."""
    value = resolve(name)
    if name.startswith("theorylab.suite."):
        return code in LISTS
    if isinstance(value, property):
        return code in {"RT01", "RT03"}  # the summary of a property is its return
    if inspect.isclass(value) and issubclass(value, BaseException | Enum):
        return code == "PR01" and "__init__" not in vars(value)  # the constructor is Python's own
    return False


def resolve(name: str) -> Any:
    """Object of a dotted name, the property rather than its value for properties."""
    module_name, parts = name, []
    while True:
        try:
            value: Any = importlib.import_module(module_name)
            break
        except ModuleNotFoundError:
            module_name, _, part = module_name.rpartition(".")
            parts.insert(0, part)
    for part in parts:
        value = inspect.getattr_static(value, part)
    return value


@pytest.mark.parametrize("module_name", public_modules())
def test_docstrings_match_signatures(module_name):
    assert [complaint for name in public_objects(module_name) for complaint in complaints(name)] == []


@pytest.mark.parametrize("module_name", public_modules())
def test_modules_say_what_they_are_for(module_name):
    assert (importlib.import_module(module_name).__doc__ or "").strip()


@pytest.mark.parametrize("module_name", [name for name in public_modules() if ".theory" in name])
def test_predictions_name_their_source(module_name):
    module = importlib.import_module(module_name)
    if SOURCE.search(module.__doc__ or ""):
        return
    functions = [getattr(module, name) for name in own_names(module)]
    assert [f.__name__ for f in functions if not SOURCE.search(inspect.getdoc(f) or "")] == []


def undocumented(first, second):
    """Do something.

    Parameters
    ----------
    first : int
        The one.
    third : int
        The other.
    """
    return first + second


def test_the_check_notices_wrong_docstrings():
    codes = {code for code, _ in validate(f"{__name__}.undocumented")["errors"]}
    assert {"PR01", "PR02", "RT01"} <= codes
