"""A store is assessed while its gate runs: read from its files, added to through the gate."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.gateway.asking import UnixConnection
from roguewatch.gateway.gate_ledger import APPEND, GateLedger, evidence
from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.ledger import Ledger
from tests.build import event
from tests.cli.run import EXAMPLES, roguewatch
from tests.gateway.hooking import body, post
from tests.gateway.relaying import Daemon, daemon, enrolled, recorded

PLACES = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")
SAID = ("sessions", "events", "findings", "impactful", "permission_modes", "unattended")


def _assessed(store: Path, out: Path) -> dict[str, Any]:
    places = {name: os.environ[name] for name in PLACES}
    done = roguewatch("assess", EXAMPLES, "--store", store, "--out", out, env=places)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads((out / "assessment.json").read_text())
    return document


class Agent(threading.Thread):
    """Calls a hook again and again until told to end."""

    def __init__(self, gate: Daemon, token: str) -> None:
        super().__init__()
        self.ended = threading.Event()
        self.answered: list[str] = []
        self._gate, self._token = gate, token

    def run(self) -> None:
        while not self.ended.is_set():
            call = body(command=f"ls {len(self.answered)}", session_id="live")
            said = post(self._gate.ready["listen"], self._token, call, timeout=60)
            assert said.status == 200
            self.answered.append(call["tool_use_id"])


def test_a_store_is_assessed_while_hooks_flow_and_nothing_is_lost_or_twice(tmp_path: Path) -> None:
    alone = _assessed(tmp_path / "alone", tmp_path / "out")
    store = tmp_path / "store"
    token = enrolled(store, "observe", "hook")
    with daemon(store) as gate:
        agent = Agent(gate, token)
        agent.start()
        try:
            during = _assessed(store, tmp_path / "out")
            again = _assessed(store, tmp_path / "out")
        finally:
            agent.ended.set()
            agent.join()
    for key in SAID:
        assert during[key] == alone[key], key
        assert again[key] == alone[key], key
    stored = recorded(store)
    assert set(Counter(one.id for one in stored).values()) == {1}
    calls = Counter(one.call_id for one in stored if one.kind == "tool_call")
    assert agent.answered and all(calls[name] == 1 for name in agent.answered)
    with Ledger.open(tmp_path / "alone", readonly=True) as ledger:
        assert {one.id for one in ledger.events()} <= {one.id for one in stored}
    assert fsck(store) == []


def test_where_the_gate_dies_the_same_events_are_stored_once_by_the_next_run(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    enrolled(store)
    events = [event("other", seq=n, text=f"{n} " * 200) for n in range(400)]
    with daemon(store) as gate:
        ledger = evidence(store)
        assert isinstance(ledger, GateLedger)
        assert ledger.append(events[:200]).added == 200
        assert ledger.append(events[100:300]).duplicate == 100
        assert ledger.known([one.id for one in events]) == {one.id for one in events[:300]}
        gate.stop(signal.SIGKILL)
        with pytest.raises(LedgerError, match="run the same command again"):
            ledger.append(events)
        ledger.close()
    with evidence(store) as ledger:
        assert not isinstance(ledger, GateLedger)
        assert ledger.append(events).added == 100
        assert [one for one in ledger.events() if one.kind == "other"] == events
    assert fsck(store) == []


def test_an_event_of_many_megabytes_is_stored_through_the_gate(tmp_path: Path) -> None:
    store = tmp_path / "store"
    enrolled(store)
    large = event("other", raw=b"x" * (20 << 20))
    with daemon(store), evidence(store) as ledger:
        ledger.append([large])
        assert ledger.event(large.id) == large


def test_no_agent_can_add_evidence_this_way(tmp_path: Path) -> None:
    store = tmp_path / "store"
    token = enrolled(store, "observe", "hook")
    raw = msgspec.msgpack.encode([event("other", text="forged")])
    with daemon(store) as gate:
        host, _, port = gate.ready["listen"].rpartition(":")
        for connection in (
            http.client.HTTPConnection(host, int(port), timeout=20),
            UnixConnection(store / "agent.sock"),
        ):
            connection.request("POST", APPEND, raw, {"Authorization": f"Bearer {token}"})
            assert connection.getresponse().status == 403
            connection.close()
    assert not [one for one in recorded(store) if one.text == "forged"]


@pytest.mark.parametrize("raw", [b"", b"\x91\x80", b"[]", msgspec.msgpack.encode([1])])
def test_what_is_no_list_of_events_is_refused(tmp_path: Path, raw: bytes) -> None:
    store = tmp_path / "store"
    enrolled(store)
    with daemon(store):
        connection = UnixConnection(store / "gate.sock")
        connection.request("POST", APPEND, raw)
        assert connection.getresponse().status == 400
        connection.close()


def test_another_command_that_writes_is_named_as_such(tmp_path: Path) -> None:
    with Ledger.open(tmp_path), pytest.raises(LedgerError, match="another command than a gate"):
        evidence(tmp_path)


def test_ids_are_looked_up_alike_with_and_without_a_writer(tmp_path: Path) -> None:
    def some(first: int) -> list[Event]:
        return [event("other", seq=n, session="ids") for n in range(first, first + 50)]

    sealed, hot, unknown = some(0), some(50), some(100)
    asked = [one.id for one in sealed + hot + unknown]
    with Ledger.open(tmp_path) as ledger:
        ledger.append(sealed)
        ledger.seal()
        with Ledger.open(tmp_path, readonly=True) as reader:
            assert reader.known(asked) == ledger.known(asked) == {one.id for one in sealed}
            ledger.append(hot)
            assert reader.known(asked) == ledger.known(asked) == {one.id for one in sealed + hot}
            ledger.seal()
            assert reader.known(asked) == {one.id for one in sealed + hot}
