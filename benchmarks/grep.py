"""Literal texts over Inspect logs, from the files and from the ledger, against a grep scan.

The peer is Inspect Scout's own `grep_scanner`, on the same logs in the same run, in one
process. A row is only told as reached where both found the same texts equally often in
every transcript.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

from benchmarks.report import Row
from roguewatch.detect.grep import Grep
from roguewatch.ledger.ledger import Ledger
from roguewatch.sources import reading

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "inspect"
PATTERNS = (
    "password",
    "crontab",
    "rm -rf",
    "sudo ",
    "secret",
    "token",
    "ignore previous",
    "curl ",
)
ROUNDS = 5
_SCOUT = r"""
import json, sys, tempfile, time
from inspect_scout import grep_scanner, scan, scan_results_df, transcripts_from
given = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as out:
    started = time.perf_counter()
    status = scan([grep_scanner(given["patterns"])], transcripts=transcripts_from(given["logs"]),
                  scans=out, display="none", max_processes=1)
    seconds = time.perf_counter() - started
    assert status.complete, status
    (found,) = scan_results_df(status.location).scanners.values()
    names = ["transcript_source_uri", "transcript_task_id", "transcript_task_repeat", "value"]
    rows = [[str(row[n]) for n in names] for _, row in found.iterrows()]
print(json.dumps({"seconds": seconds, "rows": rows}))
"""


def run() -> list[Row]:
    logs = [path for path in sorted(SHARED.glob("*.eval")) if zipfile.is_zipfile(path)]
    name = f"grep of {len(PATTERNS)} texts over {len(logs)} Inspect logs"
    if not logs:
        return [Row(name=name, ours=0, unit="s", peer_name="no Inspect logs on this machine")]
    grep = Grep(PATTERNS)
    files, counted = _from_files(grep, logs)
    peer, theirs = _scout(logs)
    same = None if theirs is None else all(counted[key] == times for key, times in theirs.items())
    ledger, of_ledger = _from_ledger(grep, logs)
    merged: Counter[str] = Counter()
    for (_, sample), times in (theirs or {}).items():
        merged[sample] += times
    told = same and of_ledger == +merged
    transcripts = len(theirs or ())
    rows = []
    for label, ours, wanted, equal in (
        ("from the files", files, 8, same),
        ("from the ledger", ledger, 20, told),
    ):
        said = {True: "same matches", False: "OTHER MATCHES", None: "does not run here"}[equal]
        version = importlib.metadata.version("inspect-scout")
        rows.append(
            Row(
                name=f"{name} ({transcripts:,} transcripts), {label}",
                ours=ours,
                peer=peer,
                peer_name=f"inspect-scout {version} grep_scanner: {said}",
                unit="s",
                better="lower",
                target=f"{wanted} times faster",
                reached=bool(equal) and ours * wanted <= peer if peer else None,
            )
        )
    return rows


def _from_files(grep: Grep, logs: list[Path]) -> tuple[float, Counter[tuple[str, str]]]:
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        found = Counter({(p.name, one.session): one.times for p in logs for one in grep.archive(p)})
        seconds.append(time.perf_counter() - started)
    return min(seconds), found


def _from_ledger(grep: Grep, logs: list[Path]) -> tuple[float, Counter[str]]:
    """Sealed before the time is taken, as a ledger that is searched is."""
    with tempfile.TemporaryDirectory() as store:
        with Ledger.open(Path(store)) as ledger:
            for one in reading.read(logs):
                ledger.append(one.events())
            ledger.seal()
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            found = grep.ledger(Path(store))
            seconds.append(time.perf_counter() - started)
    merged: Counter[str] = Counter()
    for one in found:
        merged["/".join(one.session.rsplit("/", 2)[1:])] += one.times
    return min(seconds), merged


def _scout(logs: list[Path]) -> tuple[float | None, dict[tuple[str, str], int] | None]:
    """Seconds, and by (log, sample) how often; None where the peer does not run here."""
    given = json.dumps({"patterns": PATTERNS, "logs": [str(path) for path in logs]})
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SCOUT], input=given, capture_output=True, text=True, timeout=900, check=True
        )  # fmt: skip
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        print(getattr(error, "stderr", "") or error)
        return None, None
    found = {
        (Path(log).name, f"{sample}/{epoch}"): int(float(times))
        for log, sample, epoch, times in answer["rows"]
    }
    return answer["seconds"], found
