"""A project with one chapter, `averages`: a claim record, an executed notebook, a figure, a player, documentation."""

import base64
import json
from pathlib import Path

import pytest

from theorylab import explore, figures
from theorylab.suite.project import Project
from theorylab.suite.report.results import Results

IMPORTS = "from theorylab import figures\nfrom toylab.averages.claims import variance"
RUN = "result = variance.run(profile=profile)\nresult.save()"
DRAW = "run = result.arrays\nfigures.save(plot(run), 'averages/curve', alt='A line and a point on it, as predicted.')"
MOVE = "explore.explore(lambda n: plot(result, n), name='averages/moving', alt='A line that rises.', n=[1, 2])"


def record(name="variance", chapter="averages", **changes):
    """A claim record as :meth:`ClaimResult.to_record` writes it."""
    evidence = {
        "kind": "agreement",
        "label": "variance of the mean",
        "predicted": [0.2, 0.1],
        "measured": [0.21, 0.1],
        "standard_error": 0.01,
        "margin": 0.0,
        "resolution": 0.1,
        "threshold": 3.5,
        "verdict": "confirmed",
        "strain": 0.01 / 0.035,
        "summary": "predicted 0.2, measured 0.21 ± 0.01 (worst of 2)",
        "n_comparisons": 2,
        "false_alarm_rate": 0.001,
    }
    whole = {
        "format": 1,
        "id": f"{chapter}.{name}",
        "chapter": chapter,
        "statement": r"The mean of $n$ draws has variance $\sigma^2/n$, a < b.",
        "source": "gauss1823, eq. (1); derived here",
        "tolerance": "exact",
        "expected": "confirmed",
        "cost": "instant",
        "verdict": "confirmed",
        "status": "upheld",
        "summary": evidence["summary"],
        "false_alarm_rate": 0.001,
        "evidence": [evidence],
        "controls": [
            {
                "name": "one_draw_fewer",
                "description": "1/(n-1), the factor of the unbiased estimate",
                "verdict": "refuted",
                "rejected": True,
                "distance": 1.43,
                "summary": "predicted 0.25, measured 0.21",
            }
        ],
        "conditions": {"profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu"},
        "seconds": 0.5,
        "versions": {"python": "3.11.7", "numpy": "2.4.6"},
        "arrays": {},
    }
    return {**whole, **changes}


def code(id_, source, *outputs, tags=()):
    """A code cell with outputs."""
    metadata = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code",
        "id": id_,
        "metadata": metadata,
        "source": source,
        "execution_count": 1,
        "outputs": [
            {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data} for data in outputs
        ],
    }


def notebook(*cells, title="# How averages scatter"):
    """An executed notebook."""
    given = 'profile = "quick"\nseed = 0\nbackend = "numpy"\ndevice = "cpu"'
    parameters = {"profile": "quick", "seed": 0, "backend": "numpy", "device": "cpu"}
    first = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": title}
    return {
        "cells": [
            first,
            code("settings", given, tags=["parameters"]),
            code("injected-parameters", f"# Parameters\n{given}\n", tags=["injected-parameters"]),
            *cells,
        ],
        "metadata": {
            "papermill": {"parameters": parameters},
            "language_info": {"name": "python"},
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def plot(n=1):
    fig, ax = figures.panels()
    figures.prediction(ax, [1, 2], [0, n])
    return fig


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The project on the disk."""
    root = tmp_path / "toy"
    for name, text in {
        "pyproject.toml": '[project]\nname = "toylab"\n',
        "toylab/__init__.py": '"""Toys."""\n',
        "toylab/averages/__init__.py": '"""How averages scatter: the variance\nof a mean.\n\nAnd more."""\n',
        "notebooks/averages/01_variance.ipynb": "{}",
        "docs/index.md": "# Toys\n\n```{include} _parts/state.md\n```\n\n```{include} _parts/chapters.md\n```\n\n"
        "```{toctree}\n:hidden:\n\nchapters/index\nledger\npapers/index\ngallery\napi/index\ncost\nbibliography\n"
        "decisions/README\n```\n",
        "docs/bibliography.md": "# Bibliography\n\n```{bibliography}\n:all:\n```\n",
        "docs/decisions/README.md": "# Decisions\n",
        "docs/decisions/0001-evidence-and-verdicts.md": "# 0001: evidence\n",
        "docs/references.bib": "@article{gauss1823,\n  author = {Gauss, Carl Friedrich},\n"
        "  title = {Theoria Combinationis},\n  journal = {Commentationes},\n  year = {1823}\n}\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    results = root / "figures" / "averages"
    monkeypatch.setenv("THEORYLAB_OUTPUT", str(root / "figures"))
    monkeypatch.setenv("THEORYLAB_PROVENANCE", json.dumps({"profile": "quick", "seed": 0}))
    figures.save(plot(), "averages/curve", alt="A line and a point that lies on it, as predicted.")
    explore.explore(plot, name="averages/moving", alt="A line that rises the more the larger n is.", n=[1, 2])
    shown = {"image/png": base64.b64encode((results / "curve.png").read_bytes()).decode(), "text/plain": "alt"}
    cells = [code("imports", IMPORTS), code("claim", RUN), code("figure", DRAW, shown), code("move", MOVE)]
    (results / "01_variance.ipynb").write_text(json.dumps(notebook(*cells)))
    (results / "variance.claim.json").write_text(json.dumps(record()))
    return Project.find(root)


@pytest.fixture
def results(project):
    """What it left."""
    return load(project)


def load(project: Project, stale=None) -> Results:
    return Results.load(project.figures, {"averages/01_variance": 3.0}, stale or {})


def write_record(folder: Path, **changes) -> None:
    made = record(**changes)
    path = folder / made["chapter"] / f"{made['id'].partition('.')[2]}.claim.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made))
