"""Who may import whom, for chapters that exist and chapters that do not exist yet; and that the contracts bite.

The contracts in pyproject.toml are run by `make test`. What they cannot say without naming each chapter is said here,
as rules over the same import graph.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import theorylab

PACKAGE = Path(theorylab.__file__).parent
PROJECT = PACKAGE.parent
ROOMS = {"problem", "theory", "experiment", "estimators", "claims"}


# --- rules over the import graph -------------------------------------------------------------------------------------


def chapters(graph: grimp.ImportGraph) -> set[str]:
    packages = {child for child in graph.find_children("theorylab") if graph.find_children(child)}
    return packages - {"theorylab.suite"}


def imports(graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def chapters_known_outside(graph: grimp.ImportGraph) -> list[str]:
    """Imports of a chapter from anywhere else: another chapter, a shared module, the suite."""
    return [
        f"{importer} imports {imported}"
        for importer, imported in imports(graph)
        for chapter in chapters(graph)
        if inside(imported, chapter) and not inside(importer, chapter)
    ]


def uses_of_facades(graph: grimp.ImportGraph) -> list[str]:
    """Imports of lazy names, through which one side would reach the other unseen by the graph."""
    facades = chapters(graph) | {"theorylab"}
    return [f"{importer} imports {imported}" for importer, imported in imports(graph) if imported in facades]


def hidden_imports(graph: grimp.ImportGraph) -> list[str]:
    """Modules of chapters that could import by a name made up at run time."""
    return [
        f"{importer} imports {imported}"
        for importer, imported in imports(graph)
        for chapter in chapters(graph)
        if imported in {"importlib", "runpy", "lazy_loader"} and importer.startswith(f"{chapter}.")
    ]


def unknown_rooms(graph: grimp.ImportGraph) -> list[str]:
    """Modules of a chapter whose place in the contracts is not defined."""
    rooms = {room for chapter in chapters(graph) for room in graph.find_children(chapter)}
    return sorted(room for room in rooms if room.rpartition(".")[2] not in ROOMS)


def reach(graph: grimp.ImportGraph, room: str) -> set[str]:
    """Everything that the modules of a room import, directly or not, and the room itself."""
    if room not in graph.modules:
        return set()
    modules = {room, *graph.find_descendants(room)}
    return modules.union(*(graph.find_upstream_modules(module) for module in modules))


def code_of_both_sides(graph: grimp.ImportGraph) -> list[str]:
    """Modules of a chapter that both its prediction and its measurement use, besides the definitions."""
    return sorted(
        module
        for chapter in chapters(graph)
        for module in reach(graph, f"{chapter}.theory") & reach(graph, f"{chapter}.experiment")
        if module.startswith(f"{chapter}.") and not inside(module, f"{chapter}.problem")
    )


def meetings_outside_claims(graph: grimp.ImportGraph) -> list[str]:
    """Modules other than claims that know the prediction and the measurement."""
    met = []
    for chapter in chapters(graph):
        for module in graph.find_descendants(chapter):
            known = graph.find_upstream_modules(module) | {module}
            sides = [side for side in ("theory", "experiment") if any(inside(m, f"{chapter}.{side}") for m in known)]
            if len(sides) == 2 and not inside(module, f"{chapter}.claims"):
                met.append(module)
    return sorted(met)


RULES = [
    chapters_known_outside,
    uses_of_facades,
    hidden_imports,
    unknown_rooms,
    code_of_both_sides,
    meetings_outside_claims,
]


@pytest.fixture(scope="module")
def real_graph() -> grimp.ImportGraph:
    return grimp.build_graph("theorylab", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(real_graph, rule):
    assert rule(real_graph) == []


def toy_graph(*extra: tuple[str, str]) -> grimp.ImportGraph:
    """Two chapters that keep every rule, with extra imports."""
    graph = grimp.ImportGraph()
    for module in ("theorylab", "theorylab.arrays", "theorylab.suite", "theorylab.suite.build"):
        graph.add_module(module)
    for chapter in ("theorylab.waves", "theorylab.tides"):
        for module in (chapter, *(f"{chapter}.{room}" for room in ROOMS)):
            graph.add_module(module)
        for importer, imported in [
            ("theory", "problem"),
            ("experiment", "problem"),
            ("estimators", "theory"),
            ("claims", "theory"),
            ("claims", "experiment"),
        ]:
            graph.add_import(importer=f"{chapter}.{importer}", imported=f"{chapter}.{imported}")
        graph.add_import(importer=f"{chapter}.theory", imported="theorylab.arrays")
    for importer, imported in extra:
        graph.add_import(importer=f"theorylab.{importer}", imported=imported)
    return graph


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_accepts_chapters_as_they_should_be(rule):
    assert rule(toy_graph()) == []


@pytest.mark.parametrize(
    ("rule", "importer", "imported"),
    [
        (chapters_known_outside, "waves.theory", "theorylab.tides.theory"),
        (chapters_known_outside, "arrays", "theorylab.waves.problem"),
        (chapters_known_outside, "suite.build", "theorylab.waves.claims"),
        (uses_of_facades, "waves.experiment", "theorylab.waves"),
        (uses_of_facades, "waves.experiment", "theorylab"),
        (hidden_imports, "waves.experiment", "importlib"),
        (unknown_rooms, "waves.helpers", "theorylab.arrays"),
        (code_of_both_sides, "waves.experiment", "theorylab.waves.theory"),
        (meetings_outside_claims, "waves.estimators", "theorylab.waves.experiment"),
    ],
)
def test_the_rule_notices(rule, importer, imported):
    assert rule(toy_graph((importer, imported)))


def test_code_shared_by_both_sides_is_noticed_where_neither_imports_the_other():
    graph = toy_graph(
        ("waves.theory", "theorylab.waves.spectra"),
        ("waves.experiment", "theorylab.waves.spectra"),
    )
    assert code_of_both_sides(graph) == ["theorylab.waves.spectra"]


# --- the contracts of pyproject.toml ---------------------------------------------------------------------------------

LINT = "from importlinter.cli import lint_imports_command as run; run()"
PLANTED = {
    "theory never imports experiment": ("planted/theory.py", "from theorylab.planted import experiment"),
    "experiment never imports theory": ("planted/experiment.py", "from theorylab.planted.theory import predict"),
    "problem imports neither side": ("planted/problem.py", "import theorylab.planted.estimators"),
    "nothing imports claims": ("planted/estimators.py", "from . import claims"),
    "only the command line imports the suite": ("planted/claims.py", "from theorylab import suite"),
    "only theorylab.arrays imports array_api_compat and array_api_extra": (
        "planted/theory.py",
        "from array_api_compat import array_namespace",
    ),
}


@pytest.fixture
def copy_with_chapter(tmp_path):
    """A copy of the package with one more chapter, which the contracts do not name."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "theorylab", ignore=shutil.ignore_patterns("__pycache__"))
    chapter = tmp_path / "theorylab" / "planted"
    chapter.mkdir()
    for room in ("__init__", *ROOMS):
        (chapter / f"{room}.py").write_text("")
    (chapter / "theory.py").write_text("from theorylab.planted import problem\n\n\ndef predict(): ...\n")
    return tmp_path


def lint_imports(folder: Path) -> tuple[int, list[str]]:
    """Exit status of the import linter and the names of the broken contracts."""
    command = [sys.executable, "-c", LINT, "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, re.findall(r"^(.*) BROKEN\b", done.stdout, re.MULTILINE)


def test_the_contracts_accept_a_further_chapter(copy_with_chapter):
    assert lint_imports(copy_with_chapter) == (0, [])


@pytest.mark.parametrize("contract", PLANTED)
def test_the_contract_breaks_on_a_planted_import(copy_with_chapter, contract):
    file, statement = PLANTED[contract]
    path = copy_with_chapter / "theorylab" / file
    path.write_text(f"{statement}\n{path.read_text()}")
    status, broken = lint_imports(copy_with_chapter)
    assert status == 1
    assert broken == [contract]


def test_every_contract_has_a_planted_import():
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]} == set(PLANTED)
