"""Executed notebooks as Sphinx reads them: pictures become files with a caption, cells get anchors."""

from __future__ import annotations

import ast
import base64
import copy
import json
from collections import defaultdict
from collections.abc import Mapping
from html import escape
from typing import Any

from theorylab.suite.project import STANDARD_PARAMETERS, UsageError
from theorylab.suite.report import markup
from theorylab.suite.report.results import ExecutedNotebook, Figure, Results, joined, png_digest, reproduce

__all__ = ["CELL_ID", "notebook_page"]

#: Key in the metadata of a cell under which its id passes through myst-nb.
CELL_ID = "lab_id"


def notebook_page(notebook: ExecutedNotebook, results: Results) -> tuple[str, dict[str, bytes]]:
    """Copy of an executed notebook for Sphinx.

    Parameters
    ----------
    notebook : ExecutedNotebook
        Which.
    results : Results
        Where its figures are.

    Returns
    -------
    page : str
        The notebook, in its own format.
    pictures : dict of str to bytes
        Pictures that were saved by no :func:`theorylab.figures.save`, by their file below ``figures/``.

    Raises
    ------
    UsageError
        If a picture has no text for readers who do not see it.
    """
    content = copy.deepcopy(dict(notebook.content))
    figures: dict[str, list[Figure]] = defaultdict(list)
    for figure in results.figures:
        if figure.notebook is notebook:
            figures[figure.cell].append(figure)
    pictures: dict[str, bytes] = {}
    cells = [cell for cell in content["cells"] if not _is_repeated(cell, content["cells"])]
    for position, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        id_ = str(cell.get("id", position))
        cell["metadata"][CELL_ID] = id_
        made = figures[id_]
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                output["data"] = {"text/html": _picture(output, notebook, made, pictures)}
                output["metadata"] = {}
    content["cells"] = _with_run(cells, notebook)
    return json.dumps(content, indent=1, sort_keys=True) + "\n", pictures


def _is_repeated(cell: Mapping[str, Any], cells: list[Mapping[str, Any]]) -> bool:
    """Whether papermill's cell only says again what the parameters cell says."""
    if "injected-parameters" not in cell["metadata"].get("tags", ()):
        return False
    declared = next((other for other in cells if "parameters" in other["metadata"].get("tags", ())), None)
    return declared is not None and _values(cell).items() <= _values(declared).items()


def _values(cell: Mapping[str, Any]) -> dict[str, str]:
    """Names that a cell assigns, with the expression of each in one way of writing it."""
    return {
        ast.unparse(target): ast.unparse(statement.value)
        for statement in ast.parse(joined(cell["source"])).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
    }


def _with_run(cells: list[Any], notebook: ExecutedNotebook) -> list[Any]:
    """The cells, with a line under the title that says how the notebook was run."""
    parameters = notebook.parameters
    told = ", ".join(f"{name} {parameters[name]}" for name in STANDARD_PARAMETERS if name in parameters)
    stale = f"{markup.badge('stale')} {escape(notebook.stale)}. " if notebook.stale else ""
    source = f"notebooks/{notebook.name}.ipynb"
    took = "" if notebook.seconds is None else f", in {markup.seconds(notebook.seconds)}"
    told = escape(told or "its defaults")
    line = (
        f'<p class="lab-run">{stale}<code>{escape(source)}</code>, executed with {told}{took}. '
        f'Run it again: <code class="lab-command">{escape(reproduce(notebook.name, parameters))}</code></p>'
    )
    cell = {"cell_type": "markdown", "id": "lab-run", "metadata": {}, "source": markup.raw(line)}
    return [*cells[:1], cell, *cells[1:]]


def _picture(
    output: Mapping[str, Any], notebook: ExecutedNotebook, made: list[Figure], pictures: dict[str, bytes]
) -> str:
    """HTML of a picture: the saved figure where the cell saved one, else a file of its own."""
    if made:
        return markup.figure(made.pop(0), notebook.page, note=False)
    data = base64.b64decode(joined(output["data"]["image/png"]))
    alt = output.get("metadata", {}).get("image/png", {}).get("alt", "").strip()
    if not alt:
        raise UsageError(
            f"a picture in {notebook.name} must have a text for readers who do not see it; it has none. "
            "Save it with theorylab.figures.save(fig, name, alt=...)."
        )
    file = f"{notebook.chapter}/{notebook.stem}-{png_digest(data)[:12]}.png"
    pictures[file] = data
    return f'<img src="{markup.root_of(notebook.page)}figures/{file}" alt="{escape(alt)}">'
