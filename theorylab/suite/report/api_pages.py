"""API pages: for every public module its docstring and the names in its ``__all__``, read without importing it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from pathlib import Path

from theorylab.suite.project import Project
from theorylab.suite.report import markup

__all__ = ["api_pages", "public_names"]

#: Rooms of a chapter that have an interface; the names in its claims are the ledger's.
_ROOMS = ("problem", "theory", "experiment", "estimators")

_HEAD = """# API

Everything public, from the docstrings. A chapter's own names can be imported from the chapter itself
(`from theorylab.random_features import risk_estimate`); the modules that all chapters share come first.

"""


def api_pages(project: Project) -> dict[str, str]:
    """A page for each public module, and their index.

    Parameters
    ----------
    project : Project
        Whose package it is.

    Returns
    -------
    dict of str to str
        File to its text: reStructuredText, as the docstrings are, but for the index.
    """
    package = project.root / project.package
    modules = {path.stem: path for path in sorted(package.glob("[a-z]*.py"))}
    for folder in sorted(path for path in package.iterdir() if (path / "__init__.py").is_file()):
        for room in _ROOMS:
            modules |= _modules_of(f"{folder.name}.{room}", folder / room)
    pages = {
        f"api/{project.package}.{module}.rst": _page(f"{project.package}.{module}", path, modules)
        for module, path in modules.items()
        if public_names(path)
    }
    lines = (f"- [{_title(page)}](/{page}): {_summary(modules[_short(page)])}\n" for page in pages)
    listed = _HEAD + "".join(lines) + markup.toctree(page.removesuffix(".rst") for page in pages)
    return {"api/index.md": listed, **pages}


def _title(page: str) -> str:
    return page.removeprefix("api/").removesuffix(".rst")


def _short(page: str) -> str:
    return _title(page).partition(".")[2]


def _modules_of(name: str, room: Path) -> dict[str, Path]:
    """The module of a room; the modules in it, where the room itself has no names."""
    whole = next((path for path in (room.with_suffix(".py"), room / "__init__.py") if path.is_file()), None)
    if whole is None:
        return {}
    if whole.name == "__init__.py" and not public_names(whole):
        return {f"{name}.{path.stem}": path for path in sorted(room.glob("[a-z]*.py"))}
    return {name: whole}


def public_names(path: Path) -> list[str]:
    """Names that a module declares public.

    Parameters
    ----------
    path : Path
        Source; where it loads its names lazily, those of the stub beside it.

    Returns
    -------
    list of str
        The literal ``__all__``; empty where there is none.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and "__all__" in {ast.unparse(target) for target in node.targets}:
            names = ast.literal_eval(node.value)
            return [str(name) for name in names]
    stub = path.with_suffix(".pyi")
    return list(_imported(ast.parse(stub.read_text(encoding="utf-8")).body)) if stub.is_file() else []


def _imported(body: Iterable[ast.stmt]) -> Iterable[str]:
    for node in body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def _page(module: str, path: Path, documented: Collection[str]) -> str:
    """The docstring of a module, its names, and the docstrings of the modules that it consists of."""
    package = module.partition(".")[0]
    elsewhere = _taken_from(path, {f"{package}.{other}" for other in documented} - {module})
    names = [name for name in public_names(path) if name not in elsewhere]
    parts = [_heading(module, "="), _directive(module, f"   :members: {', '.join(names)}\n")]
    if path.name == "__init__.py":
        for part in sorted(path.parent.glob("[a-z]*.py")):
            parts += [
                _heading(f"About {part.stem}", "-"),
                _directive(f"{module}.{part.stem}", "   :no-members:\n   :no-index:\n"),
            ]
    return "".join(parts)


def _directive(module: str, options: str) -> str:
    return f".. automodule:: {module}\n{options}"


def _heading(text: str, sign: str) -> str:
    return f"\n{text}\n{sign * len(text)}\n\n"


def _taken_from(path: Path, modules: Collection[str]) -> set[str]:
    """Names that a module takes from one of some modules, on whose page they are explained."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {
        name
        for node in body
        if isinstance(node, ast.ImportFrom) and node.module in modules
        for name in _imported([node])
    }


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).replace(":mod:", "").replace(":func:", "")
