"""Reading, normalising and naming events, against a bare `json.loads` of the same bytes."""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.build import SHARED
from tests.sources.lines_of import answer, claude, codex, meta, use, write

from benchmarks.report import Row
from roguewatch.sources.reading import read

ROUNDS = 7


def run() -> list[Row]:
    """Rates over recorded Claude Code and Codex files, or over built ones where none are."""
    with tempfile.TemporaryDirectory() as folder:
        groups = _files(Path(folder))
        both = [path for paths in groups.values() for path in paths]
        rows = [_row(name, paths) for name, paths in groups.items()]
        rows.append(_row("Claude Code and Codex", both, target="at least 1.0x of json.loads"))
        rows.append(_flatness(Path(folder), both))
    return rows


def _files(folder: Path) -> dict[str, list[Path]]:
    if SHARED.exists():
        return {name: sorted((SHARED / name).iterdir()) for name in ("claude-code", "codex")}
    lines = []
    for number in range(2000):
        lines.append(claude("assistant", use("Bash", f"c{number}", command="ls -l " * 20)))
        lines.append(claude("user", answer(f"c{number}", "a line of output\n" * 100)))
    rollout = [meta()]
    for number in range(2000):
        call = f"c{number}"
        rollout.append(codex("function_call", name="sh", arguments="{}", call_id=call))
        rollout.append(codex("function_call_output", call_id=call, output="output\n" * 200))
    return {
        "claude-code": [write(folder / "claude", lines)],
        "codex": [write(folder / "codex", rollout)],
    }


def _ours(paths: list[Path]) -> None:
    for reading in read(paths):
        for _ in reading.events():
            pass


def _loads(paths: list[Path]) -> None:
    for path in paths:
        with path.open("rb") as stream:
            for line in stream:
                try:
                    json.loads(line)
                except ValueError:
                    continue


def _seconds(work: Callable[[], None]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _row(name: str, paths: list[Path], target: str = "") -> Row:
    size = sum(path.stat().st_size for path in paths) / 1e6
    ours, peer = 9e9, 9e9
    for _ in range(ROUNDS):  # interleaved: others use this machine, too
        ours = min(ours, _seconds(lambda: _ours(paths)))
        peer = min(peer, _seconds(lambda: _loads(paths)))
    return Row(
        name=f"read, normalise and name the events of {name}",
        ours=size / ours,
        peer=size / peer,
        peer_name="json.loads a line",
        unit="MB/s",
        target=target,
        reached=ours <= peer if target else None,
    )


def _flatness(folder: Path, paths: list[Path]) -> Row:
    """Time per byte of one file that holds a largest session ten times over."""
    data = max(paths, key=lambda path: path.stat().st_size).read_bytes()
    once, ten = folder / "once", folder / "ten"
    once.write_bytes(data)
    with ten.open("wb") as stream:
        for number in range(10):
            # Other ids, so that the copies are events of their own.
            stream.write(data.replace(b'"uuid":"', b'"uuid":"%d' % number))
    one = min(_seconds(lambda: _ours([once])) for _ in range(ROUNDS))
    more = min(_seconds(lambda: _ours([ten])) for _ in range(3)) / 10
    return Row(
        name="time per event, one session ten times as long",
        ours=more * 1e3,
        peer=one * 1e3,
        peer_name="the session once",
        unit="ms",
        better="lower",
        target="within 20%",
        reached=more <= one * 1.2,
    )


if __name__ == "__main__":
    from benchmarks.report import report

    report("sources", run())
