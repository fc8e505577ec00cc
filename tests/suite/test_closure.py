import pytest

from theorylab.suite.closure import PackageGraph, imports_of, plain_python
from theorylab.suite.project import UsageError


@pytest.fixture
def modules(toy):
    """Function from code cells to the modules that they depend on."""

    def closure(*sources):
        return PackageGraph(toy.root, "toylab").closure(sources).modules

    return closure


ALPHA = {"toylab", "toylab.alpha"}
LAW = {*ALPHA, "toylab.alpha.theory", "toylab.shared"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy", set()),
        ("from toylab.beta import theory", {"toylab", "toylab.beta", "toylab.beta.theory"}),
        ("import toylab.shared as s", {"toylab", "toylab.shared"}),
        # through the lazy package: the module that defines the name, not the whole chapter
        ("from toylab.alpha import law", LAW),
        ("from toylab.alpha import hammer as h", {*ALPHA, "toylab.alpha.tools"}),
        ("def f():\n    from toylab.alpha.theory import law", LAW),
        # whole packages: all that they offer
        ("import toylab.alpha", {*LAW, "toylab.alpha.tools"}),
        ("from toylab import alpha", {*LAW, "toylab.alpha.tools"}),
        ("from toylab.alpha import *", {*LAW, "toylab.alpha.tools"}),
        # an eager package offers what its __init__ imports
        ("import toylab.beta", {"toylab", "toylab.beta"}),
        # not Python and not IPython: everything, so that no change is missed
        ("x = ]", {*LAW, "toylab.alpha.tools", "toylab.beta", "toylab.beta.theory", "toylab.records"}),
    ],
)
def test_closure(modules, source, expected):
    assert modules(source) == expected


def test_cells_add_up(modules):
    assert modules("from toylab import shared", "import toylab.beta") == {"toylab", "toylab.shared", "toylab.beta"}


def test_a_module_that_imports_through_the_lazy_package(toy, modules):
    toy.write_module("beta/theory.py", "from ..alpha import hammer\n")
    assert modules("from toylab.beta import theory") == {
        "toylab", "toylab.beta", "toylab.beta.theory", "toylab.alpha", "toylab.alpha.tools",
    }  # fmt: skip


def test_imports_inside_functions_count_and_those_for_type_checking_do_not(toy, modules):
    toy.write_module("lazy.py", "def f():\n    import toylab.shared\n")
    toy.write_module("typed.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toylab import shared\n")
    assert "toylab.shared" in modules("from toylab import lazy")
    assert "toylab.shared" not in modules("from toylab import typed")


def test_the_build_is_in_no_closure(toy, modules):
    toy.write_module("suite/__init__.py", "")
    toy.write_module("outer.py", "import toylab.suite\n")
    assert modules("from toylab import outer, suite") == {"toylab", "toylab.outer"}


def test_names_are_noted_with_their_place(toy):
    closure = PackageGraph(toy.root, "toylab").closure(["from toylab.alpha import law"])
    assert closure.names == {"toylab.alpha.law": "toylab.alpha.theory:law"}


def test_a_stub_that_names_itself_ends(toy, modules):
    toy.write_module("alpha/__init__.pyi", "from . import nothing\n")
    assert modules("from toylab.alpha import nothing") == ALPHA


@pytest.mark.parametrize("name", ["beta/theory.py", "alpha/__init__.pyi"])
def test_a_module_that_cannot_be_parsed_is_named(toy, modules, name):
    toy.write_module(name, "def f(:\n")
    with pytest.raises(UsageError, match=name):
        modules("from toylab.alpha import law")


def test_another_copy_of_the_package_in_this_process_is_left_alone(toy, modules, monkeypatch):
    import sys
    import types

    loaded = types.ModuleType("toylab")
    monkeypatch.setitem(sys.modules, "toylab", loaded)
    path = list(sys.path)
    assert modules("from toylab.alpha import law") == LAW
    assert sys.modules["toylab"] is loaded
    assert sys.path == path


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("%matplotlib inline\nimport a", "pass\nimport a"),
        ("%%time\nimport a", "import a"),
        ("%%bash\nimport a", ""),
        ("files = !ls\nx = %pwd", "files = None\nx = None"),
        ("if x:\n    %time import a", "if x:\n    import a"),
        ("np.sum?\n?np.sum\n!ls", "pass\npass\npass"),
        ("x = 7 % 2", "x = 7 % 2"),
    ],
)
def test_plain_python(cell, plain):
    assert plain_python(cell) == plain
    compile(plain, "<cell>", "exec")


def test_top_level_await_is_python_here():
    assert [item.module for item in imports_of("import toylab\nawait f()")] == ["toylab"]
