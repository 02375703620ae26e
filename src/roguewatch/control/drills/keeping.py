"""What drills came to, kept as data, and how long it proves anything."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Literal

import msgspec
from scipy.stats import beta
from sqlalchemy import Engine, insert, select

from roguewatch import __version__
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


def circumstances() -> str:
    """Digest of what a proof depends on: our version, the kernel, Python."""
    parts = (__version__, platform.release(), platform.python_version())
    return sha256("\0".join(parts).encode()).hexdigest()


def keep(
    engine: Engine, kind: Kind, began: int, result: msgspec.Struct, *,
    route: str, contained: bool, rung: int,
) -> None:  # fmt: skip
    """Keep one result; `began` in ns UTC."""
    row = {
        "kind": kind, "route": route, "contained": contained, "rung": rung, "began": began,
        "circumstances": circumstances(), "body": msgspec.json.encode(result).decode(),
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(insert(tables.drills).values(row))


def latest(engine: Engine) -> list[Proof]:
    """The latest of each kind, route, containment and rung, in that order."""
    with transaction(engine) as connection:
        rows = connection.execute(select(tables.drills).order_by(tables.drills.c.id)).all()
    now = circumstances()
    proofs = {
        (row.kind, row.route, row.contained, row.rung): Proof(
            id=row.id, kind=row.kind, route=row.route, contained=row.contained, rung=row.rung,
            began=row.began, stale=row.circumstances != now, body=msgspec.json.decode(row.body),
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
