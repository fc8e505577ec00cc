"""Which cell of a notebook ran a claim, and which figures were drawn from what it returned.

The code is read, not run.  A name stands for a claim when it is imported from a chapter's claims module; what is
assigned from an expression stands for the claims that stand behind the names in it.  A figure shows the claims behind
the names of the cell that saves it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Lineage"]

_Origins = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Lineage:
    """What the code cells of a notebook say about claims and figures.

    Parameters
    ----------
    runs : mapping of str to str
        Claim id to the cell that ran it.
    figures : mapping of str to str
        Name of each saved figure to its cell.
    drawn : mapping of str to tuple of str
        Name of each saved figure to the ids of the claims that it was drawn from.
    """

    runs: Mapping[str, str]
    figures: Mapping[str, str]
    drawn: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, cells: Iterable[tuple[str, str]]) -> Lineage:
        """Follow the names through the cells.

        Parameters
        ----------
        cells : iterable of (str, str)
            Id and source of each code cell, in order.

        Returns
        -------
        Lineage
            Cells that are no plain Python are passed over.

        Examples
        --------
        >>> cells = [
        ...     ("a", "from lab.averages.claims import variance"),
        ...     ("b", "result = variance.run()"),
        ...     ("c", "run = result.arrays; figures.save(plot(run), 'averages/curve', alt='...')"),
        ... ]
        >>> found = Lineage.of(cells)
        >>> found.runs, found.drawn
        ({'averages.variance': 'b'}, {'averages/curve': ('averages.variance',)})
        """
        origins: _Origins = {}
        runs: dict[str, str] = {}
        figures: dict[str, str] = {}
        drawn: dict[str, tuple[str, ...]] = {}
        for id_, source in cells:
            try:
                tree = ast.parse(source)
            except SyntaxError:  # a magic of IPython
                continue
            for statement in tree.body:
                _follow(statement, origins)
            claims = _behind(tree, origins)
            if any(_calls(tree, "run")):
                runs |= {claim: id_ for claim in claims if claim not in runs}
            for figure in _saved(tree):
                figures[figure], drawn[figure] = id_, claims
        return cls(runs, figures, drawn)


def _follow(statement: ast.AST, origins: _Origins) -> None:
    """Note what the names that a statement binds stand for, the statements inside it included."""
    for node in ast.walk(statement):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if ".claims" in f".{module}":
                parts = module.split(".")
                chapter = parts[parts.index("claims") - 1]
                origins |= {alias.asname or alias.name: (f"{chapter}.{alias.name}",) for alias in names}
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _bind(target, value, origins)
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                _bind(target, value, origins)
            case ast.NamedExpr(target=target, value=value):
                _bind(target, value, origins)
            case ast.FunctionDef(name=name):
                origins[name] = _behind(node, origins)


def _bind(target: ast.expr, value: ast.expr, origins: _Origins) -> None:
    claims = _behind(value, origins)
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            origins[node.id] = claims


def _behind(tree: ast.AST, origins: _Origins) -> tuple[str, ...]:
    """Claims behind the names that are read, in the order in which they are met."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found |= dict.fromkeys(origins.get(node.id, ()))
    return tuple(found)


def _calls(tree: ast.AST, method: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
            yield node


def _saved(tree: ast.AST) -> Iterator[str]:
    """Names under which figures are saved: the second argument, or ``name=``, of ``save`` and of ``explore``."""
    for call in (*_calls(tree, "save"), *_calls(tree, "explore")):
        named = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]
        for argument in named:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and "/" in argument.value:
                yield argument.value
