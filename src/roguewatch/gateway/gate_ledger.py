"""The ledger of a store whose gate runs, for those who add evidence from elsewhere.

A ledger has one writer, and while a gate runs it is that. Who assesses the store reads its
files as anybody may, and hands what is new to the gate over `gate.sock`: only the gate's own
user can (SO_PEERCRED), never an agent's token. Hooks go first: what comes this way is
committed after them, a few events at a time.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from roguewatch.errors import LedgerBusyError, LedgerError
from roguewatch.events import Event
from roguewatch.gateway.asking import UnixConnection, gate_runs
from roguewatch.gateway.places import ADMIN_SOCKET
from roguewatch.ledger.batches import Appended
from roguewatch.ledger.hot import Hot
from roguewatch.ledger.layout import Layout
from roguewatch.ledger.ledger import Ledger
from roguewatch.ledger.note import Checkpoint
from roguewatch.ledger.places import witness_place
from roguewatch.ledger.witness import witness_at
from roguewatch.printable import printable, printable_path

APPEND = "/admin/append"
MAX_BODY = 64 << 20
"""What one event may weigh. Larger ones need the gate to be stopped."""

EVENTS_AT_ONCE = 64
BYTES_AT_ONCE = 256 << 10
"""In one request, and so in one commit: what a hook may have to wait for."""

STARTING_SECONDS = 3.0
SECONDS = 60.0

_encode = msgspec.msgpack.Encoder().encode


class GateLedger(Ledger):
    """The ledger of a store whose gate runs: read from its files, added to through the gate.

    Args:
        store: the store's folder.

    Raises:
        LedgerError: there is no ledger.
    """

    def __init__(self, store: Path) -> None:
        layout = Layout(store)
        identity = layout.identity()
        witness = witness_at(witness_place(identity.id, None))
        super().__init__(layout, Hot(layout.hot, write=False), witness)
        self._gate = UnixConnection(store.absolute() / ADMIN_SOCKET, SECONDS)

    def append(self, events: Iterable[Event]) -> Appended:
        """Have the gate store events, in order. What this returned for is durable.

        Raises:
            LedgerError: the gate is gone, or refused; those before are stored, and handing
                all over again is harmless.
        """
        added = duplicate = 0
        with self._mutex:
            for some in _portions(events):
                done = self._handed(some)
                added, duplicate = added + done.added, duplicate + done.duplicate
        return Appended(added, duplicate)

    def seal(self) -> Checkpoint:
        """Nothing: the gate seals when a segment is full. Returns the last checkpoint."""
        return self.checkpoint()

    def close(self) -> None:
        """Let go of the files and of the gate."""
        self._gate.close()
        super().close()

    def _handed(self, events: Sequence[Event]) -> Appended:
        try:
            self._gate.request("POST", APPEND, _encode(events))
            response = self._gate.getresponse()
            raw = response.read(1 << 20)
            if response.status == 200:
                return msgspec.json.decode(raw, type=Appended)
            said = printable(raw.decode("utf-8", "replace"), 300)
        except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
            self._gate.close()
            raise LedgerError(
                f"the gate of this store no longer takes events: {printable(str(error), 200)}; "
                "run the same command again"
            ) from error
        raise LedgerError(f"the gate of this store refused events: {said}")


def _portions(events: Iterable[Event]) -> Iterator[list[Event]]:
    some: list[Event] = []
    size = 0
    for event in events:
        some.append(event)
        size += len(event.raw) + len(event.text) + len(event.arguments)
        if len(some) >= EVENTS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


def evidence(store: Path) -> Ledger:
    """The store's ledger, open for adding to it: by itself, or through the gate that runs.

    Raises:
        LedgerBusyError: something that is no gate writes to it.
        LedgerError: it cannot be opened.
    """
    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            return Ledger.open(store)
        except LedgerBusyError as error:
            if gate_runs(store):
                return GateLedger(store)
            if time.monotonic() > deadline:  # a gate that just starts answers by then
                raise LedgerBusyError(
                    f"{printable_path(store)}: another command than a gate is writing to it "
                    f"({error}): run this one again when that has ended"
                ) from error
            time.sleep(0.1)
