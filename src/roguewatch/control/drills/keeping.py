"""What drills came to, kept as data, and how long it proves anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from scipy.stats import beta
from sqlalchemy import Engine, insert, select

from roguewatch.control.readiness import changes, circumstances, recorded
from roguewatch.state import tables
from roguewatch.state.database import transaction

Kind = Literal["route", "outage"]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The latest drill of one route, containment and rung."""

    id: int
    kind: str
    route: str
    contained: bool
    rung: int
    began: int
    """ns UTC."""
    stale: bool
    """What it depends on has changed since: it proves nothing any more."""
    body: dict[str, Any]
    """The drill's own keys."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """So many of so many, with the exact 95% interval (Clopper and Pearson 1934)."""

    count: int
    of: int
    low: float
    high: float


def keep(
    engine: Engine, kind: Kind, began: int, result: msgspec.Struct, *,
    route: str, contained: bool, rung: int, deployment: str = "",
) -> None:  # fmt: skip
    """Keep one result, with what it depends on; `began` in ns UTC.

    `deployment` is the class (or a deployment of it) that it is evidence for, where it was
    drilled for one.
    """
    body = {**msgspec.to_builtins(result), **({"deployment": deployment} if deployment else {})}
    row = {
        "kind": kind, "route": route, "contained": contained, "rung": rung, "began": began,
        "circumstances": recorded(circumstances(engine)),
        "body": msgspec.json.encode(body).decode(),
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(insert(tables.drills).values(row))


def latest(engine: Engine) -> list[Proof]:
    """The latest of each kind, route, containment and rung, in that order."""
    with transaction(engine) as connection:
        rows = connection.execute(select(tables.drills).order_by(tables.drills.c.id)).all()
    now = circumstances(engine)
    proofs = {
        (row.kind, row.route, row.contained, row.rung): Proof(
            id=row.id, kind=row.kind, route=row.route, contained=row.contained, rung=row.rung,
            began=row.began, stale=bool(changes(row.circumstances, now)),
            body=msgspec.json.decode(row.body),
        )
        for row in rows
    }  # fmt: skip
    return [proofs[key] for key in sorted(proofs)]


def share(of: Iterable[bool]) -> Share | None:
    """How many hold, with the interval; None of none."""
    known = list(of)
    count, total = sum(known), len(known)
    if not total:
        return None
    return Share(
        count=count, of=total,
        low=float(beta.ppf(0.025, count, total - count + 1)) if count else 0.0,
        high=float(beta.ppf(0.975, count + 1, total - count)) if count < total else 1.0,
    )  # fmt: skip
