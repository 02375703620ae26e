"""The register: every deployment that may act, who owns it, and what it may do."""

from __future__ import annotations

import secrets
import time
from hashlib import sha256
from typing import Literal

import msgspec
from sqlalchemy import Engine, delete, insert, select, update

from roguewatch.errors import StateError
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction
from roguewatch.state.findings import upsert

ALL = "*"
"""A stop of all deployments."""

TokenPurpose = Literal["hook", "relay", "otlp", "all"]
"""What a token opens: the hooks and decisions, the model and MCP relays, the receiver; or
all of them."""


NOTHING = "-"
"""In a list of a scope: nothing of this kind. An empty list says that nobody bounded it."""


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a deployment is there to touch."""

    paths: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()


class Recognition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """By what a run of a deployment is recognised, however it was started."""

    executables: tuple[str, ...] = ()
    """Paths or names of the programs that it runs as."""
    folders: tuple[str, ...] = ()
    """Working directories; what lies below counts too."""
    sessions: tuple[str, ...] = ()
    """Ids of sessions that are its own."""
    environment: tuple[str, ...] = ()
    """`NAME=value` in the environment of its processes; `NAME` alone: any value."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One agent, or fleet of the same agents, that may act for a purpose of its owner."""

    name: str
    owner: str = ""
    purpose: str = ""
    deployment_class: str = "default"
    """Deployments that are judged together in the assessment."""
    model: str = ""
    surface: str = ""
    stakes: Literal["low", "medium", "high"] = "medium"
    scope: Scope = Scope()
    permissions: tuple[str, ...] = ()
    """Permissions granted, in the words of the system that grants them."""
    policy: str = "workstation"
    """Name of a starter policy, or path of a Cedar file."""
    fail_mode: Literal["closed", "open"] = "closed"
    can_fail_open: bool = False
    """The agent's own hooks let actions pass when they fail: a second source is needed."""
    lease_seconds: float = 300.0
    monitors: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Sightings that claim to cover it: hook, mcp-relay, model-relay, otel, transcript."""
    contacts: tuple[str, ...] = ()
    expires: int | None = None
    """ns UTC; None: no date was agreed, which the assessment reports."""
    recognition: Recognition = Recognition()
    reviewed: bool = True
    """A person has looked at the entry; False for what discovery proposed."""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop of one deployment, or of all."""

    id: int
    deployment: str
    reason: str
    opened: int
    opened_by: str
    closed: int | None
    closed_by: str
    report: str


class Register:
    """The deployments, tokens and stops of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, deployment: Deployment, by: str) -> None:
        """Enter a deployment, or replace its entry. Putting the same again changes nothing.

        Raises:
            StateError: the name is empty, the stop sign `*`, or has control characters.
        """
        name = deployment.name
        if not name or name == ALL or printable(name) != name or len(name) > 200:
            raise StateError(
                f"{printable(name, 80)!r} cannot name a deployment: expected 1 to 200 printable "
                f"characters, and not {ALL!r}"
            )
        row = {
            "deployment": name,
            "body": msgspec.json.encode(deployment).decode(),
            "changed": time.time_ns(),
            "changed_by": printable(by, 200),
        }
        table = tables.deployments
        same = select(table.c.body).where(table.c.deployment == name)
        with transaction(self._engine, write=True) as connection:
            if connection.execute(same).scalar() != row["body"]:
                upsert(connection, table, [row])
                connection.execute(insert(tables.deployment_history).values(row))

    def get(self, name: str) -> Deployment | None:
        """The entry of a deployment, if it has one."""
        chosen = select(tables.deployments.c.body).where(tables.deployments.c.deployment == name)
        with transaction(self._engine) as connection:
            body = connection.execute(chosen).scalar()
        return msgspec.json.decode(body, type=Deployment) if body else None

    def all(self) -> list[Deployment]:
        """Every entry, by name."""
        table = tables.deployments
        with transaction(self._engine) as connection:
            rows = connection.execute(select(table.c.body).order_by(table.c.deployment)).scalars()
            return [msgspec.json.decode(body, type=Deployment) for body in rows]

    def at(self, moment: int) -> list[Deployment]:
        """Every entry as it was at a moment (ns UTC), by name."""
        table = tables.deployment_history
        chosen = select(table.c.deployment, table.c.body).where(table.c.changed <= moment)
        with transaction(self._engine) as connection:
            rows = connection.execute(chosen.order_by(table.c.id)).all()
        latest = {row.deployment: row.body for row in rows}
        return [
            msgspec.json.decode(latest[name], type=Deployment)
            for name in sorted(latest)
            if latest[name]
        ]

    def remove(self, name: str, by: str = "") -> bool:
        """Take a deployment out and revoke its tokens. Returns whether it was there."""
        self.revoke_tokens(name)
        chosen = delete(tables.deployments).where(tables.deployments.c.deployment == name)
        gone = {"deployment": name, "body": "", "changed": time.time_ns(),
                "changed_by": printable(by, 200)}  # fmt: skip
        with transaction(self._engine, write=True) as connection:
            there = bool(connection.execute(chosen).rowcount)
            if there:
                connection.execute(insert(tables.deployment_history).values(gone))
            return there

    def issue_token(
        self, deployment: str, purpose: TokenPurpose = "hook", seconds: float | None = None
    ) -> str:
        """A new bearer token, shown this once.

        Args:
            deployment: whose it is; must be in the register.
            purpose: what it opens.
            seconds: how long it is valid; None: until it is revoked.

        Raises:
            StateError: there is no such deployment.
        """
        if self.get(deployment) is None:
            raise StateError(
                f"no deployment {printable(deployment, 80)!r} in the register; "
                "add it with: roguewatch register add"
            )
        token = new_token(purpose)
        self.enter_token(token, deployment, purpose, seconds)
        return token

    def enter_token(
        self, token: str, deployment: str, purpose: TokenPurpose, seconds: float | None = None
    ) -> None:
        """Make a token from `new_token` valid for a deployment of the register."""
        now = time.time_ns()
        row = {
            "digest": token_digest(token),
            "deployment": deployment,
            "purpose": purpose,
            "issued": now,
            "expires": now + int(seconds * 1e9) if seconds is not None else None,
            "revoked": None,
        }
        with transaction(self._engine) as connection:
            connection.execute(insert(tables.tokens).values(row))

    def revoke_token(self, token: str) -> bool:
        """Revoke one token. Returns whether it was valid."""
        table = tables.tokens
        chosen = update(table).where(
            table.c.revoked.is_(None), table.c.digest == token_digest(token)
        )
        with transaction(self._engine) as connection:
            return bool(connection.execute(chosen.values(revoked=time.time_ns())).rowcount)

    def holder(self, token: str, purpose: TokenPurpose) -> str | None:
        """The deployment that a token belongs to; None where it opens nothing."""
        table = tables.tokens
        chosen = select(table.c.deployment, table.c.expires, table.c.revoked).where(
            table.c.digest == token_digest(token), table.c.purpose.in_((purpose, "all"))
        )
        with transaction(self._engine) as connection:
            row = connection.execute(chosen).first()
        if row is None or row.revoked is not None:
            return None
        if row.expires is not None and row.expires <= time.time_ns():
            return None
        return str(row.deployment)

    def revoke_tokens(self, deployment: str, purpose: TokenPurpose | None = None) -> int:
        """Revoke every token of a deployment (`*`: all). Returns how many were valid.

        Args:
            deployment: whose.
            purpose: only those that open this; None: all.
        """
        table = tables.tokens
        chosen = update(table).where(table.c.revoked.is_(None)).values(revoked=time.time_ns())
        if deployment != ALL:
            chosen = chosen.where(table.c.deployment == deployment)
        if purpose is not None:
            chosen = chosen.where(table.c.purpose == purpose)
        with transaction(self._engine) as connection:
            return int(connection.execute(chosen).rowcount)

    def open_stop(self, deployment: str, reason: str, by: str) -> int:
        """Open a stop: from now on no lease is granted. Returns its id."""
        row = {
            "deployment": deployment,
            "reason": printable(reason, 500),
            "opened": time.time_ns(),
            "opened_by": printable(by, 200),
            "closed": None,
            "closed_by": "",
            "report": "",
        }
        with transaction(self._engine) as connection:
            key = connection.execute(insert(tables.stops).values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def report_stop(self, id: int, report: str) -> None:
        """Attach what a stop found, as JSON."""
        with transaction(self._engine) as connection:
            connection.execute(
                update(tables.stops).where(tables.stops.c.id == id).values(report=report)
            )

    def close_stop(self, id: int, by: str) -> None:
        """Close a stop: leases may be granted again."""
        values = {"closed": time.time_ns(), "closed_by": printable(by, 200)}
        with transaction(self._engine) as connection:
            connection.execute(update(tables.stops).where(tables.stops.c.id == id).values(**values))

    def stops(self, *, open_only: bool = False) -> list[Stop]:
        """Stops, oldest first."""
        table = tables.stops
        chosen = select(table).order_by(table.c.id)
        if open_only:
            chosen = chosen.where(table.c.closed.is_(None))
        with transaction(self._engine) as connection:
            return [Stop(**row._mapping) for row in connection.execute(chosen)]

    def stopped(self, deployment: str) -> bool:
        """Whether a stop of it, or of all, is open."""
        return any(stop.deployment in (deployment, ALL) for stop in self.stops(open_only=True))


def new_token(purpose: str) -> str:
    """A random bearer token that says what it is for."""
    return f"rw-{purpose}-{secrets.token_urlsafe(32)}"


def token_digest(token: str) -> str:
    """What is kept of a token. Tokens are random, so a plain digest cannot be guessed back."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
