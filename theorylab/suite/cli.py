"""Commands of ``theorylab``, also ``python -m theorylab``: list, figures, verify, report, why, clean, doctor."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from theorylab.suite.options import USAGE_STATUS, default_jobs, given_parameters, parser
from theorylab.suite.project import Project, UsageError

if TYPE_CHECKING:
    from theorylab.suite.build import Outcome
    from theorylab.suite.ledger import Entry
    from theorylab.suite.plan import Plan

__all__ = ["main"]

_CRASHED = 2
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
    from theorylab.suite.ledger import print_ledger, read_ledger
    from theorylab.suite.plan import Plan
    from theorylab.suite.store import build_lock

    project = Project.find(options.root)
    selected = project.select(options.only)
    given = given_parameters(options)
    with build_lock(project.state):
        plan = Plan(project, selected, given)
        outcome = _build(plan, options)
    fresh, stale = _fresh_and_stale(plan, _doubts(outcome), everything=not options.only)
    entries = read_ledger(project.figures, fresh, stale)
    print(_told(outcome, plan))
    print_ledger(entries, sys.stdout)
    return _figures_status(outcome, entries)


def report(options: argparse.Namespace) -> int:
    """Render the site, whatever the verdicts, after bringing all results up to date unless told not to."""
    from theorylab.suite.build import Outcome
    from theorylab.suite.ledger import UPHELD, print_ledger, read_ledger
    from theorylab.suite.plan import Plan
    from theorylab.suite.report import RenderError, render
    from theorylab.suite.store import build_lock

    project = Project.find(options.root)
    given = given_parameters(options)
    with build_lock(project.state):
        plan = Plan(project, project.notebooks, given)
        outcome = Outcome() if options.no_run else _build(plan, options)
        doubts = _out_of_date(plan) if options.no_run else _doubts(outcome)
        fresh, stale = _fresh_and_stale(plan, doubts, everything=True)
        entries = read_ledger(project.figures, fresh, stale)
        if not options.no_run:
            print(_told(outcome, plan))
        print_ledger([entry for entry in entries if entry.status != UPHELD], sys.stdout, counted=entries)
        try:
            page = render(project, seconds=plan.seconds(), stale=stale, jobs=options.jobs or default_jobs("cpu"))
        except RenderError as error:
            print(f"theorylab: {error}", file=sys.stderr)
            return _CRASHED
    print(page)
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
    "report": report,
    "why": why,
    "clean": clean,
    "doctor": doctor,
}


def _build(plan: Plan, options: argparse.Namespace) -> Outcome:
    from theorylab.suite.build import Build
    from theorylab.suite.progress import progress_for

    jobs = options.jobs or default_jobs(options.device)
    return Build(plan, jobs=jobs, progress=progress_for(sys.stderr)).run()


def _doubts(outcome: Outcome) -> dict[str, str]:
    """Notebooks whose results do not count after a build, with the reason."""
    edited = {name: f"notebook {name} was edited while it ran" for name in outcome.edited}
    return edited | {name: f"notebook {name} failed; this is from an earlier run" for name in outcome.failures}


def _out_of_date(plan: Plan) -> dict[str, str]:
    """Notebooks that would run if they were asked to, with the first reason."""
    reasons = {name: plan.reasons(planned) for name, planned in plan.planned.items()}
    return {name: f"notebook {name} has to run again: {why[0]}" for name, why in reasons.items() if why}


def _fresh_and_stale(plan: Plan, doubts: Mapping[str, str], *, everything: bool) -> tuple[list[str], dict[str, str]]:
    """Results that count, and those that do not, with the reason.

    With everything selected, records that no notebook makes now are among the stale ones.
    """
    figures = plan.project.figures
    fresh: list[str] = []
    stale: dict[str, str] = {}
    for name in plan.planned:
        files = plan.records.values(name).get("outputs", [])
        if name in doubts:
            stale |= dict.fromkeys(files, doubts[name])
        else:
            fresh += files
    if everything:
        records = {path.relative_to(figures).as_posix() for path in figures.glob("*/*.claim.json")}
        unowned = records.difference(fresh, stale)
        stale |= dict.fromkeys(unowned, "no notebook makes this record; theorylab clean --stale removes it")
    return fresh, stale


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
        return _CRASHED
    return max(exit_status(entries), int(bool(outcome.edited)))
