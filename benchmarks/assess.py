"""End to end (read, normalise, hash, durable ledger, detect, add up) against `json.loads`.

The corpus is the Claude Code and Codex files where this machine has real ones, else the
example activity many times over under other session ids.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Row

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
TIMES = 3


def run() -> list[Row]:
    """Rate against a bare `json.loads` loop; memory and time per event from 1x to 10x."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus(Path(folder) / "corpus")
        size = sum(path.stat().st_size for path in corpus)
        _bare(corpus)
        theirs, ours = [], []
        for n in range(TIMES):  # interleaved, so that a busy moment touches both
            theirs.append(_bare(corpus))
            ours.append(_end_to_end(corpus, Path(folder) / f"store{n}"))
        mb = size / 1e6
        rows = [
            Row(
                name=f"end to end, {mb:.0f} MB of Claude Code and Codex, one process",
                ours=mb / min(ours), peer=mb / min(theirs),
                peer_name=f"json.loads loop, Python {platform.python_version()}", unit="MB/s",
                target="a third of the rate or more", reached=min(theirs) / min(ours) >= 1 / 3,
            )
        ]  # fmt: skip
        rows += _growth(Path(folder))
    return rows


def _growth(folder: Path) -> list[Row]:
    """Peak memory and time per event on the whole corpus once, and on ten of it."""
    measured = {}
    for times in (1, 10):
        grown = folder / f"x{times}"
        _copies(grown, times)
        code = "import sys; from benchmarks.assess import measure; measure(*sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, str(grown), str(folder / f"store-x{times}")],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        measured[times] = json.loads(done.stdout)
    one, ten = measured[1], measured[10]
    flat = ten["seconds"] / ten["events"] / (one["seconds"] / one["events"])
    peak = ten["peak_mb"]
    return [
        Row(
            name=f"peak memory, ten times the corpus ({ten['mb']:.0f} MB)", ours=peak, peer=None,
            unit="MB", better="lower", target="under 300 MB", reached=peak < 300,
        ),
        Row(
            name="time per event, 10x", ours=1e6 * ten["seconds"] / ten["events"],
            peer=1e6 * one["seconds"] / one["events"], peer_name="the same at 1x", unit="µs",
            better="lower", target="within 20%", reached=flat <= 1.2,
        ),
    ]  # fmt: skip


def measure(corpus: str, store: str) -> None:
    """Assess in this process and print events, seconds and peak memory as JSON."""
    from roguewatch.assess.assessment import assess, write

    started = time.perf_counter()
    assessment, done = assess([Path(corpus)], Path(store))
    seconds = time.perf_counter() - started
    write(assessment, Path(store) / "out")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "events": done.events, "seconds": seconds, "peak_mb": peak, "mb": done.bytes / 1e6,
    }))  # fmt: skip


def _bare(corpus: list[Path]) -> float:
    started = time.perf_counter()
    for path in corpus:
        with path.open("rb") as stream:
            for line in stream:
                try:
                    json.loads(line)
                except ValueError:
                    continue
    return time.perf_counter() - started


def _end_to_end(corpus: list[Path], store: Path) -> float:
    from roguewatch.assess.assessment import read

    started = time.perf_counter()
    read(corpus, store)
    return time.perf_counter() - started


def _corpus(folder: Path) -> list[Path]:
    real = [path for name in ("claude-code", "codex") for path in (SHARED / name).glob("*.jsonl")]
    if real:
        return sorted(real)
    _copies(folder, 40)
    return sorted(folder.rglob("*.jsonl"))


def _copies(folder: Path, times: int) -> None:
    """The corpus several times over, each time as other sessions with other ids.

    Identifiers are changed byte for byte, so that sizes and shapes stay what they were.
    """
    source = SHARED if SHARED.is_dir() else ROOT / "examples" / "activity"
    for copy in range(times):
        for path in _files(source):
            data = path.read_bytes()
            place = folder / str(copy) / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            if copy and path.suffix != ".eval":
                data = _renamed(data, copy)
            place.write_bytes(data)


def _files(source: Path) -> Iterator[Path]:
    for path in sorted(source.rglob("*")):
        if (
            path.is_file()
            and "horizon" not in path.parts
            and path.suffix in (".jsonl", ".json", ".traj")
        ):
            yield path


def _renamed(data: bytes, copy: int) -> bytes:
    """Every UUID becomes another; message texts of chats get another first letter."""
    import re

    mark = b"%02x" % copy
    data = re.sub(rb"\b[0-9a-f]{2}(?=[0-9a-f]{6}-[0-9a-f]{4}-)", mark, data)
    data = re.sub(rb"(toolu_|call_|msg_|req_)..", rb"\g<1>" + mark, data)
    return data.replace(b'"content": "', b'"content": "' + mark + b" ", 1_000_000)
