"""The register as the daemon needs it: asked at every request, never stale.

SQLite tells for two microseconds whether any other connection has committed
(`PRAGMA data_version`); only then is anything read again. On another database the view is
at most `POLL_SECONDS` old.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Engine, select

from roguewatch.state import tables
from roguewatch.state.database import transaction
from roguewatch.state.register import ALL, Deployment, TokenPurpose, token_digest

POLL_SECONDS = 0.2

FRESH_SECONDS = 0.001


class _Token(msgspec.Struct, frozen=True):
    deployment: str
    purpose: str
    expires: int | None


class LiveRegister:
    """Deployments, tokens and stops, kept in memory and checked for change at every use.
    May be asked by several threads.

    Args:
        engine: the state database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Any = None
        self._ask: Callable[[str], sqlite3.Cursor]
        self._mutex = threading.Lock()
        self._version: object = None
        self._read_at = float("-inf")
        """When it was last known to be as the database is, by the monotonic clock."""
        self._deployments: dict[str, Deployment] = {}
        self._tokens: dict[str, _Token] = {}
        self._stopped: frozenset[str] = frozenset()
        if engine.dialect.name == "sqlite":
            self._connection = engine.raw_connection()
            # The driver's own: what SQLAlchemy puts before it takes ten times as long.
            self._ask = self._connection.driver_connection.execute

    def holder(self, token: str, purpose: TokenPurpose) -> Deployment | None:
        """The deployment that a token belongs to; None where it opens nothing. Telemetry, which
        comes by the thousand and decides nothing, goes by what was read within `FRESH_SECONDS`.
        """
        if purpose != "otlp" or time.monotonic() - self._read_at > FRESH_SECONDS:
            self.refresh()
        known = self._tokens.get(token_digest(token))
        if known is None or known.purpose not in (purpose, "all"):
            return None
        if known.expires is not None and known.expires <= time.time_ns():
            return None
        return self._deployments.get(known.deployment)

    def stopped(self, deployment: str) -> bool:
        """Whether a stop of it, or of all, is open. Asked in every decision, a moment after
        `holder`: what that read is not read again for `FRESH_SECONDS`."""
        if time.monotonic() - self._read_at > FRESH_SECONDS:
            self.refresh()
        return ALL in self._stopped or deployment in self._stopped

    def get(self, name: str) -> Deployment | None:
        """A deployment by name."""
        self.refresh()
        return self._deployments.get(name)

    def all(self) -> list[Deployment]:
        """Every deployment, by name."""
        self.refresh()
        return [self._deployments[name] for name in sorted(self._deployments)]

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()

    def refresh(self) -> None:
        """Read again what has changed, if anything has."""
        with self._mutex:
            now = time.monotonic()
            if self._connection is not None:
                version = self._ask("PRAGMA data_version").fetchone()
                if version != self._version:
                    self._read()
                    self._version = version
                self._read_at = now
            elif now - self._read_at >= POLL_SECONDS:
                self._read()
                self._read_at = now

    def _read(self) -> None:
        tokens, stops = tables.tokens, tables.stops
        with transaction(self._engine) as connection:
            bodies = connection.execute(select(tables.deployments.c.body)).scalars().all()
            valid = connection.execute(select(tokens).where(tokens.c.revoked.is_(None))).all()
            open_stops = connection.execute(
                select(stops.c.deployment).where(stops.c.closed.is_(None))
            ).scalars()
            self._stopped = frozenset(str(name) for name in open_stops)
        entries = [msgspec.json.decode(body, type=Deployment) for body in bodies]
        self._deployments = {entry.name: entry for entry in entries}
        self._tokens = {
            row.digest: _Token(row.deployment, row.purpose, row.expires) for row in valid
        }
