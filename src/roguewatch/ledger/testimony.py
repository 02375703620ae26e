"""What the witness of a ledger has been told, and when it is to be told again."""

from __future__ import annotations

import time
from collections.abc import Callable

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.note import Checkpoint, Verifier, open_checkpoint
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

    def confront(
        self,
        note: str | None,
        verifier: Verifier,
        checkpoint: Checkpoint,
        root_of: Callable[[int], bytes],
        *,
        new: bool = False,
    ) -> None:
        """Refuse to go on signing where the witness remembers another past.

        Args:
            note: the last that it was given; None: none.
            verifier: the ledger's key.
            checkpoint: the ledger's last.
            root_of: the root of the ledger's tree as it was with so many leaves.
            new: accept that the witness has nothing, and start it.

        Raises:
            TamperError: it does.
        """
        name = self.witness.name
        if note is None and checkpoint.size and not new:
            raise TamperError(
                f"{name}: the witness of this ledger is missing or empty; restore it, "
                "or start another: roguewatch ledger checkpoint --new-witness"
            )
        if note is not None:
            seen = open_checkpoint(verifier, note)
            if seen.size > checkpoint.size:
                raise TamperError(
                    f"{name}: saw {seen.size} events, the store holds {checkpoint.size}: "
                    "it was cut or rolled back"
                )
            if seen.note == checkpoint.note:
                self._note = seen.note
                return
            if root_of(seen.size) != seen.root:
                raise TamperError(f"{name}: saw other events than the store holds")
        self.give(checkpoint, sync=True)

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
