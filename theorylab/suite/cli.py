"""Commands of ``theorylab``, also ``python -m theorylab``: list, figures, verify, why, clean, doctor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from theorylab.suite.options import USAGE_STATUS, default_jobs, given_parameters, parser
from theorylab.suite.project import Project, UsageError

if TYPE_CHECKING:
    from theorylab.suite.build import Outcome
    from theorylab.suite.ledger import Entry
    from theorylab.suite.plan import Plan

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of this process by default.

    Returns
    -------
    int
        Exit status: 0 all upheld, 1 a claim not upheld, 2 something crashed, 64 refused, 130 interrupted.
    """
    try:
        options = parser().parse_args(arguments)
        return _COMMANDS[options.command](options)
    except UsageError as error:
        print(f"theorylab: {error}", file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        print("theorylab: interrupted; what was finished is kept, nothing is half written", file=sys.stderr)
        return _INTERRUPTED


def figures(options: argparse.Namespace) -> int:
    """Bring the results of the selected notebooks up to date and print the ledger."""
    from theorylab.suite.build import Build
    from theorylab.suite.ledger import print_ledger
    from theorylab.suite.plan import Plan
    from theorylab.suite.progress import progress_for
    from theorylab.suite.store import build_lock

    project = Project.find(options.root)
    selected = project.select(options.only)
    given = given_parameters(options)
    with build_lock(project.state):
        plan = Plan(project, selected, given)
        jobs = options.jobs or default_jobs(options.device)
        outcome = Build(plan, jobs=jobs, progress=progress_for(sys.stderr)).run()
    entries = _ledger(plan, outcome, everything=not options.only)
    print(_told(outcome, plan))
    print_ledger(entries, sys.stdout)
    return _figures_status(outcome, entries)


def verify(options: argparse.Namespace) -> int:
    """Run claims without notebooks and print the ledger."""
    from theorylab.suite.ledger import exit_status, print_ledger
    from theorylab.suite.options import check_backend
    from theorylab.suite.verify import run_claims

    check_backend(options.backend, options.device)
    conditions = {name: getattr(options, name) for name in ("profile", "seed", "backend", "device")}
    entries = run_claims(
        Project.find(options.root), options.only, conditions, jobs=options.jobs or default_jobs(options.device)
    )
    print_ledger(entries, sys.stdout)
    return exit_status(entries)


def why(options: argparse.Namespace) -> int:
    """Say why notebooks have to run."""
    from theorylab.suite.plan import Plan

    project = Project.find(options.root)
    plan = Plan(project, project.select([options.notebook]), given_parameters(options))
    for planned in plan.planned.values():
        reasons = plan.reasons(planned)
        print(f"{planned.name} " + ("has to run:" if reasons else "is up to date"))
        for reason in reasons:
            print(f"  - {reason}")
    return 0


def list_project(options: argparse.Namespace) -> int:
    """Print chapters, notebooks and claims."""
    from theorylab.suite.plan import Plan
    from theorylab.suite.verify import claims_by_chapter

    project = Project.find(options.root)
    plan = Plan(project, project.select(options.only), given_parameters(options))
    claims, broken = claims_by_chapter(project)
    chapters = {planned.notebook.chapter for planned in plan.planned.values()}
    for chapter in sorted(chapters if options.only else chapters | claims.keys()):
        print(chapter)
        for planned in plan.planned.values():
            if planned.notebook.chapter == chapter:
                state = "up to date" if plan.is_up_to_date(planned) else "has to run"
                print(f"  notebook {planned.notebook.stem} ({state})")
        for claim in claims.get(chapter, ()):
            print(f"  claim    {claim}")
    if broken:
        print(f"theorylab: the claims cannot be listed: {broken.splitlines()[-1]}", file=sys.stderr)
    return 0


def clean(options: argparse.Namespace) -> int:
    """Remove results and state."""
    from theorylab.suite.clean import clean_project
    from theorylab.suite.store import build_lock

    project = Project.find(options.root)
    with build_lock(project.state):
        report = clean_project(project, only_stale=options.stale, dry_run=options.dry_run)
    print("\n".join(report) if report else "nothing to remove")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Say what works here."""
    from theorylab.suite.doctor import examine

    try:
        root = Project.find(options.root).root
    except UsageError:
        root = None  # outside of a project there is no lock file to compare with
    return examine(root, sys.stdout)


_COMMANDS = {
    "list": list_project,
    "figures": figures,
    "verify": verify,
    "why": why,
    "clean": clean,
    "doctor": doctor,
}


def _ledger(plan: Plan, outcome: Outcome, *, everything: bool) -> list[Entry]:
    """Entries of the selected notebooks; with everything selected, also of records that no notebook makes now."""
    from theorylab.suite.ledger import read_ledger

    figures = plan.project.figures
    fresh, stale, owned = [], {}, set()
    for name in plan.planned:
        files = plan.records.values(name).get("outputs", [])
        owned.update(files)
        if name in outcome.failures:
            stale.update(dict.fromkeys(files, f"notebook {name} failed; this is from an earlier run"))
        elif name in outcome.edited:
            stale.update(dict.fromkeys(files, f"notebook {name} was edited while it ran"))
        else:
            fresh += files
    if everything:
        unowned = {path.relative_to(figures).as_posix() for path in figures.glob("*/*.claim.json")} - owned
        stale.update(dict.fromkeys(unowned, "no notebook makes this record; theorylab clean --stale removes it"))
    return read_ledger(figures, fresh, stale)


def _told(outcome: Outcome, plan: Plan) -> str:
    counts = [
        (len(outcome.ran), "run"),
        (len(outcome.up_to_date), "up to date"),
        (len(outcome.failures), "failed"),
    ]
    told = ", ".join(f"{count} {what}" for count, what in counts if count) or "there are none"
    lines = [f"notebooks: {told}"]
    lines += [f"{name} was edited while it ran; it will run again next time" for name in outcome.edited]
    gone = set(plan.records.task_names) - {notebook.name for notebook in plan.project.notebooks}
    lines += [f"{name} no longer exists, but its results do; theorylab clean --stale removes them" for name in gone]
    return "\n".join(lines)


def _figures_status(outcome: Outcome, entries: Sequence[Entry]) -> int:
    from theorylab.suite.ledger import exit_status

    if outcome.failures:
        return 2
    return max(exit_status(entries), int(bool(outcome.edited)))
