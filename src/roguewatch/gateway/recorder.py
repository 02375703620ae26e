"""Record into a store's ledger, whoever holds its writing lock, and ask its gate."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from roguewatch.errors import ControlError, LedgerBusyError
from roguewatch.events import Event
from roguewatch.gateway.asking import UnixConnection, ask
from roguewatch.gateway.asking import gate_runs as gate_runs
from roguewatch.gateway.places import AGENT_SOCKET
from roguewatch.gateway.recording import LEASE, RECORD
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Register

BUSY_SECONDS = 10.0


def record(store: Path, events: Sequence[Event]) -> None:
    """Make events durable: through the gate where one runs, else directly.

    Raises:
        RoguewatchError: they could not be stored.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        if ask(store, "POST", RECORD, list(events)) is not None:
            return
        try:
            # Held only for these events, so that a gate can start at any time.
            ledger = Ledger.open(store)
        except LedgerBusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        try:
            ledger.append(events)
        finally:
            ledger.close()
        return


def gate_consents(store: Path) -> Callable[[str], str]:
    """An objector that asks the gate; a gate that is silent has not consented."""

    def objection(deployment: str) -> str:
        answer = ask(store, "POST", LEASE, {"deployment": deployment})
        if answer is None:
            return "the gate is gone"
        return "" if answer["given"] else "; ".join(answer["objections"])

    return objection


def relay_probe(store: Path, register: Register, stopped: str) -> Callable[[str], bool]:
    """Whether the relay refuses a key of the deployment's own, issued here and now.

    A key is issued only for what is `stopped` (`*`: all): no other is left lying about.

    Call before the stop: the key was good when the stop began, and the stop, which does
    not know of it, must have revoked it.
    """
    keys = {
        entry.name: register.issue_token(entry.name, "relay", 600)
        for entry in register.all()
        if stopped in ("*", entry.name)
    }

    def refused(deployment: str) -> bool:
        asked = list(keys) if deployment == "*" else [deployment]
        return all(_refuses(store, keys[name]) for name in asked if name in keys)

    return refused


def decisions(store: Path) -> Callable[[str], int]:
    """How many decisions the gate has been asked for by a deployment (`*`: by all)."""

    def count(deployment: str) -> int:
        status = ask(store, "GET", "/status")
        if status is None:
            raise ControlError("the gate is gone")
        return sum(
            sum(entry["decisions"].values())
            for entry in status["deployments"]
            if deployment in ("*", entry["deployment"])
        )

    return count


def _refuses(store: Path, key: str) -> bool:
    connection = UnixConnection(store.absolute() / AGENT_SOCKET)
    try:
        # An empty path below the relay: whatever is behind it, the key is looked at first.
        connection.request("GET", "/openai/v1/models", headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status in (401, 403)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise ControlError(f"the relay gives no answer: {error}") from error
    finally:
        connection.close()
