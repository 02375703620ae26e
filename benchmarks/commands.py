"""Command understanding: speed, and the share of disguised commands recognised.

The peer is the plain reading that most rule packs start from: `shlex.split` of the text
(Python's own), in the same run on the same texts.
"""

from __future__ import annotations

import contextlib
import platform
import shlex
import statistics
import time
from collections import Counter

from tests.detect.commands.rewriting import FAMILIES, Rewrite, recognised, written

from benchmarks.report import Row
from roguewatch.detect.commands.state import State
from roguewatch.detect.commands.understanding import interpret, understand

PLAIN = f"shlex.split (Python {platform.python_version()})"
ORDINARY = [
    "ls -la src",
    "git status",
    "cd app && npm test 2>&1 | tail -20",
    'grep -rn "def main" --include="*.py" . | head -50',
    "python -m pytest tests/test_a.py -x -q",
    "cat package.json | jq '.scripts'",
    'git add -A && git commit -m "Fix the parser" && git push -u origin fix',
    'for f in *.md; do wc -l "$f"; done',
    "find . -name '*.ts' -not -path './node_modules/*' | xargs grep -l useState",
    "git commit -m \"$(cat <<'EOF'\nFix the parser\n\nIt's shorter (see #12).\nEOF\n)\"",
    "go build ./... && go test ./... -run TestParse -count=1",
    "docker compose up -d && sleep 2 && curl -s localhost:8080/health",
    "sed -n '1,120p' src/main.rs",
    "rm -rf build dist && mkdir -p build",
    "uv run ruff check --fix . && uv run mypy src",
]


def _plainly(rewrite: Rewrite) -> bool:
    """Whether splitting the text alone shows the program and its words."""
    program, *rest = rewrite.base.split()
    for text in rewrite.calls:
        with contextlib.suppress(ValueError):
            words = shlex.split(text)
            if program in words and set(rest) <= set(words):
                return True
    return False


def _microseconds(text: str) -> float:
    samples = []
    for _ in range(40):
        started = time.perf_counter_ns()
        interpret(text, "bash", State())
        samples.append(time.perf_counter_ns() - started)
    return statistics.median(samples) / 1000


def run() -> list[Row]:
    """Shares in per cent by family, then times in microseconds."""
    total: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    peer: Counter[str] = Counter()
    for rewrite in written():
        total[rewrite.family] += 1
        ours[rewrite.family] += recognised(rewrite)
        peer[rewrite.family] += _plainly(rewrite)
    rows = [
        Row(
            name=f"recognised: {family} ({total[family]} rewrites)",
            ours=100 * ours[family] / total[family],
            peer=100 * peer[family] / total[family],
            peer_name=PLAIN,
            unit="%",
        )
        for family in FAMILIES
    ]
    rows.append(
        Row(
            name=f"recognised: all ({total.total()} rewrites of 30 commands)",
            ours=100 * ours.total() / total.total(),
            peer=100 * peer.total() / total.total(),
            peer_name=PLAIN,
            unit="%",
        )
    )
    median = statistics.median(map(_microseconds, ORDINARY))
    rows.append(
        Row(
            name="ordinary command, first sight, median",
            ours=median,
            unit="µs",
            better="lower",
            target="100 µs or less",
            reached=median <= 100,
        )
    )
    understand(ORDINARY[2])
    started = time.perf_counter_ns()
    for _ in range(10_000):
        understand(ORDINARY[2])
    cached = (time.perf_counter_ns() - started) / 10_000 / 1000
    rows.append(Row(name="the same command again", ours=cached, unit="µs", better="lower"))
    text = "echo a; cat b | grep c > d\n" * 400_000
    started = time.perf_counter()
    understand(text)
    rows.append(
        Row(
            name=f"a text of {len(text) // 1_000_000} MB (bounded, marked)",
            ours=(time.perf_counter() - started) * 1e6,
            unit="µs",
            better="lower",
            target="2 s or less",
            reached=time.perf_counter() - started <= 2,
        )
    )
    return rows
