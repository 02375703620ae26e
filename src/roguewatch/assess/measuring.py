"""Measure every fact from what was observed, the state, and result files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from roguewatch.assess.belonging import Belonging
from roguewatch.assess.covered import remembered
from roguewatch.assess.detection import Detectors
from roguewatch.assess.document import Coverage

# Importing these registers their facts.
from roguewatch.assess.facts import (  # noqa: F401
    activity,
    awaited,
    control,
    detection,
    drill_times,
    drills,
    incidents,
    trials,
)
from roguewatch.assess.facts import coverage as sightings  # noqa: F401
from roguewatch.assess.facts.fact import DEFINITIONS, Definition, Facts, collect
from roguewatch.assess.facts.inputs import (
    Activity,
    Gate,
    Inputs,
    Looked,
    Result,
    Scenarios,
    Watched,
)
from roguewatch.assess.gathering import (
    approvals,
    kept_scenarios,
    registered,
    result,
    scenarios,
    stops,
)
from roguewatch.assess.gathering import drills as drills_of
from roguewatch.assess.gathering import incidents as incidents_of
from roguewatch.assess.observing import Observed, observe
from roguewatch.errors import InputError
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable
from roguewatch.state.database import connect
from roguewatch.state.findings import Findings
from roguewatch.state.incidents import IncidentRegister
from roguewatch.state.sessions import Sessions
from roguewatch.state.statements import Statements


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Files with results of trials; None: there is none, and its facts are unassessed."""

    horizon: Path | None = None
    """What `roguewatch measure horizon --json` printed."""
    monitor: Path | None = None
    """What `roguewatch measure monitor --json` printed."""
    scenarios: Path | None = None
    """What `roguewatch evaluate run --json` printed."""
    of: Mapping[str, Results] = {}
    """The same of one class of deployments alone, by class."""

    def check(self) -> None:
        """Read them once, so that an error comes before the work.

        Raises:
            InputError: one cannot be used.
        """
        for one in (self, *self.of.values()):
            one.read()

    def before(self, until: int | None) -> Results:
        """Only those that were there before a time (ns UTC)."""
        if until is None:
            return self
        files = {"horizon": self.horizon, "monitor": self.monitor, "scenarios": self.scenarios}
        return Results(
            of={name: one.before(until) for name, one in self.of.items()},
            **{
                name: path for name, path in files.items()
                if path is not None and path.stat().st_mtime_ns < until
            },
        )  # fmt: skip

    def read(self) -> tuple[Result | None, Result | None, Scenarios | None]:
        """Horizon, monitor and scenarios."""
        return (
            result(self.horizon) if self.horizon else None,
            result(self.monitor) if self.monitor else None,
            scenarios(self.scenarios) if self.scenarios else None,
        )


def measure(
    seen: Observed,
    engine: Engine,
    *,
    run: str = "",
    coverage: Coverage | None = None,
    results: Results = Results(),
    looked: Looked | None = None,
) -> tuple[Facts, list[str]]:
    """Every fact, and the classes of deployments that have their own.

    Args:
        seen: the sessions assessed.
        engine: the store's state.
        run: name of the run, evidence of what was counted in it.
        coverage: what was read; None where nothing was read now.
        results: files with results of trials.
        looked: what the detectors look for; None where that is not known.

    Raises:
        InputError: results are of a class that is not in the register.
    """
    if unknown := sorted(set(results.of) - seen.by_class.keys()):
        raise InputError(
            f"results of the class {printable(unknown[0], 80)!r}: the register has the classes "
            f"{printable(', '.join(sorted(seen.by_class)), 300) or 'none'}"
        )
    horizon, monitor, runs = results.read()
    since, until = seen.since, seen.until
    approvals(engine, seen.decisions, since, until)
    whole = Inputs(
        now=seen.now,
        run=run,
        activity=seen.activity if seen.activity.sessions else None,
        coverage=coverage,
        looked=looked,
        gate=_known(seen.decisions.whole),
        register=registered(seen.deployments, seen.decisions.used, _ns(seen)),
        stops=stops(engine, since, until),
        drills=drills_of(engine, until),
        watched=seen.watched,
        scenarios=runs or kept_scenarios(engine, until),
        horizon=horizon,
        monitor=monitor,
        incidents=incidents_of(IncidentRegister(engine), seen.findings),
        statements=tuple(Statements(engine).all()),
    )
    classes = {
        name: _of(whole, seen, engine, Belonging(name, seen.deployments),
                  results.of.get(name, Results()))
        for name in seen.by_class
    }  # fmt: skip
    return collect(whole, classes), list(classes)


def _ns(seen: Observed) -> int:
    return int(seen.now.timestamp() * 1e9)


def facts_of(store: Path, results: Results = Results()) -> tuple[Facts, list[str]]:
    """Every fact of a store, without reading anything new, and its classes of deployments.

    Raises:
        RoguewatchError: the store or a result file cannot be used.
    """
    engine = connect(store)
    with Ledger.open(store, create=False, readonly=True) as ledger:
        seen = observe(Sessions(engine), Findings(engine), ledger)
    return measure(
        seen, engine, run="store", results=results, coverage=remembered(Sessions(engine)),
        looked=looked(Detectors((), {}), seen),
    )  # fmt: skip


def looked(detectors: Detectors, seen: Observed) -> Looked:
    """What these detectors look for, and what they found in these sessions."""
    found = frozenset(line.behaviour for line in seen.findings)
    told = detectors.described(found)
    return Looked(
        covered=tuple(told.behaviours_covered), uncovered=tuple(told.behaviours_uncovered),
        found=found,
    )  # fmt: skip


def registered_facts() -> dict[str, Definition]:
    """Every fact by its id, before it is measured."""
    return DEFINITIONS


def _of(
    whole: Inputs, seen: Observed, engine: Engine, belonging: Belonging, results: Results
) -> Inputs:
    """The same for one class; what was not told apart by class is not given."""
    own: Activity = seen.by_class[belonging.name]
    horizon, monitor, runs = results.read()
    return Inputs(
        now=whole.now,
        run=whole.run,
        activity=own if own.sessions else None,
        gate=_known(seen.decisions.by_class.get(belonging.name, Gate())),
        register=registered(belonging.deployments, seen.decisions.used, _ns(seen)),
        stops=belonging.stops(whole.stops),
        drills=belonging.drills(whole.drills),
        watched=_claimed(seen, {one.name for one in belonging.deployments}),
        scenarios=runs or belonging.scenarios(whole.scenarios),
        horizon=horizon or belonging.horizon(whole.horizon),
        monitor=monitor,
        incidents=incidents_of(IncidentRegister(engine), own.findings),
        statements=whole.statements,
    )


def _claimed(seen: Observed, names: set[str]) -> list[Watched] | None:
    own = [one for one in seen.watched or () if one.deployment in names]
    return own or None


def _known(gate: Gate) -> Gate | None:
    """No decision is no knowledge of the gate."""
    return gate if gate.outcomes else None
