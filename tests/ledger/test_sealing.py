"""Hot rows are sealed behind the back of those who go on storing events."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger import writer
from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.ledger import Ledger
from roguewatch.ledger.record import encode
from roguewatch.ledger.sealing import Sealing
from tests.build import event

SEED = 20_261_121
FULL = 600

WRITER = """
import sys
from pathlib import Path
from roguewatch.ledger import writer
from roguewatch.ledger.ledger import Ledger
from tests.build import event
writer.SEGMENT_EVENTS = 600
number = int(sys.argv[2])
with Ledger.open(Path(sys.argv[1])) as ledger:
    print("open", flush=True)
    while True:
        ledger.append([event("other", session=f"s{n % 3}", seq=n, text=f"{n} " * 30, raw=b"%d" % n)
                       for n in range(number, number + 40)])
        number += 40
        print(number, flush=True)
"""


def _events(first: int, count: int) -> list[Event]:
    return [
        event("other", session=f"s{n % 3}", seq=n, text=f"{n} " * 30, raw=b"%d" % n)
        for n in range(first, first + count)
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SEGMENT_EVENTS", FULL)


def _sealed(ledger: Ledger, segments: int) -> None:
    deadline = time.monotonic() + 20
    while len(ledger.hot.segments()) < segments or ledger.hot.sealed_rows(0, 1):
        assert time.monotonic() < deadline, "not sealed"
        time.sleep(0.01)


@pytest.mark.usefixtures("small")
def test_events_are_stored_while_a_segment_is_being_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    build = Sealing.build

    def held(sealing: Sealing) -> None:
        build(sealing)
        go_on.wait(20)

    monkeypatch.setattr(Sealing, "build", held)
    with Ledger.open(tmp_path) as ledger:
        ledger.append(_events(0, FULL))
        ledger.append(_events(FULL, 50))  # while the segment waits for its switch
        again = ledger.append(_events(0, 20))
        assert (again.added, again.duplicate) == (0, 20), "rows being sealed are known"
        assert ledger.hot.segments() == [] and ledger.size() == FULL + 50
        go_on.set()
        _sealed(ledger, 1)
        assert ledger.append(_events(FULL - 10, 20)).duplicate == 20
        assert [one.seq for one in ledger.events()] == list(range(FULL + 50))
        assert [one.seq for one in ledger.events(session="s1")] == list(range(1, FULL + 50, 3))
        assert sum(row.events for row in ledger.sessions()) == FULL + 50
        ledger.prove(_events(3, 1)[0].id)
        ledger.prove(_events(FULL + 30, 1)[0].id)
        assert ledger.fsck() == []
    assert fsck(tmp_path) == []
    with Ledger.open(tmp_path) as ledger:
        assert [one.seq for one in ledger.events()] == list(range(FULL + 50))
        assert ledger.append(_events(0, FULL + 60)).added == 10


@pytest.mark.usefixtures("small")
def test_who_closes_a_ledger_waits_for_few_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SWEPT", 1)
    commits: list[str] = []
    with Ledger.open(tmp_path) as ledger:
        ledger.append(_events(0, FULL))  # begins to be sealed
        ledger.hot.db.set_trace_callback(lambda sql: "DELETE" in sql and commits.append(sql))
    assert 0 < len(commits) < 100, "each is a commit: on a busy disk the gate would not end"
    with Ledger.open(tmp_path, readonly=True) as closed:
        assert not closed.hot.sealed_rows(0, 1)
        assert len(list(closed.events())) == FULL


@pytest.mark.usefixtures("small")
def test_many_segments_are_sealed_while_others_read_and_store(tmp_path: Path) -> None:
    counts: list[int] = []
    with Ledger.open(tmp_path) as ledger:

        def read() -> None:
            while not counts or counts[-1] < 6 * FULL:
                with Ledger.open(tmp_path, readonly=True) as reader:
                    found = [one.seq for one in reader.events()]
                assert found == list(range(len(found)))
                counts.append(len(found))

        reading = threading.Thread(target=read)
        reading.start()
        for first in range(0, 6 * FULL, 50):
            ledger.append(_events(first, 50))
        reading.join(30)
        ledger.append(_events(6 * FULL, 3000))  # a bulk of its own segment waits for the sealing
        assert ledger.fsck() == []
    assert counts[-1] == 6 * FULL and counts == sorted(counts)
    assert fsck(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_a_sealing_that_fails_leaves_the_rows_hot_and_is_said(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        place = ledger.layout.tiles
        place.rmdir()
        place.write_text("no folder")
        ledger.append(_events(0, FULL))
        ledger.append(_events(FULL, 10))
        deadline = time.monotonic() + 20
        while not ledger.seal_error and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "tiles cannot be written" in ledger.seal_error
        assert ledger.append(_events(0, FULL + 10)).duplicate == FULL + 10
        with pytest.raises(LedgerError, match="tiles cannot be written"):
            for first in range(FULL + 10, 6 * FULL, 50):
                ledger.append(_events(first, 50))
        place.unlink()
        place.mkdir()
        held = ledger.size()
        ledger.seal()
        assert [one.seq for one in ledger.events()] == list(range(held))
    assert fsck(tmp_path) == []


def test_a_kill_at_any_point_of_a_sealing_loses_nothing(tmp_path: Path) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)
    acknowledged = segments = 0
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        for _ in range(chance.randrange(8, 25)):
            acknowledged = int(child.stdout.readline())
        time.sleep(chance.uniform(0, 0.15))
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split(b"\n")[:-1]
        child.wait()
        acknowledged = int(rest[-1]) if rest else acknowledged
        assert fsck(tmp_path) == [], "as the killed writer left it"
        with Ledger.open(tmp_path) as ledger:
            assert ledger.hot.sealed_rows(0, 1) == []
            stored = [one.seq for one in ledger.events()]
            segments = len(ledger.hot.segments())
        assert stored[:acknowledged] == list(range(acknowledged))
        assert len(stored) == len(set(stored))
        assert fsck(tmp_path) == [], "after the next start"
        acknowledged = len(stored)
    assert segments, "no segment was sealed behind"


@pytest.mark.usefixtures("small")
def test_a_row_slipped_in_among_the_sealed_ones_is_found(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    ledger.append(_events(0, FULL))
    _sealed(ledger, 1)
    with ledger.hot.transaction():
        ledger.hot.insert([(5, "0" * 32, "s", b"h" * 32, b"{}", b"")])
    assert ledger.fsck() != []
    ledger.close()


def _sealers() -> list[int]:
    """Processes of ours that seal."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            said, stat = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        if b"roguewatch.ledger.sealer" in said and parent == os.getpid():
            found.append(int(entry.name))
    return found


@pytest.mark.usefixtures("small")
def test_a_process_that_seals_may_be_killed_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roguewatch.ledger.ledger.SEAL_AGAIN_SECONDS", 0.1)
    held, kills = 0, 0
    deadline = time.monotonic() + 30
    with Ledger.open(tmp_path) as ledger:
        while kills < 3 or not ledger.hot.segments():
            assert time.monotonic() < deadline
            ledger.append(_events(held, FULL // 10))
            held += FULL // 10
            time.sleep(0.02 * kills)
            for process in _sealers()[: 3 - kills]:
                os.kill(process, signal.SIGKILL)
                kills += 1
        assert [one.seq for one in ledger.events()] == list(range(held))
    assert not _sealers(), "a closed ledger leaves no process behind"
    assert fsck(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_where_no_process_can_be_started_those_who_bring_more_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Ledger.open(tmp_path) as ledger:
        ledger.append(_events(0, FULL))
        deadline = time.monotonic() + 20
        while not ledger.seal_error and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ledger.seal_error == "the process that seals has ended: it gave no answer"
        for number in range(FULL, 4 * FULL, FULL // 2):
            ledger.append(_events(number, FULL // 2))
        assert len(ledger.hot.segments()) == 1 and ledger.hot.count() == 0
    assert fsck(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_whatever_makes_a_sealing_fail_is_told_and_not_tried_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Sealing] = []

    def fails(sealing: Sealing) -> None:
        tried.append(sealing)
        raise MemoryError("no memory")

    monkeypatch.setattr(Sealing, "build", fails)
    with Ledger.open(tmp_path) as ledger:
        ledger.append(_events(0, FULL))
        deadline = time.monotonic() + 20
        while not ledger.seal_error and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in range(FULL, FULL + 20):
            ledger.append(_events(number, 1))
        assert (len(tried), ledger.seal_error) == (1, "no memory")
    assert fsck(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_rows_that_are_not_those_that_were_committed_are_not_sealed(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        ledger.append(_events(0, FULL - 10))
        forged = encode(_events(5, 1)[0]).replace(b"5 5 5", b"6 6 6")
        ledger.hot.db.execute("UPDATE hot SET record = ? WHERE leaf = 5", (forged,))
        ledger.append(_events(FULL - 10, 10))
        deadline = time.monotonic() + 20
        while not ledger.seal_error and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "not those that were committed" in ledger.seal_error
        with pytest.raises(TamperError, match="not those that were committed"):
            ledger.seal()
        assert ledger.hot.segments() == []
        assert [path.name for path in ledger.layout.segments.iterdir()] == []
