"""A killed writer loses nothing that it acknowledged, and the next start is clean."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.ledger import Ledger

SEED = 20_261_121

WRITER = """
import sys
from pathlib import Path
from roguewatch.ledger.ledger import Ledger
from tests.build import event
start, chunk = int(sys.argv[2]), int(sys.argv[3])
with Ledger.open(Path(sys.argv[1])) as ledger:
    print("open", flush=True)
    number = start
    while True:
        ledger.append(
            event("other", session=f"s{n % 3}", seq=n, text=f"{n} " * 30, raw=b"%d" % n)
            for n in range(number, number + chunk)
        )
        number += chunk
        print(number, flush=True)
        if number // chunk % 7 == 0:
            ledger.seal()
"""


def _write_until_killed(store: Path, start: int, chunk: int, delay: float) -> int:
    """Run a writer, kill it, and give the number of the last event it acknowledged."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store), str(start), str(chunk)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None and writer.stderr is not None
    if writer.stdout.readline() != b"open\n":
        raise AssertionError(writer.stderr.read().decode())
    time.sleep(delay)
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().split(b"\n")[:-1]
    errors = writer.stderr.read().decode()
    writer.wait()
    assert not errors, errors
    return int(rest[-1]) if rest else start


def _kills(store: Path, count: int, seed: int) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    acknowledged = 0
    for turn in range(count):
        chunk = chance.choice([1, 3, 50, 2500])
        delay = chance.uniform(0, 0.25)
        acknowledged = max(acknowledged, _write_until_killed(store, acknowledged, chunk, delay))
        if turn % 3 == 0:
            assert fsck(store) == [], "as the killed writer left it"
        with Ledger.open(store) as ledger:
            stored = [event.seq for event in ledger.events()]
            assert stored[:acknowledged] == list(range(acknowledged))
            assert len(stored) == len(set(stored))
        assert fsck(store) == [], "after the next start"
        acknowledged = len(stored)


def test_ten_kills_lose_nothing(tmp_path: Path) -> None:
    _kills(tmp_path, 10, SEED)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_soak_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    _kills(tmp_path, 100, int(os.environ.get("ROGUEWATCH_SEED", SEED)) + 1)
