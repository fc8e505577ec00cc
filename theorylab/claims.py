r"""Claims: a statement, the evidence for it, the wrong variants that must fail, and the registry of them all.

A claim is one decorated function in ``theorylab/<chapter>/claims.py``::

    @claim(
        statement=r"The mean of n draws has variance $\sigma^2/n$.",
        source="derived here",
        tolerance="exact in expectation; resolution 5 % so that 1/n and 1/(n-1) are told apart",
        controls={"no_division": "the variance of a single draw"},
    )
    def variance_of_the_mean(conditions: Conditions) -> Outcome:
        measured, error = simulate(conditions.rng("draws"))

        def compare(predicted: float) -> Agreement:
            return Agreement(predicted=predicted, measured=measured, standard_error=error, margin=0.0, resolution=0.05)

        return Outcome(evidence=compare(theory(n=20)), controls={"no_division": compare(theory(n=1))})

Importing the module registers the claim under ``<chapter>.variance_of_the_mean``; ``variance_of_the_mean.run()``
returns a :class:`ClaimResult` with a verdict.  A claim is *upheld* when its verdict is the expected one and every
control is refuted by the same rule.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import pkgutil
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from theorylab import arrays, randomness, validation
from theorylab._claim_results import RECORD_FORMAT, ClaimResult, ControlResult, Status, load_record
from theorylab.evidence import (
    THRESHOLD,
    Agreement,
    Bound,
    Evidence,
    Ordering,
    Rate,
    Verdict,
    combine,
    false_alarm_rate,
    miss_rate,
)

__all__ = [
    "PROFILES",
    "RECORD_FORMAT",
    "THRESHOLD",
    "Agreement",
    "Bound",
    "Claim",
    "ClaimResult",
    "Conditions",
    "ControlResult",
    "Evidence",
    "Ordering",
    "Outcome",
    "Rate",
    "Status",
    "Verdict",
    "claim",
    "combine",
    "discover",
    "false_alarm_rate",
    "load_record",
    "miss_rate",
    "run",
]

#: "quick" answers in seconds on one core; "full" is the size of the papers.
PROFILES = ("quick", "full")
#: How long the quick profile of a claim takes on one core.
COSTS = ("instant", "seconds", "minutes")

Choice = TypeVar("Choice")


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Under which conditions a claim is tested: all that an evidence function may depend on.

    Parameters
    ----------
    profile : {"quick", "full"}
        Size of the experiment.
    seed : int
        Seed of every random number of the run, >= 0.
    backend : theorylab.arrays.Backend
        Array library and device for the heavy parts.
    n_jobs : int, optional
        Workers that a sweep may use; by default what an enclosing ``joblib.parallel_config`` says, else one.
    """

    profile: str = "quick"
    seed: int = 0
    backend: arrays.Backend = dataclasses.field(default_factory=arrays.backend)
    n_jobs: int | None = None

    def __post_init__(self) -> None:
        validation.check_choice("profile", self.profile, PROFILES)
        validation.check_count("seed", self.seed, minimum=0)

    def choose(self, *, quick: Choice, full: Choice) -> Choice:
        """Return `quick` or `full` according to the profile.

        Parameters
        ----------
        quick, full : object
            What to use in each profile.

        Returns
        -------
        object
            One of the two.
        """
        return quick if self.profile == "quick" else full

    def rng(self, *path: int | str) -> np.random.Generator:
        """Random generator of its own for each `path`, the same on every backend and for any number of workers.

        Parameters
        ----------
        *path : int or str
            Names the use of the numbers, such as ``("weights", 3)``.

        Returns
        -------
        numpy.random.Generator
            Independent of the generators of all other paths and seeds.
        """
        return randomness.generator(self.seed, *path)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evidence function returns.

    Parameters
    ----------
    evidence : Evidence or sequence of Evidence
        The prediction beside the measurement.
    controls : mapping of str to (Evidence or sequence of Evidence)
        The wrong variants beside the same measurement, under the names that the claim declares.
    arrays : mapping of str to array_like
        What a figure needs; kept in the record.
    """

    evidence: Evidence | Sequence[Evidence]
    controls: Mapping[str, Evidence | Sequence[Evidence]]
    arrays: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement with the function that gathers the evidence for it; made by :func:`claim`.

    Parameters
    ----------
    chapter, name : str
        Together the id ``<chapter>.<name>``.
    statement : str
        One sentence and its formula in LaTeX.
    source : str
        Bibliography key and equation or theorem, or "derived here".
    tolerance : str
        The margins and the resolution in words, with the reason for each.
    controls : mapping of str to str
        Name and description of each deliberately wrong variant.
    expected : Verdict
        ``confirmed``, or ``refuted`` for a published statement that our measurement contradicts.
    cost : {"instant", "seconds", "minutes"}
        Quick profile on one core.
    function : callable
        Evidence function, :class:`Conditions` to :class:`Outcome`.
    """

    chapter: str
    name: str
    statement: str
    source: str
    tolerance: str
    controls: Mapping[str, str]
    expected: Verdict
    cost: str
    function: Callable[[Conditions], Outcome]

    @property
    def id(self) -> str:
        """``<chapter>.<name>``."""
        return f"{self.chapter}.{self.name}"

    def run(
        self,
        profile: str = "quick",
        seed: int = 0,
        backend: str = "numpy",
        device: str = "cpu",
        n_jobs: int | None = None,
    ) -> ClaimResult:
        """Gather the evidence and judge it.

        Parameters
        ----------
        profile : {"quick", "full"}
            Size of the experiment.
        seed : int
            Seed of every random number of the run.
        backend, device : str
            Array library and device; see :func:`theorylab.arrays.backend`.
        n_jobs : int, optional
            Workers that a sweep may use; by default what an enclosing ``joblib.parallel_config`` says, else one.

        Returns
        -------
        ClaimResult
            Evidence, controls, verdict and timing.

        Raises
        ------
        TypeError
            If the evidence function returns anything but an :class:`Outcome`.
        ValueError
            If the controls that it returns are not the declared ones.
        """
        conditions = Conditions(profile, seed, arrays.backend(backend, device), n_jobs)
        start = time.perf_counter()
        outcome = self.function(conditions)
        seconds = time.perf_counter() - start
        if not isinstance(outcome, Outcome):
            raise TypeError(f"the evidence function of {self.id} must return an Outcome; got {type(outcome).__name__}.")
        if set(outcome.controls) != set(self.controls):
            raise ValueError(
                f"controls of {self.id} must be the declared ones, {sorted(self.controls)}; got "
                f"{sorted(outcome.controls)}. Declare and return the same names."
            )
        return ClaimResult(
            claim=self,
            conditions=conditions,
            evidence=_pieces(outcome.evidence),
            controls=tuple(
                ControlResult(name=name, description=description, evidence=_pieces(outcome.controls[name]))
                for name, description in self.controls.items()
            ),
            arrays={name: arrays.to_numpy(values) for name, values in outcome.arrays.items()},
            seconds=seconds,
        )


#: Every claim of the modules imported so far, with the import that made it (a reload makes a new one).
_registry: dict[str, tuple[Claim, object]] = {}


def claim(
    *,
    statement: str,
    source: str,
    tolerance: str,
    controls: Mapping[str, str],
    expected: str = "confirmed",
    cost: str = "seconds",
    chapter: str | None = None,
) -> Callable[[Callable[[Conditions], Outcome]], Claim]:
    """Turn an evidence function into a registered :class:`Claim`; the name of the function is the name of the claim.

    Parameters
    ----------
    statement, source, tolerance, controls, expected, cost
        As in :class:`Claim`.
    chapter : str, optional
        Chapter of the claim; by default the package that holds the ``claims`` module of the function.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ValueError
        At import: if statement, source or tolerance is empty, if there is no control or one without a description, or
        if the id is taken.
    """

    def register(function: Callable[[Conditions], Outcome]) -> Claim:
        name = function.__name__
        home = chapter or _chapter_of(function.__module__)
        made = Claim(
            chapter=home,
            name=name,
            statement=_required_text(f"statement of claim {home}.{name}", statement, "Say what is claimed"),
            source=_required_text(f"source of claim {home}.{name}", source, "Name the paper, or 'derived here'"),
            tolerance=_required_text(f"tolerance of claim {home}.{name}", tolerance, "Give margins and their reason"),
            controls=_checked_controls(f"{home}.{name}", controls),
            expected=Verdict(validation.check_choice("expected", expected, ("confirmed", "refuted"))),
            cost=validation.check_choice("cost", cost, COSTS),
            function=function,
        )
        module = sys.modules.get(function.__module__)
        import_pass = getattr(module, "__spec__", None)  # a reload has a new one; a notebook's own cells have none
        earlier = _registry.get(made.id)
        if earlier is not None and not _may_replace(earlier, made, import_pass):
            raise ValueError(
                f"id of a claim must be unique; got {made.id!r} a second time, in {function.__module__} after "
                f"{earlier[0].function.__module__}. Rename one of the two functions."
            )
        _registry[made.id] = (made, import_pass)
        return made

    return register


def discover(package: str = "theorylab", chapters: Collection[str] | None = None) -> dict[str, Claim]:
    """Import the ``claims`` module of every chapter, or of some, and return their claims.

    Parameters
    ----------
    package : str
        The package whose subpackages are the chapters.
    chapters : collection of str, optional
        Chapters to import; all when left out.  A name that is no chapter is passed over.

    Returns
    -------
    dict of str to Claim
        Id to claim, in alphabetical order of chapters and in the order of definition within a chapter.
    """
    root = importlib.import_module(package)
    for found in sorted(pkgutil.iter_modules(root.__path__), key=lambda module: module.name):
        name = f"{package}.{found.name}.claims"
        wanted = found.ispkg and (chapters is None or found.name in chapters)
        if wanted and importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            for part in pkgutil.iter_modules(getattr(module, "__path__", [])):
                importlib.import_module(f"{name}.{part.name}")
    own = {
        id_: made
        for id_, (made, _) in _registry.items()
        if made.function.__module__.startswith(f"{package}.") and (chapters is None or made.chapter in chapters)
    }
    return dict(sorted(own.items(), key=lambda item: item[1].chapter))


def run(
    id: str,
    profile: str = "quick",
    seed: int = 0,
    backend: str = "numpy",
    device: str = "cpu",
    n_jobs: int | None = None,
) -> ClaimResult:
    """Run a claim by its id; see :meth:`Claim.run`.

    Parameters
    ----------
    id : str
        ``<chapter>.<name>``.
    profile, seed, backend, device, n_jobs
        As in :meth:`Claim.run`.

    Returns
    -------
    ClaimResult
        Evidence, controls, verdict and timing.
    """
    known = {**{name: made for name, (made, _) in _registry.items()}}
    if id not in known:
        known |= discover()
    return known[validation.check_choice("id", id, tuple(known))].run(profile, seed, backend, device, n_jobs)


def _required_text(what: str, text: str, advice: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{what} must be a non-empty text; got {text!r}. {advice}.")
    return text.strip()


def _checked_controls(id: str, controls: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(controls, Mapping) or not controls:
        raise ValueError(
            f"controls of claim {id} must name at least one deliberately wrong variant; got {controls!r}. "
            "A check that nothing can fail shows nothing."
        )
    return {
        name: _required_text(f"description of control {name!r} of claim {id}", text, "Say what is wrong in the variant")
        for name, text in controls.items()
    }


def _chapter_of(module: str) -> str:
    parts = module.split(".")
    if "claims" not in parts[1:]:
        raise ValueError(
            f"chapter must be given for a claim outside a chapter's claims module; got None in {module}. "
            "Pass chapter='...'."
        )
    return parts[parts.index("claims") - 1]


def _may_replace(earlier: tuple[Claim, object], made: Claim, import_pass: object) -> bool:
    same_place = earlier[0].function.__module__ == made.function.__module__
    return same_place and (import_pass is None or earlier[1] is not import_pass)


def _pieces(evidence: Evidence | Sequence[Evidence]) -> tuple[Evidence, ...]:
    return (evidence,) if isinstance(evidence, Evidence) else tuple(evidence)
