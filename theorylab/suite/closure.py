"""Which files of the package the code of a notebook depends on.

The imports of the notebook come from its syntax tree, those between modules from grimp's graph, and names that pass
through a lazily loading package (an ``__init__.pyi`` beside its ``__init__.py``) are followed to the module that
defines them, so that ``from theorylab.chapter import risk`` depends on one module and not on the chapter.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from theorylab.suite.project import UsageError

__all__ = ["Closure", "PackageGraph", "imports_of", "plain_python"]

#: Files of the build itself: no result depends on them.
_BUILD = "suite"


@dataclass(frozen=True)
class Import:
    """``import module`` (name is None), ``from module import name`` or ``from module import *``."""

    module: str
    name: str | None = None


@dataclass
class Closure:
    """What a notebook depends on within the package.

    Parameters
    ----------
    modules : set of str
        Dotted names of the modules.
    names : dict of str to str
        Names taken from lazily loading packages, with the place that they come from.
    """

    modules: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)


class PackageGraph:
    """Imports between the modules of one package on disk, which is read but never imported.

    Parameters
    ----------
    root : Path
        Folder that holds the package.
    package : str
        Name of the package.
    """

    def __init__(self, root: Path, package: str) -> None:
        self.root = root
        self.package = package
        self._stubs: dict[str, dict[str, str]] = {}

    @cached_property
    def files(self) -> dict[str, Path]:
        """Module name to file, for every module of the package."""
        found = {}
        for path in sorted((self.root / self.package).rglob("*.py")):
            parts = path.relative_to(self.root).with_suffix("").parts
            if all(part.isidentifier() for part in parts):
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    def closure(self, sources: Iterable[str]) -> Closure:
        """Modules that pieces of notebook code depend on, directly or through other modules.

        Parameters
        ----------
        sources : iterable of str
            Code cells.

        Returns
        -------
        Closure
            With the ``__init__`` of every package above a module, since Python runs those too.  When a cell cannot be
            parsed, every module of the package belongs to it.
        """
        found = Closure()
        waiting: set[str] = set()
        for source in sources:
            try:
                imports = imports_of(plain_python(source))
            except SyntaxError:
                waiting.update(self.files)
            else:
                waiting.update(self._resolve(imports, found))
        while waiting:
            module = waiting.pop()
            if module in found.modules or self._is_build(module):
                continue
            found.modules.add(module)
            waiting.update(self._needs(module, found))
        return found

    def relative_file(self, module: str) -> str:
        """File of a module relative to the root, with forward slashes."""
        return self.files[module].relative_to(self.root).as_posix()

    def _is_build(self, module: str) -> bool:
        return f"{module}.".startswith((f"{self.package}.{_BUILD}.", f"{self.package}.__main__."))

    @cached_property
    def _graph(self) -> Any:
        import grimp
        from grimp.exceptions import SourceSyntaxError

        # No cache on disk: grimp's trusts modification times, and the content is what counts here.
        with _importable_from(self.root, self.package):
            try:
                return grimp.build_graph(self.package, cache_dir=None, exclude_type_checking_imports=True)
            except SourceSyntaxError as error:
                raise UsageError(f"the imports of {self.package} must be readable; they are not. {error}") from None

    def _needs(self, module: str, found: Closure) -> set[str]:
        """Modules that Python, or a lazily loading package, imports when `module` is imported."""
        direct = {name for name in self._graph.find_modules_directly_imported_by(module) if name in self.files}
        parents = set(_ancestors(module))
        if any(self._stub(name) for name in direct):
            # Some import passes through a lazily loading package: take the names that it asks for, not the package.
            path = self.files[module]
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            direct |= self._resolve(imports_of(path.read_text(encoding="utf-8"), package), found)
        return (direct | parents) & self.files.keys()

    def _resolve(self, imports: Iterable[Import], found: Closure) -> set[str]:
        """Modules of the package that some imports name; taken names are noted in `found`."""
        modules: set[str] = set()
        for item in imports:
            if item.module.split(".")[0] == self.package:
                modules.update(self._targets(item, found))
        return {module for module in modules if module in self.files}

    def _targets(self, item: Import, found: Closure) -> set[str]:
        submodule = f"{item.module}.{item.name}"
        if item.name is not None and submodule in self.files:
            return self._whole(submodule, found)
        stub = self._stub(item.module)
        if item.name is None or item.name == "*":
            return self._whole(item.module, found)
        if item.name in stub:
            place = stub[item.name]
            found.names[submodule] = place
            module, _, attribute = place.partition(":")
            target = Import(module, attribute or None)
            return {item.module} if target == item else {item.module, *self._targets(target, found)}
        return {item.module}

    def _whole(self, module: str, found: Closure) -> set[str]:
        """A module, with all that it offers where it is a lazily loading package."""
        modules = {module}
        for name in self._stub(module):
            modules |= self._targets(Import(module, name), found)
        return modules

    def _stub(self, package: str) -> dict[str, str]:
        """Names that the ``__init__.pyi`` of a package offers, with the place ``module:name`` of each."""
        if package not in self._stubs:
            init = self.files.get(package)
            path = init.with_suffix(".pyi") if init is not None and init.name == "__init__.py" else None
            self._stubs[package] = self._read_stub(path, package) if path is not None and path.is_file() else {}
        return self._stubs[package]

    def _read_stub(self, path: Path, package: str) -> dict[str, str]:
        places = {}
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise UsageError(f"{path} must be Python; line {error.lineno} is not ({error.msg}).") from None
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                base = _absolute(node, package)
                for alias in node.names:
                    submodule = f"{base}.{alias.name}"
                    place = submodule if submodule in self.files else f"{base}:{alias.name}"
                    places[alias.asname or alias.name] = place
        return places


def imports_of(source: str, package: str = "") -> list[Import]:
    """Import statements anywhere in a piece of Python.

    Parameters
    ----------
    source : str
        Python code.
    package : str, optional
        Package that relative imports start from.

    Returns
    -------
    list of Import
        One per imported name.

    Raises
    ------
    SyntaxError
        If the source is not Python.

    Examples
    --------
    >>> imports_of("from theorylab import figures")
    [Import(module='theorylab', name='figures')]
    """
    found = []
    tree = compile(source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [Import(_absolute(node, package), alias.name) for alias in node.names]
    return found


def plain_python(source: str) -> str:
    r"""Code of a cell without IPython's own syntax.

    Parameters
    ----------
    source : str
        Code cell.

    Returns
    -------
    str
        Magics, shell lines and help requests are replaced by nothing; the Python behind ``%time`` and ``%%time`` stays;
        a cell in another language (``%%bash``) becomes empty.

    Examples
    --------
    >>> plain_python("%matplotlib inline\nimport theorylab")
    'pass\nimport theorylab'
    """
    lines = source.lstrip().splitlines()
    if lines and lines[0].startswith("%%"):
        if lines[0].split()[0] not in ("%%time", "%%timeit", "%%capture", "%%prun"):
            return ""
        lines = lines[1:]
    return "\n".join(_plain_line(line) for line in lines)


def _plain_line(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    timed = re.match(r"\s*%(?:time|timeit|prun)\s+(?!-)(.*)", line)
    if timed:
        return indent + timed.group(1)
    if re.match(r"\s*[%!?]", line) or re.match(r"\s*[\w.]+\?{1,2}\s*$", line):
        return f"{indent}pass"
    assigned = re.match(r"(\s*[\w, ]+=\s*)[%!]", line)
    return f"{assigned.group(1)}None" if assigned else line


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Module that a ``from`` import names, counted from `package` where it is relative."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _ancestors(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


@contextmanager
def _importable_from(root: Path, package: str) -> Iterator[None]:
    """Let grimp find the package below `root`, also where another copy of it has been imported already."""
    hidden = sys.modules.pop(package, None)
    sys.path.insert(0, str(root))
    sys.path_importer_cache.pop(str(root), None)
    try:
        yield
    finally:
        sys.path.remove(str(root))
        if hidden is not None:
            sys.modules[package] = hidden
