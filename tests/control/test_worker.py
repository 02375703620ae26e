"""The deciding thread: work that nobody waits for never holds up work that somebody does."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from roguewatch.control.worker import MOST_LATER, Worker


def test_who_waits_is_served_at_once_though_much_is_left_for_later() -> None:
    worker = Worker(crowded=lambda: True)

    def later() -> None:
        time.sleep(0.002)  # rests 20 ms after it

    async def asked() -> list[float]:
        waits = []
        for _ in range(20):
            began = time.monotonic()
            await worker.run(lambda abandoned: None, 5)
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.007)
        return waits

    assert all(worker.later(later) for _ in range(1000))
    waits = asyncio.run(asked())
    assert sorted(waits)[10] < 0.015, "less than a rest"
    worker.close()


def test_all_that_is_left_for_later_is_done_in_order() -> None:
    worker = Worker()
    done: list[int] = []
    for number in range(300):
        assert worker.later(partial(done.append, number))
    deadline = time.monotonic() + 10
    while len(done) < 300 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done == list(range(300))
    assert worker.later(lambda: done.append(300)), "also after the thread has come to rest"
    while len(done) < 301 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done[-1] == 300
    worker.close()


def test_what_takes_several_turns_is_gone_on_with_before_what_came_after_it() -> None:
    worker = Worker()
    done: list[str] = []

    def long() -> bool:
        done.append("long")
        return len(done) < 5

    assert worker.later(long)
    assert worker.later(partial(done.append, "next"))
    deadline = time.monotonic() + 10
    while len(done) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done == ["long"] * 5 + ["next"]
    worker.close()


def test_more_than_fits_is_refused_and_the_refusal_told() -> None:
    worker = Worker()
    assert worker.later(lambda: time.sleep(0.5))
    took = sum(worker.later(lambda: None) for _ in range(MOST_LATER + 10))
    assert MOST_LATER - 1 <= took < MOST_LATER + 10
    worker.close(5)


def test_the_end_waits_for_no_work_that_is_left_for_later() -> None:
    worker = Worker()
    turns: list[float] = []

    def endless() -> bool:
        turns.append(time.monotonic())
        time.sleep(0.005)
        return True

    assert worker.later(endless)
    while len(turns) < 3:
        time.sleep(0.001)
    began = time.monotonic()
    worker.close()
    assert time.monotonic() - began < 1.5, "less than it gives a thread that hangs"
    done = len(turns)
    time.sleep(0.1)
    assert len(turns) == done
