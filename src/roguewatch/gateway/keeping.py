"""Findings of the gate, kept beside answering: a transaction costs an fsync or more."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Sequence

from sqlalchemy import Engine

from roguewatch.errors import RoguewatchError
from roguewatch.findings import Finding
from roguewatch.state.findings import Findings

KEPT_AT_ONCE = 500
"""Findings in one transaction: each costs an fsync, for which the end of the gate waits."""


class Keeper:
    """Keeps findings in a thread of its own.

    Args:
        state: the state database.
    """

    def __init__(self, state: Engine) -> None:
        self._findings = Findings(state)
        self._queue: queue.SimpleQueue[Sequence[Finding] | None] = queue.SimpleQueue()
        self.keep = self._queue.put
        """Is given findings, soon to be kept. In any thread."""
        self._thread = threading.Thread(target=self._run, name="keep-findings", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Keep what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = self._queue.get()
            kept: list[Finding] = []
            while batch is not None:  # all that wait in one transaction
                kept += batch
                if len(kept) >= KEPT_AT_ONCE or self._queue.empty():
                    break
                batch = self._queue.get()
            ended = batch is None
            try:
                self._findings.record(kept)
            except RoguewatchError as error:
                # The evidence is in the ledger; the next assessment finds it again.
                print(f"roguewatch gate: findings not kept: {error}", file=sys.stderr, flush=True)
