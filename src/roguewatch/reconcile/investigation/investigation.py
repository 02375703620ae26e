"""Everything that is on record of one deployment, put together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Engine, select

from roguewatch.control.ownership import SessionTraits, sessions_of
from roguewatch.detect.action import Action
from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.gateway.coverage import Coverage, Observed
from roguewatch.gateway.coverage_differences import Difference
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable
from roguewatch.reconcile.investigation.inventory import Inventory, Subagent, Tokens, Touched
from roguewatch.reconcile.investigation.lineage import Node, lineage
from roguewatch.reconcile.investigation.missing import Missing, missing
from roguewatch.reconcile.investigation.moment import Moment, Moments
from roguewatch.state import tables
from roguewatch.state.database import transaction
from roguewatch.state.findings import Findings
from roguewatch.state.register import ALL, Deployment, Register, Stop
from roguewatch.state.runs import Run, Runs


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session that is the deployment's. Times are ns UTC."""

    session: str
    surface: str
    basis: str
    """Why it is counted as the deployment's."""
    shared_with: tuple[str, ...]
    """Other deployments that it may be of instead."""
    sightings: tuple[str, ...]
    folders: tuple[str, ...]
    models: tuple[str, ...]
    first: int | None
    last: int | None
    events: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of ours that the deployment held. Times are ns UTC."""

    purpose: str
    issued: int
    expires: int | None
    revoked: int | None


class Investigation(msgspec.Struct, frozen=True, kw_only=True):
    """The reconstruction. Times are ns UTC."""

    deployment: str
    since: int | None
    until: int | None
    seconds: float
    """How long the reconstruction took."""
    events: int
    sessions: tuple[Session, ...]
    timeline: tuple[Moment, ...]
    files: tuple[Touched, ...]
    keys: tuple[Touched, ...]
    """Credentials and identities that its actions name."""
    own_keys: tuple[Key, ...]
    """Keys that the register issued to it."""
    hosts: tuple[Touched, ...]
    programs: tuple[Touched, ...]
    agents: tuple[Subagent, ...]
    processes: tuple[Node, ...]
    tokens: tuple[Tokens, ...]
    findings: tuple[Finding, ...]
    decisions: dict[str, int]
    stops: tuple[Stop, ...]
    runs: tuple[Run, ...]
    coverage: tuple[Coverage, ...]
    differences: tuple[Difference, ...]
    missing: tuple[Missing, ...]


def investigate(
    store: Path,
    ledger: Ledger,
    state: Engine,
    deployment: str,
    *,
    since: int | None = None,
    until: int | None = None,
    prices: Mapping[str, tuple[float, float]] = {},
) -> Investigation:
    """Reconstruct what a deployment did.

    Args:
        store: the store's folder, for the evidence that stops preserved.
        ledger: open.
        state: the store's state.
        deployment: its name; need not be in the register any more.
        since: ns UTC; only events from then on, and those without a time.
        until: ns UTC; only events before.
        prices: a million tokens in and out, by the beginning of a model's name.

    Raises:
        InputError: nothing is on record of a deployment of this name.
    """
    began = time.monotonic()
    kept = _Kept.of(state, ledger, deployment, since, until)
    read = _Reading(since, until)
    for name in kept.names:
        read.observed.own(name, deployment)
    for name in (*kept.names, *(f"run-{run.id}" for run in kept.runs)):
        for event in ledger.events(session=name):
            read.see(event)
    read.inventory.settle()
    measured = read.observed.measure({deployment: kept.entry})
    moments = _with_state(read.moments.told(), kept.findings, kept.stops, kept.runs)
    lacks = missing(
        kept.entry, moments, measured.coverage, kept.runs,
        host_events=len(read.host), cut=read.cut,
    )  # fmt: skip
    touched = read.inventory
    return Investigation(
        deployment=printable(deployment, 200),
        since=since,
        until=until,
        seconds=time.monotonic() - began,
        events=read.count,
        sessions=tuple(one for name, one in kept.sessions.items() if name in read.names),
        timeline=tuple(moments),
        files=_most(touched.files),
        keys=_most(touched.keys),
        own_keys=tuple(_keys(state, deployment)),
        hosts=_most(touched.hosts),
        programs=_most(touched.programs),
        agents=tuple(touched.agents()),
        processes=tuple(lineage(store, kept.runs, read.host)),
        tokens=tuple(touched.tokens(prices)),
        findings=kept.findings,
        decisions=read.decisions,
        stops=kept.stops,
        runs=kept.runs,
        coverage=tuple(measured.coverage),
        differences=tuple(measured.differences),
        missing=tuple(lacks),
    )


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the state keeps of a deployment, within the window."""

    entry: Deployment
    names: tuple[str, ...]
    """Of its sessions, also those that hold nothing but our own notes."""
    sessions: dict[str, Session]
    runs: tuple[Run, ...]
    stops: tuple[Stop, ...]
    findings: tuple[Finding, ...]

    @staticmethod
    def of(
        state: Engine, ledger: Ledger, deployment: str, since: int | None, until: int | None
    ) -> _Kept:
        """Raises: InputError: there is nothing."""
        register = Register(state)
        entries = {entry.name: entry for entry in register.all()}
        sessions = sessions_of(ledger, entries.values())
        mine = sessions.of(deployment)
        runs = [run for run in Runs(state).all(deployment) if _within(run.started, since, until)]
        stops = [stop for stop in register.stops() if stop.deployment in (deployment, ALL)]
        if deployment not in entries and not (mine or runs or stops):
            raise InputError(
                f"nothing is on record of a deployment {printable(deployment, 80)!r}; "
                "those there are: roguewatch register list"
            )
        told = (*mine, *(f"run-{run.id}" for run in runs))
        return _Kept(
            entry=entries.get(deployment) or Deployment(name=deployment, surface=""),
            names=tuple(mine),
            sessions={
                name: _session(sessions.traits[name], basis, sessions.whose(name)[0], deployment)
                for name, basis in mine.items() if name in sessions.traits
            },
            runs=tuple(runs),
            stops=tuple(stop for stop in stops if _within(stop.opened, since, until)),
            findings=tuple(
                one for name in told for one in Findings(state).all(name)
                if _within(one.time, since, until)
            ),
        )  # fmt: skip


class _Reading:
    """The events of the deployment, each taken in once."""

    def __init__(self, since: int | None, until: int | None) -> None:
        self._since, self._until = since, until
        self.moments, self.inventory, self.observed = Moments(), Inventory(), Observed()
        self.host: list[Event] = []
        self.names: set[str] = set()
        self.decisions: dict[str, int] = {}
        self.count = self.cut = 0

    def see(self, event: Event) -> None:
        if event.time is not None and not _within(event.time, self._since, self._until):
            return
        action = Action(event)
        self.count += 1
        self.cut += event.truncated
        self.names.add(event.session)
        self.moments.see(event, action)
        self.inventory.see(event, action)
        self.observed.see(event)
        if event.sighting == "host":
            self.host.append(msgspec.structs.replace(event, raw=b""))
        if event.kind == "decision":
            self.decisions[event.text] = self.decisions.get(event.text, 0) + 1


def _with_state(
    moments: list[Moment],
    findings: Sequence[Finding],
    stops: Sequence[Stop],
    runs: Sequence[Run],
) -> list[Moment]:
    """The timeline with what the state knows: findings on their moments, stops and runs."""
    by_event: dict[str, list[str]] = {}
    for finding in findings:
        for id in finding.events[:1]:
            by_event.setdefault(id, []).append(f"{finding.behaviour} {finding.id}")
    for moment in moments:
        moment.findings = tuple(
            dict.fromkeys(one for id in moment.events for one in by_event.get(id, ()))
        )
    more = []
    for stop in stops:
        text = f"stop {stop.id} ordered by {stop.opened_by}: {stop.reason}"
        more.append(Moment(time=stop.opened, what="stop", text=text, outcome=_stopped(stop)))
        if stop.closed is not None:
            text = f"stop {stop.id} closed by {stop.closed_by}"
            more.append(Moment(time=stop.closed, what="stop", text=text))
    for run in runs:
        more.append(
            Moment(time=run.started, what="run", text=f"run {run.id} began ({run.adapter})")
        )
        if run.ended is not None:
            more.append(Moment(time=run.ended, what="run", text=f"run {run.id} ended"))
    more.sort(key=lambda one: one.time or 0)
    merged: list[Moment] = []
    for moment in moments:
        while more and moment.time is not None and (more[0].time or 0) <= moment.time:
            merged.append(more.pop(0))
        merged.append(moment)
    return [*merged, *more]


def _stopped(stop: Stop) -> str:
    try:
        report = msgspec.json.decode(stop.report) if stop.report else {}
    except msgspec.DecodeError:
        return "its report cannot be read"
    if not report:
        return "no report"
    survivors = report.get("survivors") or []
    return f"{len(survivors)} survivors" if survivors or not report.get("stopped") else "stopped"


def _session(
    traits: SessionTraits, basis: str, owners: tuple[str, ...], deployment: str
) -> Session:
    return Session(
        session=printable(traits.session, 200),
        surface=printable(traits.surface, 100),
        basis=basis,
        shared_with=tuple(printable(one, 200) for one in owners if one != deployment),
        sightings=tuple(traits.sightings),
        folders=tuple(printable(one, 500) for one in traits.folders),
        models=tuple(printable(one, 100) for one in traits.models),
        first=traits.first,
        last=traits.last,
        events=traits.events,
    )


def _keys(state: Engine, deployment: str) -> list[Key]:
    table = tables.tokens
    chosen = select(table).where(table.c.deployment == deployment).order_by(table.c.issued)
    with transaction(state) as connection:
        return [
            Key(purpose=row.purpose, issued=row.issued, expires=row.expires, revoked=row.revoked)
            for row in connection.execute(chosen)
        ]


def _most(kept: Mapping[str, Touched]) -> tuple[Touched, ...]:
    """Those that were changed first, then by how often."""
    order = sorted(
        kept.values(), key=lambda one: (-one.written, -one.refused, -one.times, one.name)
    )
    return tuple(order)


def _within(moment: int | None, since: int | None, until: int | None) -> bool:
    if moment is None:
        return True
    return (since is None or moment >= since) and (until is None or moment < until)
