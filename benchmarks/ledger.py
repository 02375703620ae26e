"""The ledger: bulk and single appends against a bare json.loads loop, and fsck."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.build import SHARED

from benchmarks.report import Row
from roguewatch.events import Event, Origin, event_id
from roguewatch.ledger.fsck import Fault, fsck
from roguewatch.ledger.ledger import Ledger

ROUNDS = 5
COPIES = 4


def _lines() -> list[bytes]:
    """Real Claude Code and Codex lines where this machine has them, else lines like them."""
    files = [
        path
        for name in ("claude-code", "codex")
        for path in sorted((SHARED / name).rglob("*.jsonl"))
        if (SHARED / name).is_dir()
    ]
    lines = [line for path in files for line in path.read_bytes().splitlines(keepends=True)]
    if lines:
        return [line for line in lines if _is_json(line)]
    words = [event_id(n)[:7] for n in range(400)]
    return [
        json.dumps(
            {
                "type": "assistant",
                "sessionId": event_id(n // 200),
                "message": {"content": [{"type": "text", "text": " ".join(words[n % 97 :])}]},
            }
        ).encode()
        + b"\n"
        for n in range(8000)
    ]


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _events(lines: list[bytes], copy: int) -> list[Event]:
    """One event for each line, of the shape that the readers give: half the line is text."""
    events = []
    for number, line in enumerate(lines):
        text = line[len(line) // 3 : len(line) // 3 + len(line) // 2].decode("utf-8", "replace")
        call = number % 3 == 0
        events.append(
            Event(
                id=event_id("bench", copy, number),
                session=f"{copy}-{number // 250}",
                seq=number % 250,
                kind="tool_call" if call else "tool_result",
                surface="claude-code",
                time=1_700_000_000_000_000_000 + number * 1_000_000_000,
                tool="Bash",
                call_id=f"toolu_{number // 2:020d}",
                parent=event_id("parent", number),
                cwd="/home/user/project",
                text="" if call else text,
                arguments=json.dumps({"command": text}) if call else "",
                raw=line,
                origin=Origin(f"session-{number // 250}.jsonl", number * 2000),
            )
        )
    return events


def _stream(parts: list[list[Event]]) -> Iterator[Event]:
    for part in parts:
        yield from part


def _seconds(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


def run() -> list[Row]:
    """Interleaved rounds; medians."""
    lines = _lines()
    total = sum(map(len, lines)) * COPIES / 1e6
    parts = [_events(lines, copy) for copy in range(COPIES)]
    loops, bulks = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "STATE"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name}"

        def loop() -> None:
            for _ in range(COPIES):
                for line in lines:
                    json.loads(line)

        for turn in range(ROUNDS):
            loops.append(_seconds(loop))
            store = Path(folder) / f"bulk{turn}"
            with Ledger.open(store) as ledger:
                bulks.append(_seconds(lambda: ledger.append(_stream(parts))))
        hot = _hot(Path(folder) / "hot", parts[0])
        checked, seconds = _checked(Path(folder) / "check", lines)
        singles = _singles(Path(folder) / "single", parts[0][:2000])
    count = len(lines) * COPIES
    loop_rate, bulk_rate = (total / statistics.median(times) for times in (loops, bulks))
    peer = f"json.loads, Python {platform.python_version()}, the same bytes"
    return [
        Row(
            name=f"durable append of {count:,} events as one iterable",
            ours=bulk_rate,
            peer=loop_rate,
            peer_name=peer,
            unit="MB/s",
            target="at least the rate of json.loads",
            reached=bulk_rate >= loop_rate,
        ),
        Row(
            name="durable append in batches of 500 (hot rows)",
            ours=total / COPIES / hot,
            peer=loop_rate,
            peer_name=peer,
            unit="MB/s",
        ),
        Row(
            name="durable append of one event, median",
            ours=singles * 1e3,
            unit="ms",
            better="lower",
            target="under 1 ms",
            reached=singles < 1e-3,
        ),
        Row(
            name=f"fsck of {checked:,} events, every byte",
            ours=seconds * 100_000 / checked,
            unit="s per 100,000",
            better="lower",
            target="under 5 s per 100,000 events",
            reached=seconds * 100_000 / checked < 5,
        ),
    ]


def _checked(store: Path, lines: list[bytes]) -> tuple[int, float]:
    """(events, seconds) of an fsck that finds nothing."""
    copies = -(-100_000 // len(lines))
    with Ledger.open(store) as ledger:
        for copy in range(copies):
            ledger.append(_events(lines, copy))
    faults: list[Fault] = []
    seconds = _seconds(lambda: faults.extend(fsck(store)))
    if faults:
        raise AssertionError(faults)
    return copies * len(lines), seconds


def _hot(store: Path, events: list[Event]) -> float:
    with Ledger.open(store) as ledger:
        return _seconds(
            lambda: [ledger.append(events[at : at + 500]) for at in range(0, len(events), 500)]
        )


def _singles(store: Path, events: list[Event]) -> float:
    with Ledger.open(store) as ledger:
        return statistics.median(_seconds(lambda e=event: ledger.append([e])) for event in events)
