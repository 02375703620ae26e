"""The ids of all that a writer's ledger holds, and how much of it is hot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.ledger.ids import KnownKeys, pack


class Known:
    """Sealed ids as keys, those of hot rows as they are.

    Rows that are being sealed are counted apart from those that came since (`begin`), until
    they are sealed (`sealed`) or are hot as before (`give_up`).
    """

    def __init__(self) -> None:
        self.keys = KnownKeys()
        self.hot: set[str] = set()
        self.bytes = 0
        """Of the records and source bytes of those rows."""
        self._sealing: set[str] = set()
        self._sealing_bytes = 0

    def among(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that the ledger has.

        Raises:
            LedgerError: one is not 32 lower-case hexadecimal digits.
        """
        try:
            found = {ids[at] for at in self.keys.among(pack(ids))}
        except ValueError as error:
            raise LedgerError(str(error)) from error
        return found | self.hot.intersection(ids) | self._sealing.intersection(ids)

    def fresh(
        self, batch: Sequence[Event], taken: frozenset[str] | set[str] = frozenset()
    ) -> list[Event]:
        """The first event of each id of a batch that the ledger has not, nor `taken`."""
        ids = [event.id for event in batch]
        known = self.among(ids) | taken.intersection(ids)
        if not known and len(set(ids)) == len(ids):
            return list(batch)
        found = []
        for event in batch:
            if event.id not in known:
                known.add(event.id)
                found.append(event)
        return found

    def add(self, ids: Iterable[str], size: int) -> None:
        """Take in rows of `size` bytes."""
        self.hot.update(ids)
        self.bytes += size

    def begin(self) -> None:
        """The rows of now are being sealed."""
        self._sealing, self.hot = self.hot, set()
        self._sealing_bytes, self.bytes = self.bytes, 0

    def sealed(self, keys: KnownKeys) -> None:
        """They are sealed, and among `keys`."""
        self.keys = keys
        self._sealing, self._sealing_bytes = set(), 0

    def give_up(self) -> None:
        """They are not: they are hot as before."""
        self.hot |= self._sealing
        self.bytes += self._sealing_bytes
        self._sealing, self._sealing_bytes = set(), 0

    def all_sealed(self, index: bytes) -> None:
        """Every row is sealed, in a segment of that id index, as is what came with them."""
        self.keys.add(index)
        self.hot.clear()
        self.bytes = 0
