"""One timeline from all sightings, and what is missing from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roguewatch.errors import InputError
from roguewatch.events import Event, Usage
from roguewatch.ledger.ledger import Ledger
from roguewatch.reconcile.investigation.investigation import Investigation, investigate
from roguewatch.reconcile.investigation.page import write
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Recognition, Register
from tests.build import asked, call, event, result, said

MINE = Deployment(
    name="mine", sources=("hook", "transcript"), recognition=Recognition(sessions=("s1",))
)


def found(store: Path, *events: Event, entry: Deployment = MINE, **more: Any) -> Investigation:
    engine = connect(store)
    Register(engine).put(entry, "ada")
    with Ledger.open(store) as ledger:
        ledger.append(events)
        return investigate(store, ledger, engine, entry.name, **more)


def seen_also(of: Event, sighting: str, **changes: Any) -> Event:
    return msgspec.structs.replace(of, id=of.id[::-1], sighting=sighting, **changes)


def lacks(of: Investigation) -> set[str]:
    return {one.lack for one in of.missing}


def test_sightings_of_one_call_and_of_one_message_are_one_moment_each(tmp_path: Path) -> None:
    prompt, act = asked("go"), call("Bash", command="ls", call_id="c1")
    done = result(act, "a", exit_status=0)
    decided = event("decision", text="allow", detail=json.dumps({"action": "x" * 3}))
    told = found(
        tmp_path, prompt, seen_also(prompt, "hook"), act, seen_also(act, "hook"), done, decided,
    )  # fmt: skip
    kinds = [(one.what, one.sightings) for one in told.timeline]
    assert kinds == [
        ("message", ("hook", "transcript")), ("call", ("hook", "transcript")),
        ("decision", ("transcript",)),
    ]  # fmt: skip
    assert told.timeline[1].outcome == "ok"
    assert told.decisions == {"allow": 1}


def test_what_no_second_observer_confirms_and_what_has_no_result_is_named(tmp_path: Path) -> None:
    lonely = call("Bash", command="make")
    told = found(tmp_path, lonely, entry=msgspec.structs.replace(MINE, sources=("otel",)))
    assert {"single observer", "call without result", "source silent", "no host evidence"} <= lacks(
        told
    )
    assert any("otel claims to cover it" in one.text for one in told.missing)


def test_a_stretch_that_one_source_did_not_see_and_a_silence_are_named(tmp_path: Path) -> None:
    events: list[Event] = []
    for number in range(9):
        act = call("Bash", command=f"step {number}", call_id=f"c{number}")
        events += [act, result(act, "x")]
        if not 3 <= number < 7:
            events.append(seen_also(act, "hook"))
    late = msgspec.structs.replace(said("later"), time=(events[-1].time or 0) + 3600 * 10**9)
    told = found(tmp_path, *events, late)
    stretch = next(one for one in told.missing if one.lack == "blind stretch")
    assert (stretch.text.split()[0], stretch.count) == ("hook", 4)
    assert stretch.since is not None
    assert stretch.until is not None
    assert stretch.since < stretch.until
    assert "time without record" in lacks(told)


def test_files_keys_hosts_and_tokens_count_once_however_many_saw_them(tmp_path: Path) -> None:
    act = call("Bash", command="AWS_PROFILE=ops aws s3 cp a.txt s3://bucket/x", call_id="c1")
    write_ = call("Write", file_path="/srv/b.txt", content="x")
    used = Usage(input=1_000_000, output=100_000)
    said_ = event("agent_message", text="ok", usage=used, model="m-9", request_id="r1")
    again = seen_also(said_, "model-relay")
    told = found(
        tmp_path, act, seen_also(act, "hook"), write_, said_, again, prices={"m": (3.0, 10.0)}
    )
    assert [(one.name, one.written) for one in told.files][:1] == [("/srv/b.txt", 1)]
    assert [(one.name, one.times) for one in told.keys] == [("aws profile ops", 1)]
    assert [one.name for one in told.hosts] == ["bucket"]
    assert [(one.usage.total, one.cost) for one in told.tokens] == [(1_100_000, 4.0)]


def test_a_write_that_was_refused_or_failed_is_not_told_as_written(tmp_path: Path) -> None:
    done, denied, failed, asked_ = (
        call("Write", file_path=f"/srv/{name}", content="x", call_id=name)
        for name in ("done", "denied", "failed", "asked")
    )
    told = found(
        tmp_path, done, seen_also(done, "hook"), result(done, "ok", exit_status=0),
        denied, seen_also(denied, "hook"),
        event("decision", text="deny", detail=json.dumps({"action": denied.id[::-1]})),
        failed, msgspec.structs.replace(result(failed, "read-only file system"), failed=True),
        asked_, event("approval", call_id="asked", detail=json.dumps({"decision": "deny"})),
    )  # fmt: skip
    assert {one.name: (one.times, one.written, one.refused, one.failed) for one in told.files} == {
        "/srv/done": (1, 1, 0, 0), "/srv/denied": (1, 0, 1, 0), "/srv/failed": (1, 0, 0, 1),
        "/srv/asked": (1, 0, 1, 0),
    }  # fmt: skip
    assert told.files[0].name == "/srv/done"


def test_since_bounds_the_timeline_and_others_sessions_are_left_out(tmp_path: Path) -> None:
    early, late = call("Bash", command="early"), call("Bash", command="late")
    other = call("Bash", command="other", session="s2")
    told = found(tmp_path, early, late, other, since=late.time)
    assert [one.text for one in told.timeline] == ["late"]
    assert [one.session for one in told.sessions] == ["s1"]


def test_hostile_text_reaches_neither_terminal_nor_page(tmp_path: Path) -> None:
    hostile = call("Bash\x1b[2J<script>", command="\x1b]0;x\x07 <script>alert(1)</script>")
    told = found(tmp_path, hostile)
    assert "\x1b" not in msgspec.json.encode(told).decode()
    assert all("\x1b" not in one.text + one.tool for one in told.timeline)
    page = tmp_path / "page.html"
    write(told, page)
    assert "<script" not in page.read_text()


def test_a_name_that_nothing_is_on_record_of_is_refused(tmp_path: Path) -> None:
    found(tmp_path)
    with (
        Ledger.open(tmp_path) as ledger,
        pytest.raises(InputError, match="nothing is on record"),
    ):
        investigate(tmp_path, ledger, connect(tmp_path), "ghost")
