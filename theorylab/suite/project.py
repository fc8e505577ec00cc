"""The project on disk: its root, its chapters and what a notebook contains.

Notebooks are read as plain JSON: importing nbformat costs more than everything else that a run with nothing to do
needs.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["STANDARD_PARAMETERS", "Cell", "Notebook", "Project", "UsageError", "suggestion"]

#: What every notebook declares in its parameters cell; the command line sets them.
STANDARD_PARAMETERS = ("profile", "seed", "backend", "device")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class UsageError(Exception):
    """What was asked for cannot be done; nothing was run."""


def suggestion(value: str, choices: Iterable[str]) -> str:
    """Sentence that names the nearest of the choices, or all of them when none is near.

    Parameters
    ----------
    value : str
        What was given.
    choices : iterable of str
        What would have been accepted.

    Returns
    -------
    str
        For example ``Did you mean 'quick'?``.

    Examples
    --------
    >>> suggestion("quik", ["quick", "full"])
    "Did you mean 'quick'?"
    """
    choices = list(choices)
    near = difflib.get_close_matches(value, choices, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"There is: {', '.join(choices)}." if choices else "There is none."


@dataclass(frozen=True)
class Cell:
    """One code cell: its id, its source and the nearest heading above it.

    Parameters
    ----------
    id : str
        Cell id of the notebook format, or the position where the format is too old to have one.
    source : str
        The code.
    heading : str
        Nearest markdown heading above, without its ``#``; empty where there is none.
    tags : tuple of str
        Tags in the metadata.
    """

    id: str
    source: str
    heading: str
    tags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Content of the cell as a short hash."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Notebook:
    """A notebook of the project, read when first needed.

    Parameters
    ----------
    chapter : str
        Folder below ``notebooks/``.
    path : Path
        The file.
    """

    chapter: str
    path: Path

    @property
    def stem(self) -> str:
        """File name without its suffix."""
        return self.path.stem

    @property
    def name(self) -> str:
        """``chapter/stem``, by which the notebook is known everywhere."""
        return f"{self.chapter}/{self.stem}"

    @cached_property
    def code_cells(self) -> tuple[Cell, ...]:
        """Code cells that are not empty, in order."""
        return tuple(read_code_cells(self.path))

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Parameters that the parameters cell declares, with their values.

        A value that is not a literal is represented by its source inside a one-element set, which no JSON value equals.

        Raises
        ------
        UsageError
            If there is not exactly one cell tagged ``parameters``, if it is not plain assignments, or if one of the
            parameters that every notebook has is missing.
        """
        cells = [cell for cell in self.code_cells if "parameters" in cell.tags]
        if len(cells) != 1:
            raise UsageError(
                f"notebook {self.name} must have exactly one cell tagged 'parameters'; it has {len(cells)}. "
                f"Put {', '.join(STANDARD_PARAMETERS)} and its own parameters there."
            )
        declared = _assignments(cells[0].source, self.name)
        missing = [name for name in STANDARD_PARAMETERS if name not in declared]
        if missing:
            raise UsageError(
                f"notebook {self.name} must declare {', '.join(missing)} in its parameters cell. "
                'Begin the cell with: profile = "quick"; seed = 0; backend = "numpy"; device = "cpu".'
            )
        return declared


def read_code_cells(path: Path) -> list[Cell]:
    """Code cells of a notebook file that are not empty.

    Parameters
    ----------
    path : Path
        File in notebook format 4.

    Returns
    -------
    list of Cell
        In the order of the notebook; cells that papermill injected in an earlier run are left out.

    Raises
    ------
    UsageError
        If the file is not a notebook of format 4.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        raw_cells = content["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} must be a notebook in format 4; it could not be read ({error}). Save it from Jupyter again."
        ) from None
    cells, heading = [], ""
    for position, raw in enumerate(raw_cells):
        source = raw.get("source", "")
        source = source if isinstance(source, str) else "".join(source)
        if raw.get("cell_type") == "markdown":
            heading = last_heading(source) or heading
        tags = tuple(raw.get("metadata", {}).get("tags", ()))
        if raw.get("cell_type") == "code" and source.strip() and "injected-parameters" not in tags:
            cells.append(Cell(str(raw.get("id", position)), source, heading, tags))
    return cells


def last_heading(markdown: str) -> str:
    """Text of the last heading in a piece of markdown, or an empty string.

    Parameters
    ----------
    markdown : str
        Source of a markdown cell.

    Returns
    -------
    str
        The heading without its ``#``.
    """
    heading, fenced = "", False
    for line in markdown.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and re.match(r"#{1,6}\s", line):
            heading = line.lstrip("#").strip()
    return heading


def _assignments(source: str, name: str) -> dict[str, Any]:
    """Names and values of the plain assignments in a parameters cell."""
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise UsageError(
            f"the parameters cell of {name} must be plain Python assignments; line {error.lineno} is not ({error.msg})."
        ) from None
    declared: dict[str, Any] = {}
    for statement in statements:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        value = getattr(statement, "value", None)
        if value is None:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    declared[target.id] = ast.literal_eval(value)
                except ValueError:
                    declared[target.id] = {ast.unparse(value)}
    return declared


@dataclass(frozen=True)
class Project:
    """A folder with notebooks, figures and the package whose modules the notebooks import.

    Parameters
    ----------
    root : Path
        Folder that holds ``pyproject.toml`` and ``notebooks/``.
    package : str
        Name of the importable package, a folder below `root`.
    """

    root: Path
    package: str

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Project at or above a folder.

        Parameters
        ----------
        start : Path, optional
            Where to look first; the working directory by default.

        Returns
        -------
        Project
            Its package is the one that ``pyproject.toml`` names.

        Raises
        ------
        UsageError
            If there is no project, or its package is not where its name says.
        """
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
                return cls(folder, _package_name(folder))
        raise UsageError(
            f"no project at or above {start}: a project has a pyproject.toml and a notebooks/ folder. "
            "Change into one, or name it with --root."
        )

    @property
    def figures(self) -> Path:
        """Folder of all results."""
        return self.root / "figures"

    @property
    def state(self) -> Path:
        """Folder of the build's own files: checksums, timings, staging."""
        return self.root / ".theorylab"

    @cached_property
    def notebooks(self) -> tuple[Notebook, ...]:
        """All notebooks, sorted by chapter and file name."""
        paths = sorted((self.root / "notebooks").glob("*/*.ipynb"))
        found = tuple(Notebook(path.parent.name, path) for path in paths if not path.name.startswith("."))
        for notebook in found:
            if not (_NAME.fullmatch(notebook.chapter) and _NAME.fullmatch(notebook.stem)):
                raise UsageError(
                    f"{notebook.path} must be named with letters, digits, '_', '-' and '.' only. Rename it."
                )
        return found

    def select(self, wanted: Sequence[str]) -> tuple[Notebook, ...]:
        """Notebooks that chapter or notebook names stand for.

        Parameters
        ----------
        wanted : sequence of str
            Chapters, ``chapter/notebook``, file names or paths of notebooks; all notebooks when empty.

        Returns
        -------
        tuple of Notebook
            In the order of the project, each once.

        Raises
        ------
        UsageError
            If a name fits no chapter and no notebook, or several notebooks.
        """
        if not wanted:
            return self.notebooks
        chosen = {notebook.name for name in wanted for notebook in self._matching(name)}
        return tuple(notebook for notebook in self.notebooks if notebook.name in chosen)

    def _matching(self, wanted: str) -> list[Notebook]:
        in_chapter = [notebook for notebook in self.notebooks if notebook.chapter == wanted.strip("/")]
        if in_chapter:
            return in_chapter
        plain = wanted.removesuffix(".ipynb")
        path = Path(wanted).resolve()
        found = [nb for nb in self.notebooks if plain in (nb.name, nb.stem) or path == nb.path]
        if len({nb.name for nb in found}) > 1:
            raise UsageError(
                f"{wanted!r} fits several notebooks: {', '.join(nb.name for nb in found)}. Name the chapter."
            )
        if not found:
            known = sorted({nb.chapter for nb in self.notebooks}) + [nb.name for nb in self.notebooks]
            raise UsageError(f"{wanted!r} is neither a chapter nor a notebook. {suggestion(plain, known)}")
        return found

    def parameters(self, notebook: Notebook, given: Mapping[str, Any]) -> dict[str, Any]:
        """Value of every parameter of a notebook in a run.

        Parameters
        ----------
        notebook : Notebook
            Whose parameters cell says what there is.
        given : mapping
            Values from the command line.

        Returns
        -------
        dict
            Defaults of the notebook, overlaid by `given`.

        Raises
        ------
        UsageError
            If the notebook does not declare a given name, or its default is of another type.
        """
        defaults = notebook.defaults
        for name, value in given.items():
            if name not in defaults:
                raise UsageError(f"notebook {notebook.name} has no parameter {name!r}. {suggestion(name, defaults)}")
            if not _same_kind(defaults[name], value):
                raise UsageError(
                    f"parameter {name!r} of notebook {notebook.name} must be of type "
                    f"{type(defaults[name]).__name__}, like its default {defaults[name]!r}; got {value!r}."
                )
        return {**defaults, **given}


def _package_name(folder: Path) -> str:
    with (folder / "pyproject.toml").open("rb") as file:
        name = tomllib.load(file).get("project", {}).get("name")
    if not isinstance(name, str):
        raise UsageError(f"{folder / 'pyproject.toml'} must name the project ([project] name = ...); it does not.")
    package = name.replace("-", "_")
    if not (folder / package / "__init__.py").is_file():
        raise UsageError(f"the package of {folder} must be {package}/ with an __init__.py; there is none.")
    return package


def _same_kind(default: Any, value: Any) -> bool:
    """Whether a value may replace a default: same type, an int for a float, anything for None or an expression."""
    if default is None or isinstance(default, set) or type(default) is type(value):
        return True
    if isinstance(default, float):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(default, (list, tuple)) and isinstance(value, (list, tuple))
