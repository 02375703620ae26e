"""Append, read back, seal, read again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from roguewatch.errors import LedgerBusyError, LedgerError
from roguewatch.events import Usage
from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.layout import GROUP_BYTES, GROUP_EVENTS
from roguewatch.ledger.ledger import Ledger
from tests.build import asked, call, event, result, said


def conversation(session: str = "s1", turns: int = 3) -> list:
    events = [asked("please", session=session)]
    for turn in range(turns):
        made = call("Bash", session=session, command=f"ls {turn} \u2028 é 😀 \x00\x1f")
        events += [
            made,
            result(made, "ok" * turn, exit_status=turn, failed=False, raw=b"\xff\x00" * turn),
        ]
    usage = Usage(input=1, output=2, cache_read=3)
    return [*events, said("done", session=session), event("usage", session=session, usage=usage)]


def test_events_come_back_as_they_were_hot_and_sealed(tmp_path: Path) -> None:
    events = [*conversation("a"), *conversation("b"), event("gap", session="a", time=None)]
    with Ledger.open(tmp_path) as ledger:
        appended = ledger.append(events)
        assert (appended.added, appended.duplicate) == (len(events), 0)
        assert list(ledger.events()) == events
        ledger.seal()
        assert list(ledger.events()) == events
        more = conversation("a")
        ledger.append(more)
        assert list(ledger.events()) == events + more
    with Ledger.open(tmp_path, readonly=True) as ledger:
        assert list(ledger.events()) == events + more
        assert list(ledger.events(session="a")) == [e for e in events if e.session == "a"] + more
        calls = [e for e in events + more if e.kind == "tool_call"]
        assert list(ledger.events(kinds=["tool_call"])) == calls
        assert ledger.event(events[3].id) == events[3]
        assert ledger.event(more[-1].id) == more[-1]


def test_time_limits_include_the_start_and_not_the_end(tmp_path: Path) -> None:
    events = [event("other", time=10 * n) for n in range(6)] + [event("other", time=None)]
    with Ledger.open(tmp_path) as ledger:
        ledger.append(events[:3])
        ledger.seal()
        ledger.append(events[3:])
        assert list(ledger.events(since=10, until=50)) == events[1:5]


def test_the_same_event_twice_counts_once(tmp_path: Path) -> None:
    events = conversation()
    with Ledger.open(tmp_path) as ledger:
        assert ledger.append([*events, *events]).duplicate == len(events)
        assert ledger.append(events).added == 0
        ledger.seal()
        assert ledger.append(events).added == 0
        assert ledger.known([events[0].id, "0" * 32]) == {events[0].id}
    with Ledger.open(tmp_path) as ledger:
        assert ledger.append(events).duplicate == len(events)
        assert ledger.size() == len(events)


def test_a_long_iterable_is_stored_in_order_with_what_was_hot(tmp_path: Path) -> None:
    events = [event("other", session=f"s{n % 7}", text=str(n)) for n in range(5000)]
    with Ledger.open(tmp_path) as ledger:
        ledger.append(events[:10])
        assert ledger.append(iter(events)).added == 4990
        assert [e.id for e in ledger.events()] == [e.id for e in events]
        rows = {row.session: row for row in ledger.sessions()}
        assert rows["s0"].events == 715
        assert rows["s0"].first == events[0].time
        assert ledger.event(events[4321].id) == events[4321]


def test_an_event_as_long_as_a_row_group_has_one_of_its_own(tmp_path: Path) -> None:
    long = event("agent_message", text="é" * GROUP_BYTES, raw=bytes(GROUP_BYTES))
    events = [event("other", text=str(n)) for n in range(GROUP_EVENTS + 9)]
    events[3:3] = [long]
    events += [call("Bash", command="ls"), said("x" * GROUP_BYTES)]
    with Ledger.open(tmp_path) as ledger:
        ledger.append(iter(events))
        ledger.seal()
        assert list(ledger.events()) == events
        assert list(ledger.events(kinds=["tool_call"])) == events[-2:-1]
        assert ledger.event(long.id) == long
        assert ledger.fsck() == []
        (segment,) = (tmp_path / "ledger").rglob("*.parquet")
    with pq.ParquetFile(segment) as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups[:2] == [3, 1] and groups[-1] == 1


def test_an_unknown_event_is_an_error(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger, pytest.raises(LedgerError, match="no event"):
        ledger.event("0" * 32)


def test_reading_where_there_is_no_ledger_is_an_error(tmp_path: Path) -> None:
    for options in ({"readonly": True}, {"create": False}):
        with pytest.raises(LedgerError, match="no ledger"):
            Ledger.open(tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


def test_hostile_values_are_kept_within_bounds(tmp_path: Path) -> None:
    hostile = event(
        "usage", text="a\ud800b", usage=Usage(input=10**30, output=-5), time=10**30, exit_status=1
    )
    with Ledger.open(tmp_path) as ledger:
        ledger.append([hostile])
        stored = ledger.event(hostile.id)
    assert stored.text == "a\\ud800b"
    assert stored.usage == Usage(input=2**53 - 1, output=0)
    assert stored.time is None


def test_a_second_writer_is_refused_and_named_but_readers_are_not(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from roguewatch.ledger.ledger import Ledger\n"
        "ledger = Ledger.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None and holder.stdout.readline() == b"open\n"
    with pytest.raises(LedgerBusyError, match=rf"process {holder.pid} is writing"):
        Ledger.open(tmp_path)
    with Ledger.open(tmp_path, readonly=True) as reader:
        assert list(reader.events()) == []
        with pytest.raises(LedgerError, match="reading only"):
            reader.append([])
    holder.kill()
    holder.wait()
    with Ledger.open(tmp_path) as ledger:
        assert ledger.append([asked("hi")]).added == 1


def test_segments_are_plain_parquet_for_other_engines(tmp_path: Path) -> None:
    events = conversation()
    with Ledger.open(tmp_path) as ledger:
        ledger.append(events)
        ledger.seal()
    (path,) = (tmp_path / "ledger" / "segments").glob("*.parquet")
    found = duckdb.sql(
        f"SELECT id, json_extract_string(arguments, '$.command') FROM '{path}' "
        "WHERE kind = 'tool_call' ORDER BY leaf"
    ).fetchall()
    calls = [e for e in events if e.kind == "tool_call"]
    assert found == [(e.id, json.loads(e.arguments)["command"]) for e in calls]


def test_sealing_and_reading_load_no_pandas(tmp_path: Path) -> None:
    """Arrow's conversions import it where it is installed: 45 MB of every process's memory."""
    code = f"""
import sys
from pathlib import Path
from roguewatch.ledger.ledger import Ledger
from tests.build import asked, event
with Ledger.open(Path({str(tmp_path)!r})) as ledger:
    ledger.append([asked("please", session="a"), event("gap", session="b", time=None)])
    ledger.seal()
    assert len(list(ledger.events(session="a", kinds=["user_message"], since=0, until=1 << 62)))
    assert len(list(ledger.events())) == 2
assert "pyarrow" in sys.modules and "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_reserved_is_written_over_and_gone_when_the_ledger_is_closed(
    tmp_path: Path,
) -> None:
    log = tmp_path / "ledger" / "hot.sqlite-wal"
    with Ledger.open(tmp_path) as ledger:
        ledger.reserve()
        reserved = log.stat().st_size
        assert reserved > 16 << 20
        for number in range(40):
            ledger.append([call(command=f"echo {number}")])
        assert log.stat().st_size == reserved
        with Ledger.open(tmp_path, readonly=True) as reader:
            assert len(list(reader.events())) == 40
    assert not log.exists() or not log.stat().st_size
    with Ledger.open(tmp_path, readonly=True) as closed:
        assert not closed.fsck()
        assert len(list(closed.events())) == 40


def test_a_store_of_the_first_version_is_read_as_it_is_and_written_without_its_index(
    tmp_path: Path,
) -> None:
    with Ledger.open(tmp_path) as ledger:
        ledger.append([event("other", seq=n) for n in range(20)])
        ledger.hot.db.execute("CREATE UNIQUE INDEX hot_id ON hot (id)")
        ledger.hot.db.execute("PRAGMA user_version=1")
    assert fsck(tmp_path) == []
    with Ledger.open(tmp_path, readonly=True) as ledger:
        assert len(ledger.known([event("other", seq=n).id for n in range(30)])) == 20
    with Ledger.open(tmp_path) as ledger:
        assert ledger.append([event("other", seq=n) for n in range(30)]).added == 10
        assert not ledger.hot.db.execute(
            "SELECT * FROM sqlite_master WHERE name='hot_id'"
        ).fetchall()
    assert fsck(tmp_path) == []
