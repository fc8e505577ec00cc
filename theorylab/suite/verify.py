"""Run claims without notebooks: the short way from an edit of the theory to a verdict."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from theorylab.suite.launch import ONE_THREAD
from theorylab.suite.ledger import CRASHED, Entry
from theorylab.suite.progress import spoken
from theorylab.suite.project import Project, UsageError, suggestion

__all__ = ["claims_by_chapter", "run_claims"]


def run_claims(project: Project, wanted: Sequence[str], conditions: Mapping[str, Any], *, jobs: int) -> list[Entry]:
    """Run claims and return the ledger; nothing is written.

    Parameters
    ----------
    project : Project
        Whose package holds the claims.
    wanted : sequence of str
        Chapters and claim ids; all claims when empty.
    conditions : mapping
        Profile, seed, backend and device.
    jobs : int
        Claims at a time, each in a process of its own when more than one.

    Returns
    -------
    list of Entry
        A claim that raises, or a claims module that cannot be imported, is an entry with status ``crashed``.

    Raises
    ------
    UsageError
        If a name is neither a chapter nor a claim.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")  # as in a notebook; it counts for what is imported from here on
    chapters = {name.partition(".")[0] for name in wanted}
    # What is not asked for is not imported; a name that is nowhere is looked for everywhere, to suggest another.
    known = all((project.root / project.package / chapter).is_dir() for chapter in chapters)
    claims, broken = claims_by_chapter(project, chapters if wanted and known else None)
    if broken:
        sys.stderr.write(broken)
        return [Entry.without_result("-", "import", CRASHED, broken.splitlines()[-1])]
    ids = _selected(claims, wanted)
    arguments = [(str(project.root), project.package, id_, dict(conditions)) for id_ in ids]
    if min(jobs, len(ids)) <= 1:
        return [_told(_run_one(*given)) for given in arguments]
    # Fresh processes rather than forks: array libraries with threads or a GPU do not survive a fork.
    with ProcessPoolExecutor(min(jobs, len(ids)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_run_one, *given) for given in arguments]
        return [_told(_entry(future, id_)) for future, id_ in zip(futures, ids, strict=True)]


def claims_by_chapter(project: Project, chapters: Collection[str] | None = None) -> tuple[dict[str, list[str]], str]:
    """Ids of the claims of a project.

    Parameters
    ----------
    project : Project
        Whose package holds the claims.
    chapters : collection of str, optional
        Chapters to import; all when left out.

    Returns
    -------
    claims : dict of str to list of str
        Chapter to ids.
    broken : str
        Traceback of the import of the claims; empty when they could be imported.
    """
    claims: dict[str, list[str]] = {}
    try:
        for id_, claim in _discover(str(project.root), project.package, chapters).items():
            claims.setdefault(claim.chapter, []).append(id_)
    except Exception:  # a broken chapter is reported, whatever it raises
        return {}, traceback.format_exc()
    return claims, ""


def _selected(claims: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> list[str]:
    everything = [id_ for ids in claims.values() for id_ in ids]
    chosen: set[str] = set()
    for name in wanted:
        if name not in claims and name not in everything:
            raise UsageError(f"{name!r} is neither a chapter nor a claim. {suggestion(name, [*claims, *everything])}")
        chosen.update(claims.get(name, [name]))
    return [id_ for id_ in everything if id_ in chosen or not wanted]


def _discover(root: str, package: str, chapters: Collection[str] | None) -> dict[str, Any]:
    if root not in sys.path:
        sys.path.insert(0, root)
    claims = importlib.import_module("theorylab.claims")
    found: dict[str, Any] = claims.discover(package, chapters)
    return found


def _told(entry: Entry) -> Entry:
    """The entry, after a line for whoever waits for the ledger."""
    took = "" if entry.seconds is None else f" in {spoken(entry.seconds)}"
    sys.stderr.write(f"done   {entry.chapter}.{entry.claim} ({entry.status}){took}\n")
    return entry


def _entry(future: Future[Entry], id_: str) -> Entry:
    try:
        return future.result()
    except BrokenProcessPool:  # after one worker has died, the pool gives up the claims that were still to come
        chapter, _, name = id_.partition(".")
        return Entry.without_result(chapter, name, CRASHED, "a worker process died; run claims one at a time with -j 1")


def _run_one(root: str, package: str, id_: str, conditions: Mapping[str, Any]) -> Entry:
    claim = _discover(root, package, [id_.partition(".")[0]])[id_]
    try:
        return Entry.from_record(claim.run(**conditions).to_record())
    except Exception as error:  # one claim that crashes does not keep the others from being judged
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        note = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
        return Entry.without_result(claim.chapter, id_.removeprefix(f"{claim.chapter}."), CRASHED, note)
