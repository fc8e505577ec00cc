"""What the build left in ``figures/``: claim records, executed notebooks, figures."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from theorylab.suite.project import STANDARD_PARAMETERS, UsageError
from theorylab.suite.report.lineage import Lineage

__all__ = ["ExecutedNotebook", "Figure", "Player", "Results", "figure_anchor", "joined", "png_digest", "reproduce"]

_SUFFIX = ".claim.json"


@dataclass(frozen=True)
class Figure:
    """A figure as :func:`theorylab.figures.save` left it, and what it shows.

    Parameters
    ----------
    name : str
        ``chapter/name``.
    title, alt : str
        What the file says of itself.
    provenance : mapping
        Parameters, seed, versions and content key of the run.
    size : tuple of int
        Width and height in pixels of the screen.
    notebook : ExecutedNotebook or None
        Where it was made.
    cell : str
        Id of the cell; empty without a notebook.
    claims : tuple of str
        Ids of the claims whose results the cell drew from.
    """

    name: str
    title: str
    alt: str
    provenance: Mapping[str, Any]
    size: tuple[int, int]
    notebook: ExecutedNotebook | None = None
    cell: str = ""
    claims: tuple[str, ...] = ()

    @property
    def chapter(self) -> str:
        """Folder of the figure."""
        return self.name.partition("/")[0]

    @property
    def anchor(self) -> str:
        """Id of the figure on the pages that show it."""
        return figure_anchor(self.name)

    @property
    def command(self) -> str:
        """What makes it again."""
        return reproduce(self.notebook.name if self.notebook else self.chapter, self.provenance)


@dataclass(frozen=True)
class Player(Figure):
    """A figure that moves, as :func:`theorylab.explore.explore` left it.

    Parameters
    ----------
    html : str
        The player, for a page that holds other things too.
    """

    html: str = field(default="", repr=False)

    @property
    def anchor(self) -> str:
        """Id of the figure; a figure that does not move may have the same name."""
        return "moving-" + figure_anchor(self.name)

    @property
    def frame(self) -> str:
        """Address of its first drawing, which holds the drawing itself; empty where the player has none."""
        found = re.search(r'<img [^>]*?src="(data:image/[^"]*)"', self.html)
        return found[1] if found else ""


@dataclass(frozen=True)
class ExecutedNotebook:
    """A notebook with its outputs.

    Parameters
    ----------
    chapter, stem : str
        Where it lies: ``figures/<chapter>/<stem>.ipynb``.
    content : mapping
        The file.
    seconds : float or None
        How long its last run took; None where the build does not remember.
    stale : str
        Why it no longer counts; empty when it is up to date.
    """

    chapter: str
    stem: str
    content: Mapping[str, Any] = field(repr=False)
    seconds: float | None = None
    stale: str = ""

    @property
    def name(self) -> str:
        """``chapter/stem``."""
        return f"{self.chapter}/{self.stem}"

    @property
    def page(self) -> str:
        """Its page on the site, without suffix."""
        return f"notebooks/{self.name}"

    @cached_property
    def cells(self) -> tuple[tuple[str, str, str], ...]:
        """Id, type and source of every cell."""
        return tuple(
            (str(cell.get("id", position)), cell["cell_type"], joined(cell["source"]))
            for position, cell in enumerate(self.content["cells"])
        )

    @cached_property
    def title(self) -> str:
        """First heading."""
        for _, kind, source in self.cells:
            found = re.search(r"^# +(.+)$", source, flags=re.MULTILINE) if kind == "markdown" else None
            if found:
                return found[1].strip()
        return self.stem.replace("_", " ")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the run."""
        parameters: Mapping[str, Any] = self.content["metadata"].get("papermill", {}).get("parameters", {})
        return parameters

    @cached_property
    def lineage(self) -> Lineage:
        """Which cell ran which claim, and what was drawn from it."""
        return Lineage.of((id_, source) for id_, kind, source in self.cells if kind == "code")


@dataclass(frozen=True)
class Results:
    """Everything that the report shows and did not write itself.

    Parameters
    ----------
    records : tuple of mapping
        Claim records, sorted by chapter and name.
    notebooks : tuple of ExecutedNotebook
        Sorted by chapter and name.
    figures : tuple of Figure
        In the order of the notebooks, then by name.
    players : tuple of Player
        Figures that move, in the same order.
    stale : mapping of str to str
        Files below ``figures/`` that no longer count, with the reason.
    """

    records: tuple[Mapping[str, Any], ...]
    notebooks: tuple[ExecutedNotebook, ...]
    figures: tuple[Figure, ...]
    players: tuple[Player, ...]
    stale: Mapping[str, str]

    @classmethod
    def load(cls, folder: Path, seconds: Mapping[str, float], stale: Mapping[str, str]) -> Results:
        """Read a folder of results.

        Parameters
        ----------
        folder : Path
            ``figures/`` of a project.
        seconds : mapping of str to float
            Duration of the last run of each notebook.
        stale : mapping of str to str
            Files that no longer count, with the reason.

        Returns
        -------
        Results
            What is there.

        Raises
        ------
        UsageError
            If a file is not what its name says.
        """
        records = tuple(_record(path) for path in sorted(folder.glob(f"*/*{_SUFFIX}")))
        notebooks = tuple(_notebook(path, seconds, stale) for path in sorted(folder.glob("*/*.ipynb")))
        origins = dict(_origins(notebooks, {record["id"] for record in records}))
        figures = sorted((_figure(path, origins) for path in folder.glob("*/*.svg")), key=_place)
        players = sorted((_player(path, origins) for path in folder.glob("*/*.html")), key=_place)
        return cls(records, notebooks, tuple(figures), tuple(players), stale)

    @cached_property
    def chapters(self) -> tuple[str, ...]:
        """Chapters that left anything."""
        found = [record["chapter"] for record in self.records]
        found += [notebook.chapter for notebook in self.notebooks] + [figure.chapter for figure in self.figures]
        return tuple(sorted(set(found)))

    @cached_property
    def places(self) -> Mapping[str, tuple[ExecutedNotebook, str]]:
        """Notebook and cell that ran each claim."""
        return {claim: (notebook, cell) for notebook in self.notebooks for claim, cell in notebook.lineage.runs.items()}

    def figures_of(self, claim: str) -> tuple[Figure, ...]:
        """Figures that show a claim: those that draw from the fewest claims first."""
        shown = [figure for figure in self.figures if claim in figure.claims]
        return tuple(sorted(shown, key=lambda figure: len(figure.claims)))


def reproduce(what: str, conditions: Mapping[str, Any]) -> str:
    """Command that runs something again under the same conditions.

    Parameters
    ----------
    what : str
        A chapter or a notebook.
    conditions : mapping
        Profile, seed, backend and device, as far as known.

    Returns
    -------
    str
        For the shell.

    Examples
    --------
    >>> reproduce("averages/01_variance", {"profile": "full", "seed": 0, "backend": "numpy"})
    'make figures ONLY=averages/01_variance PROFILE=full SEED=0 BACKEND=numpy'
    """
    given = [f"{name.upper()}={conditions[name]}" for name in STANDARD_PARAMETERS if name in conditions]
    return " ".join(["make figures", f"ONLY={what}", *given])


def joined(source: Any) -> str:
    """Text of a notebook's field, which may be a list of lines."""
    return source if isinstance(source, str) else "".join(source)


def figure_anchor(name: str) -> str:
    """Id of a figure on the pages that show it.

    Examples
    --------
    >>> figure_anchor("averages/learning_curve")
    'figure-learning-curve'
    """
    return "figure-" + name.partition("/")[2].replace("_", "-")


def png_digest(data: bytes) -> str:
    """Name of a picture's contents."""
    return hashlib.sha256(data).hexdigest()


#: Notebook and cell that saved a figure, and the claims whose results the cell drew from.
_Origin = tuple[ExecutedNotebook | None, str, tuple[str, ...]]
_NOWHERE: _Origin = (None, "", ())


def _record(path: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in ("id", "chapter", "statement", "evidence", "controls", "status") if key not in record]
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} must be a claim record; it could not be read ({error}). Remove it.") from None
    if missing:
        raise UsageError(f"{path} must be a claim record; it has no {', '.join(missing)}. Remove it.")
    return {**record, "file": f"{path.parent.name}/{path.name}"}


def _notebook(path: Path, seconds: Mapping[str, float], stale: Mapping[str, str]) -> ExecutedNotebook:
    name = f"{path.parent.name}/{path.stem}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["cells"], content["metadata"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} must be an executed notebook; it could not be read ({error}). Remove it.") from None
    return ExecutedNotebook(path.parent.name, path.stem, content, seconds.get(name), stale.get(f"{name}.ipynb", ""))


def _origins(notebooks: Iterable[ExecutedNotebook], recorded: Collection[str]) -> Iterator[tuple[str, _Origin]]:
    """Where each figure comes from, by its name; claims of which there is no record have no row to be led to."""
    for notebook in notebooks:
        for figure, cell in notebook.lineage.figures.items():
            claims = tuple(claim for claim in notebook.lineage.drawn[figure] if claim in recorded)
            yield figure, (notebook, cell, claims)


def _figure(path: Path, origins: Mapping[str, _Origin]) -> Figure:
    from theorylab import figures

    name = f"{path.parent.name}/{path.stem}"
    try:
        about = figures.describe(path)
    except (ValueError, SyntaxError) as error:
        raise UsageError(f"{path} must be a figure of theorylab.figures.save with an alt text: {error}") from None
    return Figure(name, about.title, about.alt, about.provenance, _size(path), *origins.get(name, _NOWHERE))


def _player(path: Path, origins: Mapping[str, _Origin]) -> Player:
    from theorylab import explore

    name = f"{path.parent.name}/{path.stem}"
    try:
        about, html = explore.describe(path), explore.embed(path)
    except ValueError as error:
        raise UsageError(f"{path} must be a figure of theorylab.explore with an alt text: {error}") from None
    return Player(name, about.title, about.alt, about.provenance, (0, 0), *origins.get(name, _NOWHERE), html=html)


def _size(path: Path) -> tuple[int, int]:
    """Width and height of an SVG in pixels; matplotlib gives them in points."""
    with path.open(encoding="utf-8") as file:
        head = file.read(2000)
    found = re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"', head), re.search(r'<svg[^>]*?\bheight="([\d.]+)pt"', head)
    width, height = (round(float(match[1]) * 4 / 3) if match else 0 for match in found)
    return width, height


def _place(figure: Figure) -> tuple[str, str, int, str]:
    """Where a figure comes in its chapter: in the order of the notebooks and their cells, strays last."""
    if figure.notebook is None:
        return figure.chapter, "~", 0, figure.name
    cells = [id_ for id_, _, _ in figure.notebook.cells]
    return figure.chapter, figure.notebook.name, cells.index(figure.cell), figure.name
