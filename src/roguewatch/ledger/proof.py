"""Proofs that stand alone: what `tools/verify_evidence.py` checks without any of this code.

A JSON object with the event's canonical record, its source bytes, its index, the
RFC 6962 inclusion path, the signed checkpoint and the public key; for consistency,
the two checkpoints and the path between them. `Proof.text` is the same inclusion
proof as a C2SP tlog-proof (https://c2sp.org/tlog-proof), for tools that read that.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import msgspec

from roguewatch.errors import TamperError
from roguewatch.ledger.merkle import leaf_hash, verify_inclusion
from roguewatch.ledger.note import Verifier, open_checkpoint


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """That one event is in the log that a checkpoint signs."""

    format: str = "roguewatch-proof/1"
    key: str
    """Verifier key. Convenience only: whoever checks must have it from elsewhere."""
    checkpoint: str
    """The signed note."""
    index: int
    """Index of the leaf, from 0."""
    record: str
    """The leaf: the canonical record (RFC 8785)."""
    raw: bytes
    """The source bytes, base64 in JSON; the record holds their SHA-256."""
    path: list[bytes]
    """Inclusion path, leaf's sibling first, base64 in JSON."""

    def encode(self) -> bytes:
        """As a JSON document."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def text(self) -> str:
        """As a C2SP tlog-proof; the leaf and source bytes are not in it."""
        path = "".join(b64encode(node).decode() + "\n" for node in self.path)
        return f"c2sp.org/tlog-proof@v1\nindex {self.index}\n{path}\n{self.checkpoint}"

    def verify(self, verifier: Verifier) -> None:
        """Check it against a key that is trusted for other reasons.

        Raises:
            TamperError: it does not hold; says which part.
        """
        checkpoint = open_checkpoint(verifier, self.checkpoint)
        leaf = leaf_hash(self.record.encode())
        if not verify_inclusion(leaf, self.index, checkpoint.size, self.path, checkpoint.root):
            raise TamperError(f"the record is not leaf {self.index} of the signed tree")
        expected = msgspec.json.decode(self.record).get("raw_sha256", "")
        if expected != (sha256(self.raw).hexdigest() if self.raw else ""):
            raise TamperError("the source bytes are not those that the record names")


class ConsistencyProof(msgspec.Struct, frozen=True, kw_only=True):
    """That one checkpoint's log is the beginning of another's."""

    format: str = "roguewatch-consistency/1"
    key: str
    first: str
    """The older signed note."""
    second: str
    path: list[bytes]

    def encode(self) -> bytes:
        """As a JSON document."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"
