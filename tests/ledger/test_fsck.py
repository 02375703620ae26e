"""No change to a stored ledger goes undetected."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.ledger import Ledger
from tests.build import event
from tests.ledger.tampering import FILES, ROWS, Place

SEED = 20_261_121


def _more(ledger: Ledger, count: int) -> None:
    ledger.append(
        event("other", session=f"s{n % 5}", text=f"text {n}", raw=b"raw %d" % n)
        for n in range(count)
    )


@pytest.fixture
def ledgers(tmp_path: Path) -> tuple[Path, Path]:
    """(older, newer): the same ledger, copied at two clean closes. Two segments, hot rows."""
    home = tmp_path / "live"
    home.mkdir()
    with Ledger.open(home / "store", witness=home / "witness") as ledger:
        _more(ledger, 270)
        ledger.seal()
        _more(ledger, 5)
    older = tmp_path / "older"
    shutil.copytree(home, older)
    with Ledger.open(home / "store", witness=home / "witness") as ledger:
        _more(ledger, 20)
        ledger.seal()
        _more(ledger, 12)
    return older, home


def _undetected(older: Path, newer: Path, ways: list, rounds: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    missed, done = [], 0
    work = newer.parent / "work"
    while done < rounds:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(newer, work)
        did = chance.choice(ways)(Place(work, older), chance)
        if did is None:
            continue
        done += 1
        if not fsck(work / "store", work / "witness"):
            missed.append(did)
    return missed


def _kill(home: Path) -> None:
    """Leave the store as a killed writer does: its process id in the lock, nothing closed."""
    (home / "store/ledger/closed").unlink()
    (home / "store/ledger/lock").write_text("4194304\n")


def test_a_clean_ledger_has_no_faults(ledgers: tuple[Path, Path]) -> None:
    for home in ledgers:
        shutil.copy(ledgers[1] / "witness", ledgers[1] / "kept")
        assert fsck(home / "store", home / "witness") == []


def test_fsck_changes_nothing(ledgers: tuple[Path, Path]) -> None:
    files = {p: p.read_bytes() for p in ledgers[1].rglob("*") if p.is_file()}
    fsck(ledgers[1] / "store", ledgers[1] / "witness")
    assert {p: p.read_bytes() for p in ledgers[1].rglob("*") if p.is_file()} == files


def test_no_random_mutation_goes_undetected(ledgers: tuple[Path, Path]) -> None:
    print("seed", SEED)
    assert _undetected(*ledgers, FILES + ROWS, 300, SEED) == []


def test_no_change_of_rows_goes_undetected_after_a_kill(ledgers: tuple[Path, Path]) -> None:
    print("seed", SEED)
    _kill(ledgers[1])
    assert fsck(ledgers[1] / "store", ledgers[1] / "witness") == []
    assert _undetected(*ledgers, ROWS, 200, SEED) == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(4))
def test_soak_ten_thousand_mutations(ledgers: tuple[Path, Path], part: int) -> None:
    seed = int(os.environ.get("ROGUEWATCH_SEED", SEED)) + part
    print("seed", seed)
    assert _undetected(*ledgers, FILES + ROWS, 2000, seed) == []
    _kill(ledgers[1])
    assert _undetected(*ledgers, ROWS, 500, seed) == []
