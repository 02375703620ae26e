"""Ways to change a stored ledger. Each returns what it did, or None where it changed nothing."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tests.build import event


class Place:
    """A copy of a store and its witness that may be spoiled.

    Args:
        folder: where the copy lies: `store/ledger` and `witness`.
        older: an earlier clean state of the same ledger.
    """

    def __init__(self, folder: Path, older: Path) -> None:
        self.ledger = folder / "store" / "ledger"
        self.witness = folder / "witness"
        self.older = older / "store" / "ledger"

    def files(self) -> list[Path]:
        found = [path for path in sorted(self.ledger.rglob("*")) if path.is_file()]
        return [*found, self.witness]

    def segments(self) -> list[Path]:
        return sorted((self.ledger / "segments").iterdir())


Tampering = Callable[[Place, random.Random], str | None]


def change_bytes(place: Place, chance: random.Random) -> str | None:
    path = chance.choice(place.files())
    data = bytearray(path.read_bytes())
    if not data:
        return None
    for _ in range(chance.choice([1, 1, 1, 4])):
        at = chance.randrange(len(data))
        data[at] ^= chance.randrange(1, 256)
        where = at
    if bytes(data) == path.read_bytes():
        return None
    path.write_bytes(data)
    return f"changed byte {where} of {path.name}"


def cut(place: Place, chance: random.Random) -> str | None:
    path = chance.choice(place.files())
    data = path.read_bytes()
    if not data:
        return None
    keep = chance.randrange(len(data))
    path.write_bytes(data[:keep])
    return f"cut {path.name} from {len(data)} to {keep}"


def lengthen(place: Place, chance: random.Random) -> str | None:
    path = chance.choice(place.files())
    with path.open("ab") as stream:
        stream.write(chance.randbytes(chance.randrange(1, 64)))
    return f"lengthened {path.name}"


def exchange_blocks(place: Place, chance: random.Random) -> str | None:
    path = chance.choice(place.files())
    data = path.read_bytes()
    width = chance.choice([1, 32, 512])
    if len(data) < 2 * width:
        return None
    a, b = sorted(chance.sample(range(len(data) // width), 2))
    a, b = a * width, b * width
    changed = (
        data[:a] + data[b : b + width] + data[a + width : b] + data[a : a + width]
        + data[b + width :]
    )  # fmt: skip
    if changed == data:
        return None
    path.write_bytes(changed)
    return f"exchanged {width} bytes at {a} and {b} of {path.name}"


def remove_file(place: Place, chance: random.Random) -> str | None:
    path = chance.choice(place.files())
    path.unlink()
    return f"removed {path.name}"


def add_file(place: Place, chance: random.Random) -> str | None:
    source = chance.choice(place.files()[:-1])
    target = source.with_name(chance.choice(["hot.sqlite-wal", "000009-x.parquet", "017", "x.tmp"]))
    if target.exists():
        return None
    target.write_bytes(source.read_bytes() or b"x")
    return f"added {target.name}"


def exchange_files(place: Place, chance: random.Random) -> str | None:
    a, b = chance.sample(place.files(), 2)
    left, right = a.read_bytes(), b.read_bytes()
    if left == right:
        return None
    a.write_bytes(right)
    b.write_bytes(left)
    return f"exchanged {a.name} and {b.name}"


def roll_back_file(place: Place, chance: random.Random) -> str | None:
    path = chance.choice(place.files()[:-1])
    old = place.older / path.relative_to(place.ledger)
    if not old.exists() or old.read_bytes() == path.read_bytes():
        return None
    shutil.copy(old, path)
    return f"rolled back {path.name}"


def roll_back_store(place: Place, chance: random.Random) -> str | None:
    shutil.rmtree(place.ledger)
    shutil.copytree(place.older, place.ledger)
    return "rolled back the whole store"


def forget_at_witness(place: Place, chance: random.Random) -> str | None:
    lines = place.witness.read_bytes().splitlines(keepends=True)
    at = chance.randrange(len(lines))
    kept = chance.choice([lines[:at], lines[at + 1 :], lines[:at] + lines[at + 1 :]])
    place.witness.write_bytes(b"".join(kept))
    return None if kept == lines else f"dropped witness lines at {at}"


ROW_CHANGES = [
    "DELETE FROM hot WHERE leaf = (SELECT max(leaf) FROM hot)",
    "DELETE FROM hot WHERE leaf = (SELECT min(leaf) FROM hot)",
    "DELETE FROM hot",
    "UPDATE hot SET raw = CAST(raw || x'20' AS BLOB) WHERE leaf = (SELECT min(leaf) FROM hot)",
    "UPDATE hot SET session = 'other' WHERE leaf = (SELECT max(leaf) FROM hot)",
    "UPDATE hot SET id = '00000000000000000000000000000000' WHERE leaf = (SELECT max(leaf) FROM hot)",
    "UPDATE hot SET record = CAST(replace(record, 'main', 'mine') AS BLOB)",
    "UPDATE hot SET leaf = leaf + 1 WHERE leaf = (SELECT max(leaf) FROM hot)",
    "UPDATE hot SET leaf = -leaf",
    "UPDATE hot SET hash = zeroblob(32)",
    "DELETE FROM segments WHERE number = (SELECT max(number) FROM segments)",
    "DELETE FROM segments",
    "UPDATE segments SET first = first + 1",
    "UPDATE segments SET count = count - 1",
    "UPDATE segments SET ids = CAST(substr(ids, 21) AS BLOB)",
    "UPDATE segments SET ids = x''",
    "UPDATE segments SET sha256 = zeroblob(32)",
    "DELETE FROM segment_sessions WHERE segment = 0",
    "UPDATE segment_sessions SET events = events + 1",
    "UPDATE segment_sessions SET groups = x'0007'",
    "UPDATE segment_sessions SET first = 1",
    "INSERT INTO segment_sessions VALUES ('ghost', 0, 'x', 1, 2, 3, x'0000')",
    "UPDATE meta SET value = (SELECT value FROM meta WHERE key='sealed') WHERE key='checkpoint'",
    "DELETE FROM meta WHERE key = 'edge'",
    "UPDATE meta SET value = x'00' WHERE key = 'edge'",
    "INSERT INTO meta VALUES ('more', x'00')",
    "CREATE TABLE more (a)",
    "CREATE TRIGGER t AFTER INSERT ON hot BEGIN DELETE FROM hot; END",
    "CREATE VIEW v AS SELECT 1",
]  # fmt: skip


def change_rows(place: Place, chance: random.Random) -> str | None:
    statement = chance.choice(ROW_CHANGES)
    path = place.ledger / "hot.sqlite"
    with sqlite3.connect(path) as database:
        before = list(database.iterdump())
        database.execute(statement)
        after = list(database.iterdump())
    database.close()
    return None if before == after else statement


def exchange_rows(place: Place, chance: random.Random) -> str | None:
    with sqlite3.connect(place.ledger / "hot.sqlite") as database:
        leaves = [leaf for (leaf,) in database.execute("SELECT leaf FROM hot")]
        if len(leaves) < 2:
            return None
        a, b = chance.sample(leaves, 2)
        for old, new in ((a, -1), (b, a), (-1, b)):
            database.execute("UPDATE hot SET leaf = ? WHERE leaf = ?", (new, old))
    database.close()
    return f"exchanged hot rows {a} and {b}"


def forge_hot_row(place: Place, chance: random.Random) -> str | None:
    """A row that is consistent in itself: record, source bytes and hash agree."""
    from roguewatch.ledger.merkle import leaf_hash
    from roguewatch.ledger.record import decode, encode

    with sqlite3.connect(place.ledger / "hot.sqlite") as database:
        rows = database.execute("SELECT leaf, record, raw FROM hot").fetchall()
        if not rows:
            return None
        leaf, record, raw = chance.choice(rows)
        forged = msgspec.structs.replace(decode(record, raw), text="nothing happened")
        new = encode(forged)
        database.execute(
            "UPDATE hot SET record = ?, hash = ? WHERE leaf = ?", (new, leaf_hash(new), leaf)
        )
    database.close()
    return None if new == record else f"forged hot row {leaf}"


def rewrite_segment(place: Place, chance: random.Random) -> str | None:
    """A well-formed segment with one row changed, moved, dropped or doubled, re-registered."""
    path = chance.choice(place.segments())
    table = pq.read_table(path)
    rows = list(range(len(table)))
    at = chance.randrange(len(rows))
    how = chance.choice(["drop", "double", "move", "change", "recompress"])
    if how == "drop":
        del rows[at]
    elif how == "double":
        rows.insert(at, at)
    elif how == "move":
        rows.append(rows.pop(at))
    changed = table.take(rows)
    if how == "change":
        name = chance.choice([field.name for field in table.schema if field.type == pa.string()])
        values = changed[name].to_pylist()
        values[at] += "x"
        changed = changed.set_column(
            changed.schema.get_field_index(name), changed.schema.field(name), [values]
        )
    if how == "move" and at == len(rows) - 1:
        return None
    pq.write_table(changed, path, compression="zstd")
    data = path.read_bytes()
    with sqlite3.connect(place.ledger / "hot.sqlite") as database:
        database.execute(
            "UPDATE segments SET sha256 = ?, size = ?, count = ? WHERE number = ?",
            (sha256(data).digest(), len(data), len(rows), int(path.name[:6])),
        )
    database.close()
    return f"{how} row {at} of {path.name}"


def insert_hot_row(place: Place, chance: random.Random) -> str | None:
    from roguewatch.ledger.merkle import leaf_hash
    from roguewatch.ledger.record import encode

    made = event("other", text="planted", seq=chance.randrange(1 << 30))
    record = encode(made)
    with sqlite3.connect(place.ledger / "hot.sqlite") as database:
        (last,) = database.execute("SELECT max(leaf) FROM hot").fetchone()
        leaf = chance.choice([last + 1, 0, last + 7]) if last is not None else 10**6
        database.execute(
            "INSERT INTO hot VALUES (?, ?, ?, ?, ?, ?)",
            (leaf, made.id, made.session, leaf_hash(record), record, b""),
        )
    database.close()
    return f"planted hot row {leaf}"


ROWS: list[Tampering] = [change_rows, exchange_rows, forge_hot_row, insert_hot_row, rewrite_segment]
"""What changes the meaning of the store: found whether or not the writer closed it."""

FILES: list[Tampering] = [
    change_bytes, change_bytes, change_bytes, cut, lengthen, exchange_blocks, remove_file, add_file,
    exchange_files, roll_back_file, roll_back_store, forget_at_witness,
]  # fmt: skip
"""What changes a byte: found in a store that was closed."""
