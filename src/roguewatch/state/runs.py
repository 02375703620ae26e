"""What runs of each deployment, so that it can be found again and stopped."""

from __future__ import annotations

import secrets
import time

import msgspec
from sqlalchemy import Engine, insert, select, update

from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a deployment. Times are ns UTC."""

    id: str
    deployment: str
    adapter: str
    """Name of the adapter that can stop it: process, contained, systemd, docker, …"""
    target: str
    """What that adapter needs to find it, as JSON."""
    started: int
    ended: int | None = None
    footprint: str = ""
    """The machine's footprint from before it began, as JSON; empty where none was taken."""


class Runs:
    """The runs of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(
        self, deployment: str, adapter: str, target: str, *, footprint: str = "", id: str = ""
    ) -> Run:
        """Enter a run that has begun, or is about to."""
        run = Run(
            id=id or secrets.token_hex(8),
            deployment=printable(deployment, 200),
            adapter=adapter,
            target=target,
            started=time.time_ns(),
            footprint=footprint,
        )
        with transaction(self._engine) as connection:
            connection.execute(insert(tables.runs).values(msgspec.to_builtins(run)))
        return run

    def retarget(self, id: str, target: str) -> None:
        """Correct how a run is found, once its processes are known."""
        with transaction(self._engine) as connection:
            connection.execute(
                update(tables.runs).where(tables.runs.c.id == id).values(target=target)
            )

    def end(self, id: str) -> None:
        """Note that a run has ended."""
        with transaction(self._engine) as connection:
            connection.execute(
                update(tables.runs).where(tables.runs.c.id == id).values(ended=time.time_ns())
            )

    def open_targets(self) -> dict[str, str]:
        """Target of each open run, by its id: cheap enough to be asked all the time."""
        table = tables.runs
        chosen = select(table.c.id, table.c.target).where(table.c.ended.is_(None))
        with transaction(self._engine) as connection:
            return {row.id: row.target for row in connection.execute(chosen)}

    def all(self, deployment: str | None = None, *, open_only: bool = False) -> list[Run]:
        """Runs, oldest first."""
        table = tables.runs
        chosen = select(table).order_by(table.c.started)
        if deployment is not None:
            chosen = chosen.where(table.c.deployment == deployment)
        if open_only:
            chosen = chosen.where(table.c.ended.is_(None))
        with transaction(self._engine) as connection:
            return [Run(**row._mapping) for row in connection.execute(chosen)]
