"""Approvals: a person consents to one exact action, once, for a short while.

An approval is bound to the digest of the action (RFC 8785 canonical JSON, SHA-256), so a
changed argument needs a new one. It is given by an enrolled approver who proves it with a
passphrase typed by hand; an agent that can run the command line cannot know it, and the
deployment that asks can never be the one that answers.
"""

from __future__ import annotations

import hmac
import secrets
import time
import unicodedata
from hashlib import scrypt, sha256
from typing import Literal

import msgspec
import rfc8785
from sqlalchemy import Engine, insert, select, update

from roguewatch.errors import ControlError
from roguewatch.events import Event
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction

EXPIRY_SECONDS = 600
MIN_PASSPHRASE = 12
MAX_FAILURES = 5
LOCK_SECONDS = 300
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26}
"""OWASP's recommendation for scrypt (N = 2^15, r = 8): tens of milliseconds a guess."""

Answer = Literal["", "approved", "rejected"]


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a person, and what became of it. Times are ns UTC."""

    id: str
    digest: str
    deployment: str
    session: str
    shown: str
    """The action as the person sees it: printable."""
    asked: int
    expires: int
    answer: Answer = ""
    answered: int | None = None
    answered_by: str = ""
    looked_seconds: int | None = None
    """How long the person had it before their eyes before answering."""
    used: int | None = None


def action_digest(deployment: str, event: Event) -> str:
    """The digest that binds an approval to one action.

    Covers who acts, in which session, with which tool, in which directory, with which
    arguments. Arguments that RFC 8785 cannot represent (integers beyond 2^53, for one)
    are bound by their exact text instead.
    """
    arguments: object = event.arguments
    try:
        arguments = msgspec.json.decode(event.arguments) if event.arguments else {}
        rfc8785.dumps(arguments)  # type: ignore[arg-type]
    except (msgspec.DecodeError, rfc8785.CanonicalizationError, RecursionError, UnicodeError):
        arguments = {"text": event.arguments}
    action = {
        "deployment": deployment,
        "session": event.session,
        "agent": event.agent,
        "tool": event.tool,
        "cwd": event.cwd,
        "arguments": arguments,
    }
    return sha256(rfc8785.dumps(action)).hexdigest()  # type: ignore[arg-type]


class Approvals:
    """The queue of questions and the people who may answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enrol(self, name: str, passphrase: str) -> None:
        """Make a person an approver, or give them a new passphrase.

        Raises:
            ControlError: the passphrase is shorter than `MIN_PASSPHRASE` characters, or
                the name is empty or not printable.
        """
        if not name or printable(name, 100) != name:
            raise ControlError("an approver needs a printable name of 1 to 100 characters")
        if len(passphrase) < MIN_PASSPHRASE:
            raise ControlError(f"the passphrase needs at least {MIN_PASSPHRASE} characters")
        salt = secrets.token_bytes(16)
        values = {
            "salt": salt.hex(),
            "verifier": _verifier(passphrase, salt),
            "enrolled": time.time_ns(),
            "failures": 0,
            "locked_until": 0,
        }
        table = tables.approvers
        with transaction(self._engine) as connection:
            known = connection.execute(
                update(table).where(table.c.name == name).values(**values)
            ).rowcount
            if not known:
                connection.execute(insert(table).values(name=name, **values))

    def approvers(self) -> list[str]:
        """Names of the enrolled approvers."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(tables.approvers.c.name)).scalars()
            return sorted(str(name) for name in rows)

    def authenticate(self, name: str, passphrase: str) -> bool:
        """Whether it is this approver. Five failures lock the name for five minutes."""
        table = tables.approvers
        now = time.time_ns()
        with transaction(self._engine, write=True) as connection:
            row = connection.execute(select(table).where(table.c.name == name)).first()
            if row is None:
                _verifier(passphrase, b"0" * 16)  # as slow as a name that exists
                return False
            if row.locked_until > now:
                return False
            good = hmac.compare_digest(row.verifier, _verifier(passphrase, bytes.fromhex(row.salt)))
            failures = 0 if good else row.failures + 1
            locked = now + LOCK_SECONDS * 10**9 if failures >= MAX_FAILURES else 0
            connection.execute(
                update(table)
                .where(table.c.name == name)
                .values(failures=0 if locked else failures, locked_until=locked)
            )
        return good

    def ask(
        self, deployment: str, event: Event, shown: str, seconds: float = EXPIRY_SECONDS
    ) -> Approval:
        """Put a question to the queue; the same action while one is open asks nothing new."""
        digest = action_digest(deployment, event)
        now = time.time_ns()
        table = tables.approvals
        with transaction(self._engine, write=True) as connection:
            open_one = connection.execute(
                select(table).where(
                    table.c.digest == digest, table.c.answer == "", table.c.expires > now
                )
            ).first()
            if open_one is not None:
                return Approval(**open_one._mapping)
            asked = Approval(
                id=secrets.token_hex(6),
                digest=digest,
                deployment=deployment,
                session=event.session,
                shown=printable(shown, 4000),
                asked=now,
                expires=now + int(seconds * 1e9),
            )
            connection.execute(insert(table).values(msgspec.to_builtins(asked)))
        return asked

    def take(self, deployment: str, event: Event) -> Approval | None:
        """Use up a consent to this very action, if there is one that has not expired."""
        digest = action_digest(deployment, event)
        now = time.time_ns()
        table = tables.approvals
        usable = (
            (table.c.digest == digest)
            & (table.c.answer == "approved")
            & table.c.used.is_(None)
            & (table.c.expires > now)
        )
        with transaction(self._engine, write=True) as connection:
            row = connection.execute(select(table).where(usable).limit(1)).first()
            if row is None:
                return None
            # The condition again: of two that race for one consent, one gets it.
            won = connection.execute(
                update(table).where(table.c.id == row.id, table.c.used.is_(None)).values(used=now)
            ).rowcount
        return Approval(**{**row._mapping, "used": now}) if won else None

    def queue(self, *, every: bool = False) -> list[Approval]:
        """Open questions, oldest first; or all there ever were."""
        table = tables.approvals
        chosen = select(table).order_by(table.c.asked)
        if not every:
            chosen = chosen.where(table.c.answer == "", table.c.expires > time.time_ns())
        with transaction(self._engine) as connection:
            return [Approval(**row._mapping) for row in connection.execute(chosen)]

    def answer(
        self, id: str, name: str, passphrase: str, *, approve: bool, looked_seconds: float
    ) -> Approval:
        """A person answers a question.

        Raises:
            ControlError: the person is not who they say, is the deployment that asks, or
                the question is not open (any more).
        """
        table = tables.approvals
        with transaction(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == id)).first()
        if row is None:
            raise ControlError(f"no approval {printable(id, 40)!r} was asked for")
        asked = Approval(**row._mapping)
        if _same_name(name, asked.deployment):
            raise ControlError("a deployment cannot approve its own action")
        if not self.authenticate(name, passphrase):
            raise ControlError("name or passphrase is wrong, or the name is locked for a while")
        now = time.time_ns()
        values = {
            "answer": "approved" if approve else "rejected",
            "answered": now,
            "answered_by": name,
            "looked_seconds": max(0, round(looked_seconds)),
        }
        still_open = (table.c.id == id) & (table.c.answer == "") & (table.c.expires > now)
        with transaction(self._engine) as connection:
            if not connection.execute(update(table).where(still_open).values(**values)).rowcount:
                raise ControlError(f"approval {id} is answered already or has expired")
        return msgspec.structs.replace(asked, **values)


def _verifier(passphrase: str, salt: bytes) -> str:
    text = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    return scrypt(text, salt=salt, **_SCRYPT).hex()


def _same_name(one: str, other: str) -> bool:
    return unicodedata.normalize("NFKC", one).casefold().strip() == (
        unicodedata.normalize("NFKC", other).casefold().strip()
    )
