"""What lies where in a ledger's folder, and who it says it is.

ledger.json            id, origin and public key
hot.sqlite             hot rows, registered segments, the checkpoint over all
segments/*.parquet     sealed events
tile/<L>/<N>[.p/<W>]   the tree over sealed events (C2SP tlog-tiles)
checkpoint             signed at the last seal (C2SP tlog-checkpoint)
closed                 signed SHA-256 of hot.sqlite, while no writer is at work
lock                   the writer's process id; empty after a clean close
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from hashlib import file_digest
from pathlib import Path

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.durable import TEMPORARY, sync_folder, write_file
from roguewatch.ledger.hot import SegmentRow
from roguewatch.ledger.note import Signer, Verifier
from roguewatch.ledger.places import create_key
from roguewatch.ledger.tiles import Tiles
from roguewatch.printable import printable_path

FORMAT = 1
"""Version of the layout and of the record."""

GROUP_EVENTS = 2048
"""Events in a row group at most: what a point read decompresses."""

GROUP_BYTES = 4 << 20
"""Text and source bytes in a row group at most (one event may be larger)."""


class Identity(msgspec.Struct, frozen=True):
    """Who a ledger says it is. Believed only as far as a key outside the store confirms."""

    format: int
    id: str
    """32 hexadecimal digits, random."""
    key: str
    """The verifier key: origin+key id+base64."""

    @property
    def origin(self) -> str:
        """The name that checkpoints bear."""
        return f"roguewatch/ledger/{self.id}"

    def encode(self) -> bytes:
        """The one form in which it is stored."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def verifier(self) -> Verifier:
        """The public key in it.

        Raises:
            LedgerError: it is none, or bears another name.
        """
        verifier = Verifier.parse(self.key)
        if verifier.name != self.origin:
            raise LedgerError("ledger.json: the key bears another name than the ledger")
        return verifier


class Layout:
    """The paths of one ledger.

    Args:
        store: the store; the ledger is its `ledger` folder.
    """

    def __init__(self, store: Path) -> None:
        self.folder = store / "ledger"
        self.identity_file = self.folder / "ledger.json"
        self.hot = self.folder / "hot.sqlite"
        self.segments = self.folder / "segments"
        self.tiles = self.folder / "tile"
        self.checkpoint = self.folder / "checkpoint"
        self.closed = self.folder / "closed"
        self.lock = self.folder / "lock"

    def identity(self) -> Identity:
        """Read ledger.json.

        Raises:
            LedgerError: there is no ledger here.
            TamperError: the file is damaged.
        """
        try:
            data = self.identity_file.read_bytes()
        except FileNotFoundError as error:
            raise LedgerError(f"{printable_path(self.folder)}: there is no ledger here") from error
        except OSError as error:
            raise LedgerError(f"{printable_path(self.identity_file)}: {error.strerror}") from error
        try:
            identity = msgspec.json.decode(data, type=Identity)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TamperError("ledger.json: damaged") from error
        if identity.format != FORMAT:
            raise LedgerError(
                f"ledger.json: format {identity.format}, but this version reads {FORMAT}"
            )
        if identity.encode() != data or not _is_id(identity.id):
            raise TamperError("ledger.json: not as it was written")
        return identity

    def create(self) -> tuple[Identity, Signer]:
        """Start a ledger: its key first, so that no ledger is without one.

        Raises:
            LedgerError: something of a ledger is here already, but not its ledger.json.
        """
        if self.hot.exists() or self.closed.exists() or any(self.segments.glob("*")):
            raise TamperError(f"{printable_path(self.folder)}: ledger.json is missing")
        identity = Identity(FORMAT, secrets.token_hex(16), "")
        signer = create_key(identity.id, identity.origin)
        identity = Identity(FORMAT, identity.id, str(signer.verifier))
        write_file(self.identity_file, identity.encode())
        return identity, signer

    def clear_leftovers(self, registered: list[SegmentRow], sealed: int) -> None:
        """Remove what an interrupted write left: none of it was acknowledged."""
        names = {row.name for row in registered}
        for path in [*self.folder.glob(f"*{TEMPORARY}"), *self.segments.iterdir()]:
            if path.name not in names:
                path.unlink()
        sync_folder(self.segments)
        Tiles(self.tiles).clear_beyond(sealed)

    def closing_text(self, origin: str, size: int) -> str:
        """What the closing note says of the hot store as it lies there."""
        with self.hot.open("rb") as stream:
            digest = file_digest(stream, "sha256").digest()
        return f"{origin}\nclosed {size}\nhot.sqlite {b64encode(digest).decode()}\n"


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)
