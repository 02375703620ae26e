"""The engine: live is replay, findings once, bounds reported, hostile text harmless."""

from __future__ import annotations

import random
import time
from pathlib import Path

import msgspec
import pytest

from roguewatch.detect import engine as module
from roguewatch.detect.engine import Engine
from roguewatch.errors import RuleError
from roguewatch.events import Event
from roguewatch.findings import finding_id
from tests.build import asked, call, event, result, said
from tests.detect.generate import random_event

RULES = """
title: Force push
name: force-push
level: high
status: stable
tags: [behaviour.c4, attack.t1565]
logsource: {product: ai-agent}
detection:
  push: {command.program: git, command.arguments|all: [push, --force]}
  condition: push
roguewatch:
  overreach: {rung: routine, score: 0.4}
  rationale: History of a shared branch is rewritten.
  falsifier: The branch is the agent's own.
---
title: Watched
name: watched
level: low
tags: [behaviour.f1]
logsource: {product: ai-agent}
detection: {s: {kind: [agent_message, reasoning], text|re|i: 'being (watched|tested)'}, condition: s}
---
title: Many pushes
name: many-pushes
level: critical
tags: [behaviour.c4]
correlation:
  type: event_count
  rules: force-push
  group-by: [session]
  timespan: 1h
  generate: true
  condition: {gte: 3}
---
title: Told, then pushed
name: watched-then-pushed
level: high
tags: [behaviour.e7]
correlation:
  type: temporal_ordered
  rules: [watched, force-push]
  group-by: [session, agent]
  timespan: 1d
  generate: true
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "ours.yml").write_text(RULES)
    return tmp_path / "rules"


def push(**fields) -> Event:
    return call("Bash", command="git push --force origin main", **fields)


def session() -> list[Event]:
    """A session with a subagent, a compaction, and calls seen by hook and transcript."""
    first, second = push(call_id="c1"), push(call_id="c2")
    hook = msgspec.structs.replace(first, id="f" * 32, sighting="hook")
    events = [asked("push my work"), hook, first, result(first, "ok"), said("I am being watched")]
    events += [event("compaction", text="summary so far"), second, result(second, "ok")]
    events += [msgspec.structs.replace(push(call_id="c3"), agent="sub", parent_agent="main")]
    events += [msgspec.structs.replace(second, id="e" * 32, sighting="hook"), said("done")]
    rnd = random.Random(7)
    return events + [random_event(rnd) for _ in range(60)] + [push(call_id="c4")]


OURS = {"force-push", "watched", "many-pushes", "watched-then-pushed", "end"}


def ours(found) -> list:
    """Findings of these rules and of the engine, without those of the shipped pack."""
    return [f for f in found if f.detector in OURS or f.detector.startswith("engine-")]


def names(found) -> list[str]:
    return [finding.detector for finding in ours(found)]


def test_a_rule_becomes_a_finding_that_says_everything(rules):
    (finding,) = ours(Engine.load([rules]).feed(push(call_id="c1")))
    assert finding.id == finding_id("force-push", "s1", "c1")
    assert (finding.behaviour, finding.level, finding.maturity) == ("C4", "high", "stable")
    assert finding.excerpt == "git push --force origin main"
    assert finding.overreach.rung == "routine"
    assert finding.falsifier == "The branch is the agent's own."
    assert finding.tags == ("attack.t1565",)


def test_live_with_restarts_gives_the_findings_of_one_reading(rules):
    events = session()
    whole = Engine.load([rules])
    batch = whole.replay(events) + whole.finish("s1")
    assert {"force-push", "many-pushes", "watched-then-pushed"} <= set(names(batch))
    for seed in range(3):
        rnd = random.Random(seed)
        live, kept, seen = Engine.load([rules]), {}, []
        for one in events:
            if rnd.random() < 0.08:
                # The process dies; the ledger still has what was seen.
                live = Engine.load([rules])
                for finding in live.replay(seen):
                    kept.setdefault(finding.id, finding)
            seen.append(one)
            for finding in live.feed(one):
                kept.setdefault(finding.id, finding)
        for finding in live.finish("s1"):
            kept.setdefault(finding.id, finding)
        assert list(kept.values()) == batch, f"seed {seed}"


def test_a_resumed_session_continues_where_the_ledger_ends(rules):
    events = session()
    whole = Engine.load([rules])
    expected = whole.replay(events) + whole.finish("s1")
    resumed = Engine.load([rules])
    early = resumed.replay(events[:6]) + resumed.finish("s1")
    again = resumed.replay(events) + resumed.finish("s1")
    merged = {finding.id: finding for finding in [*again, *early]}
    assert {f.id for f in expected} == set(merged)


def test_sightings_of_one_call_are_one_finding(rules):
    engine = Engine.load([rules])
    seen = push(call_id="c1")
    hook = msgspec.structs.replace(seen, id="a" * 32, sighting="hook")
    assert names(engine.feed(hook)) == ["force-push"]
    assert ours(engine.feed(seen)) == []


def test_sessions_do_not_mix(rules):
    engine = Engine.load([rules])
    found = [f for n in range(6) for f in engine.feed(push(session=f"s{n}"))]
    assert "many-pushes" not in names(found)


def test_a_rule_that_is_switched_off_neither_reports_nor_feeds_a_correlation(rules):
    engine = Engine.load([rules], {"force-push": "our branches are ours"})
    assert engine.disabled == {"force-push": "our branches are ours"}
    assert ours(f for _ in range(5) for f in engine.feed(push())) == []
    with pytest.raises(RuleError, match="no-such"):
        Engine.load([rules], {"no-such": "x"})
    with pytest.raises(RuleError, match="say why"):
        Engine.load([rules], {"force-push": " "})


def test_a_payload_split_over_calls_is_seen_where_it_runs(rules):
    engine = Engine.load([rules])
    engine.feed(call("Bash", command="F=--force; G=git"))
    assert "force-push" in names(engine.feed(call("Bash", command="$G push $F origin main")))


def test_more_sessions_than_the_bound_are_finished_not_lost(rules, monkeypatch):
    monkeypatch.setattr(module, "MAX_SESSIONS", 3)
    engine = Engine.load([rules])
    found = [f for n in range(10) for f in engine.feed(push(session=f"s{n}"))]
    assert names(found) == ["force-push"] * 10


def test_forgetting_in_a_correlation_is_a_finding(rules, monkeypatch):
    from roguewatch.detect.sigma import correlating

    monkeypatch.setattr(correlating, "MAX_GROUPS", 2)
    engine = Engine.load([rules])
    found = [
        f
        for n in range(4)
        for f in engine.feed(msgspec.structs.replace(said("being watched"), agent=f"a{n}"))
    ]
    assert names(found).count("engine-forgotten") == 1


# The compiled cache.


def test_the_second_load_comes_from_the_cache_and_says_the_same(rules):
    first = Engine.load([rules]).rules
    (cache,) = (rules / "__pycache__").glob("rules-*.msgpack")
    before = cache.stat().st_mtime_ns
    assert Engine.load([rules]).rules == first
    assert cache.stat().st_mtime_ns == before


def test_a_changed_rule_is_compiled_again(rules):
    Engine.load([rules])
    file = rules / "ours.yml"
    file.write_text(file.read_text().replace("level: low", "level: medium"))
    (finding,) = ours(Engine.load([rules]).feed(said("being watched")))
    assert finding.level == "medium"


@pytest.mark.parametrize("content", [b"", b"\x80", b"cos\nsystem\n(S'true'\ntR.", b"\x93\x01"])
def test_a_damaged_cache_is_ignored(rules, content):
    Engine.load([rules])
    (cache,) = (rules / "__pycache__").glob("rules-*.msgpack")
    cache.write_bytes(content)
    assert names(Engine.load([rules]).feed(push())) == ["force-push"]


def test_a_cache_that_others_may_write_is_ignored(rules):
    Engine.load([rules])
    (cache,) = (rules / "__pycache__").glob("rules-*.msgpack")
    cache.write_bytes(msgspec.msgpack.encode({"rules": [], "correlations": []}))
    cache.chmod(0o666)
    assert names(Engine.load([rules]).feed(push())) == ["force-push"]


def test_rules_in_a_folder_that_cannot_be_written_still_load(rules):
    (rules / "__pycache__").write_text("in the way")
    assert names(Engine.load([rules]).feed(push())) == ["force-push"]


def test_two_rules_of_one_name_are_refused(rules):
    (rules / "more.yml").write_text(RULES.split("---")[0])
    with pytest.raises(RuleError, match="force-push is taken"):
        Engine.load([rules])


# Hostile text.

HOSTILE = {
    "repeats": "a" * 300_000 + "!",
    "nested": "(" * 100_000,
    "quotes": "'\"`$(" * 50_000,
    "lines": "git push\n" * 50_000,
    "nearly": "being " * 100_000,
    "nul": "\x00\x1b[2J\u202e" * 20_000,
    "surrogates": "\ud800\udfff" * 20_000,
    "casefold": "ß\u0130" * 50_000,
    "equals": "=" * 300_000,
    "braces": "{a,b}" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_neither_hangs_nor_crashes(rules, name):
    text = HOSTILE[name]
    engine = Engine.load([rules])
    started = time.process_time()
    engine.feed(call("Bash", command=text))
    engine.feed(call("Edit", file_path=text, old_string=text, new_string=text))
    engine.feed(call("mcp__a__b", url="https://" + text, patch="--- " + text))
    engine.feed(said(text))
    engine.feed(event("tool_result", text=text, tool="Bash", call_id="x"))
    engine.finish("s1")
    assert time.process_time() - started < 30


def test_ten_megabytes_of_arguments_are_looked_at_to_the_end(rules):
    (rules / "end.yml").write_text(
        "title: End\nname: end\ntags: [behaviour.e1]\nlogsource: {product: ai-agent}\n"
        "detection: {s: {content|endswith: the-end}, condition: s}\n"
    )
    engine = Engine.load([rules])
    started = time.process_time()
    found = engine.feed(call("Write", file_path="a", content="x y\n" * 2_500_000 + "the-end"))
    assert names(found) == ["end"]
    assert time.process_time() - started < 30


def test_text_written_to_slow_the_scanner_is_a_finding(rules, monkeypatch):
    monkeypatch.setattr(module, "SCAN_FLOOR", 1_000)
    monkeypatch.setattr(module, "SCAN_FACTOR", 3)
    (rules / "slow.yml").write_text(
        "---\n".join(
            f"title: R{n}\nname: r{n}\ntags: [behaviour.e1]\nlogsource: {{product: ai-agent}}\n"
            f"detection: {{s: {{text|re: 'literal{n}.*[^a]end{n}'}}, condition: s}}\n"
            for n in range(10)
        )
    )
    engine = Engine.load([rules])
    ordinary = engine.feed(said("literal1 " + "word " * 1000))
    hostile = engine.feed(said(" ".join(f"literal{n}" for n in range(10)) + "x" * 1000))
    assert names(ordinary) == []
    assert names(hostile) == ["engine-slow-text"]


@pytest.mark.parametrize("seed", range(4))
def test_random_events_never_crash_the_engine(rules, seed):
    rnd = random.Random(seed)
    engine = Engine.load([rules])
    alphabet = "ab'\"`$(){}[];|&<>\\\n\t =-*?~#!\x00\u202e\ud800é/"
    for _ in range(300):
        text = "".join(rnd.choice(alphabet) for _ in range(rnd.randint(0, 80)))
        arguments = rnd.choice((text, "{" + text, '{"command": ' + text, "null", "[1]", '"x"'))
        engine.feed(random_event(rnd, (text,)))
        engine.feed(event("tool_call", tool=rnd.choice(("Bash", text)), arguments=arguments))
    engine.finish("s1")


def test_a_command_that_is_not_understood_in_full_is_a_finding() -> None:
    engine = Engine.load()
    found = engine.feed(call("Bash", command="true; " * 40_000))
    assert "engine-unread-command" in {finding.detector for finding in found}
    found = engine.feed(call("Bash", command="true; " * 40))
    assert "engine-unread-command" not in {finding.detector for finding in found}


def test_looking_at_an_ordinary_session_first_changes_nothing_of_what_is_found(rules: Path) -> None:
    rnd = random.Random(7)
    events = [*session(), *(random_event(rnd, ("git push --force", "tested")) for _ in range(300))]
    fresh = Engine.load([rules])
    found = [fresh.feed(one) for one in events]
    warmed = Engine.load([rules]).warm()
    assert [warmed.feed(one) for one in events] == found
    assert any(found)
