"""What the witness of a ledger has been told, and when it is to be told again."""

from __future__ import annotations

import time

from roguewatch.errors import LedgerError
from roguewatch.ledger.note import Checkpoint
from roguewatch.ledger.witness import FileWitness, HttpWitness

WITNESS_SECONDS = 1.0
"""How often at most a commit of hot rows is witnessed."""


class Testimony:
    """Checkpoints given to one witness. Evidence is kept though a witness fails.

    Args:
        witness: where they are given.
    """

    def __init__(self, witness: FileWitness | HttpWitness) -> None:
        self.witness = witness
        self.error = ""
        """Why the witness did not take the last checkpoint; empty where it did."""
        self._note = ""
        self._given = 0.0

    def due(self) -> bool:
        """Whether it is time to give what was committed since."""
        return time.monotonic() - self._given > WITNESS_SECONDS

    def has(self, checkpoint: Checkpoint) -> None:
        """The witness remembers this one already."""
        self._note = checkpoint.note

    def give(self, checkpoint: Checkpoint, *, sync: bool) -> None:
        """Give it, durably with `sync`; nothing where it was given so before."""
        try:
            if checkpoint.note != self._note:
                self.witness.record(checkpoint.note, sync=sync)
                self._note = checkpoint.note if sync else ""
            self.error = ""
        except LedgerError as error:
            self.error = str(error)
        self._given = time.monotonic()
