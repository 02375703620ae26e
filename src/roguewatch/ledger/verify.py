"""The quick check: signatures, the tree from its tiles, and the witness. No segment is read."""

from __future__ import annotations

from pathlib import Path

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.fsck import Fault
from roguewatch.ledger.ledger import Ledger
from roguewatch.ledger.merkle import subtree_root
from roguewatch.ledger.note import NO_SEGMENTS, Verifier, open_checkpoint, segments_digest
from roguewatch.ledger.places import trusted_key


def verify(store: Path, witness: Path | str | None = None) -> list[Fault]:
    """Check what a ledger says of itself, without reading the events.

    Args:
        store: the store's folder.
        witness: as for `Ledger.open`.

    Returns:
        The faults; empty where signatures, tree and witness agree.

    Raises:
        LedgerError: there is no ledger here.
    """
    faults: list[Fault] = []
    try:
        with Ledger.open(store, readonly=True, witness=witness) as ledger, ledger.hot.snapshot():
            trusted = trusted_key(ledger.identity.id)
            if trusted is None:
                faults.append(Fault("key", "no public key of this ledger outside the store"))
            elif ledger.identity.key != str(trusted):
                faults.append(Fault("ledger.json", "names another key than the one outside"))
            _verify(ledger, trusted or ledger.identity.verifier(), faults)
    except TamperError as error:
        faults.append(Fault("ledger", str(error)))
    return faults


def _verify(ledger: Ledger, verifier: Verifier, faults: list[Fault]) -> None:
    checkpoint = open_checkpoint(verifier, (ledger.hot.get("checkpoint") or b"").decode())
    published = ledger.layout.checkpoint
    open_checkpoint(verifier, published.read_bytes().decode("utf-8", "replace"))
    digest, sealed = NO_SEGMENTS, 0
    for row in ledger.hot.segments():
        digest = segments_digest(digest, row.first, row.count, row.size, row.sha256)
        sealed = row.first + row.count
        path = ledger.layout.segments / row.name
        if not path.is_file() or path.stat().st_size != row.size:
            faults.append(Fault(f"segments/{row.name}", "missing, or of another length"))
    if digest != checkpoint.digest:
        faults.append(Fault("segments", "not those that the checkpoint signs"))
    size = sealed + ledger.hot.count()
    if size != checkpoint.size:
        faults.append(Fault("tree", f"{checkpoint.size} events are signed, here are {size}"))
        return
    node = ledger.node()
    if subtree_root(node, 0, size) != checkpoint.root:
        faults.append(Fault("tree", "not the one that the checkpoint signs"))
    try:
        note = ledger.witness.latest()
    except LedgerError as error:
        faults.append(Fault("witness", str(error)))
        return
    if note is None:
        faults.append(Fault("witness", f"{ledger.witness.name}: missing or empty"))
        return
    seen = open_checkpoint(verifier, note)
    if seen.size > size:
        faults.append(
            Fault("witness", f"saw {seen.size} events, here are {size}: cut or rolled back")
        )
    elif subtree_root(node, 0, seen.size) != seen.root:
        faults.append(Fault("witness", "saw other events"))
