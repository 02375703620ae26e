"""Verify evidence from roguewatch without trusting roguewatch: standard library only.

    python verify_evidence.py proof.json --key KEY        an event is in the signed log
    python verify_evidence.py proof.json --key KEY --report assessment.json
                                                          and commits to this very report
    python verify_evidence.py consistency.json --key KEY  one signed log begins another
    python verify_evidence.py checkpoint --key KEY        a checkpoint is signed

KEY is the log's public key (name+id+base64, or a file with it), from a place that the
log's operator cannot change behind your back. Exit status: 0 it holds, 1 it does not,
2 usage. Formats: C2SP signed-note and tlog-checkpoint, RFC 6962 proofs, RFC 8032.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64decode
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

# Ed25519, RFC 8032, section 6: points in extended coordinates.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while n:
        total, point, n = add(total, point) if n & 1 else total, add(point, point), n >> 1
    return total


def point_of(data: bytes) -> Point:
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x if (x * x - x2) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - x2) % P or (x == 0 and sign):
        raise ValueError("not a point of Ed25519")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def signed(public: bytes, message: bytes, signature: bytes) -> bool:
    if len(public) != 32 or len(signature) != 64:
        return False
    r, s = point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    a, b = times(s, BASE), add(r, times(h, point_of(public)))
    return s < L and (a[0] * b[2] - b[0] * a[2]) % P == 0 == (a[1] * b[2] - b[1] * a[2]) % P


def open_checkpoint(note: str, key: str) -> tuple[int, bytes]:
    """(size, root) of a checkpoint that `key` signed."""
    name, identity, encoded = key.strip().split("+", 2)
    public = b64decode(encoded, validate=True)
    text, _, signatures = note.rpartition("\n\n")
    origin, size, root = (text + "\n").split("\n")[:3]
    if public[:1] != b"\x01" or sha256(f"{name}\n".encode() + public).hexdigest()[:8] != identity:
        raise ValueError("the key's id does not match the key")
    for line in signatures.splitlines():
        blob = b64decode(line.split(" ")[2]) if line.startswith(f"— {name} ") else b""
        ours = blob[:4].hex() == identity and origin == name
        if ours and signed(public[1:], (text + "\n").encode(), blob[4:]):
            return int(size), b64decode(root, validate=True)
    raise ValueError("the checkpoint is not signed by this key")


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold(at: int, last: int, roots: list[bytes], path: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.2 and 2.1.4.2: climb from a node to the roots, old ones on the left only."""
    for step in path:
        if last == 0:
            raise ValueError("the path is too long")
        if at & 1 or at == last:
            roots = [node(step, root) for root in roots]
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            roots = [*roots[:-1], node(roots[-1], step)]
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return roots


def check_proof(proof: dict[str, Any], key: str) -> str:
    size, root = open_checkpoint(proof["checkpoint"], key)
    index, record, raw = proof["index"], proof["record"], b64decode(proof["raw"], validate=True)
    leaf = sha256(b"\x00" + record.encode()).digest()
    if not 0 <= index < size or fold(index, size - 1, [leaf], decoded(proof)) != [root]:
        raise ValueError("the record is not in the signed log at this index")
    if json.loads(record).get("raw_sha256", "") != (sha256(raw).hexdigest() if raw else ""):
        raise ValueError("the source bytes are not those of the record")
    return f"event {json.loads(record)['id']} is leaf {index} of {size}"


def check_report(proof: dict[str, Any], path: Path) -> str:
    """The proven event commits to the report's bytes (SHA-256), and counts its facts."""
    detail = json.loads(json.loads(proof["record"])["detail"])
    if detail["report"] != sha256(path.read_bytes()).hexdigest():
        raise ValueError(f"the event commits to another report than {path.name}")
    what = f"approved by {detail['by']}" if "by" in detail else f"{len(detail['facts'])} facts"
    return f"; it commits to {path.name} ({what})"


def check_consistency(proof: dict[str, Any], key: str) -> str:
    first, old = open_checkpoint(proof["first"], key)
    second, new = open_checkpoint(proof["second"], key)
    path, at, last = decoded(proof), first - 1, second - 1
    if first in (0, second):
        good = first <= second and not path and (first < second or old == new)
    else:
        path = [old, *path] if first & (first - 1) == 0 else path
        while at & 1:
            at, last = at >> 1, last >> 1
        good = first < second and fold(at, last, [path[0], path[0]], path[1:]) == [old, new]
    if not good:
        raise ValueError("the second log does not begin with the first")
    return f"the log of {second} begins with that of {first}"


def decoded(proof: dict[str, Any]) -> list[bytes]:
    return [b64decode(step, validate=True) for step in proof["path"]]


CHECKS = {"roguewatch-proof/1": check_proof, "roguewatch-consistency/1": check_consistency}


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify evidence from roguewatch.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", required=True, help="public key, or a file that holds it")
    parser.add_argument("--report", type=Path, help="the assessment.json to compare with")
    options = parser.parse_args()
    try:
        key = options.key if "+" in options.key else Path(options.key).read_text()
        text = options.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    try:
        if not text.startswith("{"):
            print("OK: a signed checkpoint of", open_checkpoint(text, key)[0], "events")
        else:
            proof = json.loads(text)
            check = CHECKS.get(proof["format"])
            if check is None or proof["key"] != key.strip():
                raise ValueError("it is of another format, or names another key")
            told = check(proof, key)
            if options.report:
                told += check_report(proof, options.report)
            print("OK:", told)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        print(f"DOES NOT HOLD: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
