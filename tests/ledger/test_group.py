"""Group commit: everything submitted is durable once, the urgent before the patient."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from roguewatch.events import Event
from roguewatch.ledger import writer
from roguewatch.ledger.batches import Appended
from roguewatch.ledger.group import GroupCommit
from roguewatch.ledger.layout import GROUP_BYTES, GROUP_EVENTS
from roguewatch.ledger.ledger import Ledger
from roguewatch.ledger.sealing import Sealing
from tests.build import event


class Held(Ledger):
    """A ledger whose commits wait until they are let go."""

    go: threading.Event

    def commit(self, events: Sequence[Event]) -> Appended:
        self.go.wait(10)
        return super().commit(events)


def held(store: Path) -> Held:
    ledger = Ledger.open(store)
    ledger.__class__ = Held
    assert isinstance(ledger, Held)
    ledger.go = threading.Event()
    return ledger


def test_urgent_events_go_before_patient_ones_that_came_first(tmp_path: Path) -> None:
    with held(tmp_path) as ledger:
        with GroupCommit(ledger) as group:
            group.submit([event("other", seq=0)])
            for seq in (1, 2):
                group.submit([event("other", seq=seq)], patient=True)
            group.submit([event("other", seq=3)])
            ledger.go.set()
        order = [one.seq for one in ledger.events()]
    assert sorted(order) == [0, 1, 2, 3]
    assert order.index(3) < order.index(2)


def test_a_lone_commit_is_done_when_it_returns_and_waits_its_turn_behind_others(
    tmp_path: Path,
) -> None:
    with held(tmp_path) as ledger, GroupCommit(ledger) as group:
        ledger.go.set()
        assert group.commit([event("other", seq=0)]).done()
        ledger.go.clear()
        first = group.submit([event("other", seq=1)])
        second = group.commit([event("other", seq=2)])
        assert not second.done()
        ledger.go.set()
        assert (first.result(10).added, second.result(10).added) >= (1, 1)
        assert [one.seq for one in ledger.events()] == [0, 1, 2]


def test_however_many_are_committed_at_once_nobody_waits_for_a_segment(tmp_path: Path) -> None:
    many = [event("other", seq=seq) for seq in range(GROUP_EVENTS + 1)]
    long = event("other", seq=len(many), raw=b"x" * GROUP_BYTES)
    with Ledger.open(tmp_path) as ledger, GroupCommit(ledger) as group:
        assert group.submit(many, patient=True).result(10).added == len(many)
        assert group.commit([long]).result(10).added == 1
        assert ledger.hot.count() == len(many) + 1 and not ledger.hot.segments()


def test_closing_commits_everything_that_many_threads_have_queued(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        group = GroupCommit(ledger)

        def work(number: int) -> None:
            for turn in range(40):
                events = [event("other", seq=1000 * number + turn)]
                if turn % 3 == 2:
                    group.commit(events)
                else:
                    group.submit(events, patient=turn % 3 == 1)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        group.close()
        assert ledger.size() == 240


def test_patient_events_leave_room_for_urgent_ones_while_rows_are_being_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SEGMENT_EVENTS", 100)
    go_on = threading.Event()
    build = Sealing.build

    def held_up(sealing: Sealing) -> None:
        go_on.wait(20)
        build(sealing)

    monkeypatch.setattr(Sealing, "build", held_up)
    with Ledger.open(tmp_path) as ledger, GroupCommit(ledger) as group:
        many = [[event("other", seq=50 * n + m) for m in range(50)] for n in range(20)]
        patient = [group.submit(events, patient=True) for events in many]
        patient[7].result(10)  # the hundred of the sealing, and three times as many
        for number in range(10):
            group.submit([event("other", session="urgent", seq=number)]).result(10)
        assert not patient[8].done(), "else the next urgent one waits for the segment"
        go_on.set()
        for future in patient:
            future.result(20)
        assert ledger.size() == 1010
