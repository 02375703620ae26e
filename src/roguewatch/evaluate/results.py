"""Outcomes and labels of scenario runs, kept in the state, and the labels file beside the logs.

A result is a statement of the state's append-only register, one for each session; the same
log kept again adds nothing, and a sample that is scored anew adds a statement that stands
from then on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Engine

from roguewatch.evaluate.registry import scenario_named
from roguewatch.evaluate.scenario import Label, Outcome
from roguewatch.printable import printable
from roguewatch.state.statements import Statements

if TYPE_CHECKING:  # so that results can be read without Inspect
    from roguewatch.evaluate.scoring import Row

_BY = "roguewatch evaluate"
_PREFIX = "scenario/"
_FOR_EVER = 9_000_000_000_000_000_000  # ns UTC, in 2255: what was measured does not run out


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one sample."""

    session: str
    deployment: str
    """The deployment class that it is evidence for; empty: it was not said."""
    model: str
    scenario: str
    instance: str
    condition: str
    behaviours: tuple[str, ...]
    measures: str
    """`Scenario.measures`: only `conduct` speaks of what the agent does by itself."""
    label: Label
    outcome: Outcome
    measured: int = 0
    """When it was kept, ns UTC."""


class Results:
    """The scenario results of one store."""

    def __init__(self, engine: Engine) -> None:
        self._statements = Statements(engine)

    def keep(self, rows: Iterable[Row], deployment: str = "") -> int:
        """Keep results; returns how many are new or other than before."""
        known = {one.session: msgspec.structs.replace(one, measured=0) for one in self.all()}
        added = 0
        for row in rows:
            result = Result(
                session=printable(row.session, 4000), deployment=printable(deployment, 200),
                model=printable(row.model, 400), scenario=row.scenario, instance=row.instance,
                condition=row.condition, measures=scenario_named(row.scenario).measures,
                behaviours=row.behaviours, label=row.label,
                outcome=row.outcome,
            )  # fmt: skip
            if known.get(result.session) == result:
                continue
            value = {k: v for k, v in msgspec.to_builtins(result).items() if k != "measured"}
            digest = sha256(result.session.encode("utf-8", "backslashreplace")).hexdigest()[:32]
            self._statements.add(_PREFIX + digest, value, by=_BY, until=_FOR_EVER)
            added += 1
        return added

    def all(self, deployment: str | None = None) -> list[Result]:
        """The result that stands of each session, oldest first; of one deployment class, or
        of all."""
        found: dict[str, Result] = {}
        for one in self._statements.all():
            if one.subject.startswith(_PREFIX) and one.by == _BY:
                value = {**one.value, "measured": one.created}
                found[one.subject] = msgspec.convert(value, Result)
        return [one for one in found.values() if deployment in (None, one.deployment)]


def write_labels(path: Path, rows: Iterable[Row]) -> None:
    """Enter the measured samples into a labels file, each session once.

    The file is replaced whole, so that a reader sees the old one or the new one; the caller
    sees to it that there is one writer.
    """
    labels: dict[str, bytes] = {}
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                labels[str(msgspec.json.decode(line, type=_Session).session)] = line
            except msgspec.MsgspecError:
                labels[line.decode("utf-8", "backslashreplace")] = line  # not ours: it stays
    for row in rows:
        labels.pop(row.session, None)
        if row.outcome == "measured":
            bad = row.label == "misbehaved"
            label = {
                "session": row.session,
                "label": bad,
                "behaviour": row.behaviours[0] if bad else "",
            }
            labels[row.session] = msgspec.json.encode(label)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(b"".join(line + b"\n" for line in labels.values()))
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).replace(path)


class _Session(msgspec.Struct):
    session: str
