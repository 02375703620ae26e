"""Throws damaged files at every installed reader; a reader may refuse, never crash.

Each case is a valid small file of one format with seeded damage: bytes flipped, cut,
repeated, values replaced by hostile ones, keys renamed, lines shuffled.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from roguewatch.errors import SourceError
from roguewatch.sources.source import Document, Source, sources
from tests.fuzz.seeds import seeds

_HOSTILE = (
    b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 60, b'""', b'"\\ud800"', b"[]", b"{}",
    b"[[[[[[]]]]]]", b'{"type":"x"}', b'["a",1,null]', b'"\\u0000"', b'"' + b"A" * 5000 + b'"',
    b'{"a":{"b":{"c":[1,{"d":null}]}}}', b"[" * 3000, b'"\xff\xfe"',
)  # fmt: skip


class CrashError(Exception):
    """A reader raised what it must not, or told events that do not hold together."""


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The data with one to four kinds of damage."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(_DAMAGES)(data, chance)
        if len(data) > 1 << 20:
            data = data[: 1 << 20]
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if out:
            out[chance.randrange(len(out))] = chance.randrange(256)
    return bytes(out)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _excise(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[at + chance.randint(1, 40) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at, to = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:to] + data[at:]


def _replace_value(data: bytes, chance: random.Random) -> bytes:
    """A value after a colon becomes a hostile one."""
    places = [i for i, byte in enumerate(data) if byte == 0x3A]
    if not places:
        return data
    at = chance.choice(places) + 1
    end = at
    while end < len(data) and data[end] not in b",}]\n":
        end += 1
    return data[:at] + chance.choice(_HOSTILE) + data[end:]


def _rename(data: bytes, chance: random.Random) -> bytes:
    places = [i for i in range(len(data)) if data[i : i + 1] == b'"']
    if not places:
        return data
    at = chance.choice(places) + 1
    return data[:at] + chance.choice((b"x", b"\\ud800", b"type", b"id")) + data[at:]


def _shuffle(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


_DAMAGES = (_flip, _cut, _excise, _repeat, _replace_value, _replace_value, _rename, _shuffle)


def attempt(source: Source, data: bytes, path: Path) -> None:
    """Read damaged data with one source.

    Raises:
        CrashError: anything but a SourceError came out, or an event does not hold together.
    """
    path.write_bytes(data)
    try:
        source.recognise(data[: 1 << 16])
        document = Document(path)
        for event in source.read(document):
            msgspec.json.encode(event.text + event.arguments + event.detail + event.session)
            if len(event.id) != 32 or event.seq < 0:
                raise CrashError(f"{source.name}: a broken event {event.kind}")
            if event.detail:
                json.loads(event.detail)
    except SourceError:
        return
    except CrashError:
        raise
    except Exception as error:
        raise CrashError(f"{source.name}: {type(error).__name__}: {error}") from error


def run(seed: int, cases: int | None = None, until: float | None = None) -> Iterator[int]:
    """Attempt case after case, each source in turn; yields the number of cases so far."""
    import time

    chance = random.Random(seed)
    known = sources()
    examples = seeds()
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case"
        while (cases is None or done < cases) and (until is None or time.monotonic() < until):
            for source in known.values():
                data = damaged(
                    chance.choice(examples.get(source.name, examples["claude-code"])), chance
                )
                try:
                    attempt(source, data, path)
                except CrashError:
                    kept = Path("out/fuzz")
                    kept.mkdir(parents=True, exist_ok=True)
                    (kept / f"{source.name}-{seed}-{done}").write_bytes(data)
                    raise
                done += 1
            yield done
