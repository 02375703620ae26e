"""Detection: time per event, growth with session length and rules, start-up, and peers."""

from __future__ import annotations

import gc
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.report import Row
from roguewatch.detect.action import Action
from roguewatch.detect.commands import understanding
from roguewatch.detect.engine import Engine, pack
from roguewatch.detect.sigma.reading import compile_rules, read_rules
from roguewatch.detect.sigma.rule import RuleSet
from roguewatch.detect.sigma.running import Running
from roguewatch.detect.sigma.view import View
from roguewatch.detect.warming import ordinary
from roguewatch.events import Event, Origin, event_id
from roguewatch.sources import reading

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PEERS = Path("out/peers")
SMALL = 10_000
SEED = 11


def run() -> list[Row]:
    shipped = read_rules([pack()])
    corpus = _real() or _synthetic(6_000)
    rows = _per_event(shipped, corpus)
    rows += _growth(shipped)
    rows.append(_start())
    rows.append(_invariant())
    return rows


def _real() -> list[Event]:
    """The Claude Code and Codex sessions, where this machine has them."""
    folders = [SHARED / name for name in ("claude-code", "codex")]
    present = [folder for folder in folders if folder.is_dir()]
    return [event for one in reading.read(present) for event in one.events()]


def _synthetic(count: int, session: str = "s") -> list[Event]:
    """Ordinary work: commands, edits, outputs, messages."""
    rnd = random.Random(SEED)
    events = []
    for n in range(count):
        kind = rnd.choice(("tool_call", "tool_result", "agent_message", "usage"))
        fields: dict[str, Any] = {"text": " ".join(f"word{rnd.randint(0, 999)}" for _ in range(60))}
        if kind == "tool_call":
            command = f"cd src && python -m pytest tests/test_{n % 97}.py -q | tail -{n % 9 + 1}"
            fields = {"tool": "Bash", "call_id": f"c{n}"}
            fields["arguments"] = json.dumps({"command": command})
        events.append(
            Event(
                id=event_id("bench", session, n), session=session, seq=n, kind=kind,  # type: ignore[arg-type]
                surface="bench", time=n * 10**9, origin=Origin("bench", n), **fields,
            )
        )  # fmt: skip
    return events


def _times(feed: Any, events: list[Event]) -> list[float]:
    """Processor time of each event in microseconds: others run on this machine too."""
    found = []
    for event in events:
        started = time.thread_time_ns()
        feed(event)
        found.append((time.thread_time_ns() - started) / 1_000)
    return found


def _per_event(rules: RuleSet, events: list[Event]) -> list[Row]:
    small = [event for event in events if len(event.text) + len(event.arguments) <= SMALL]
    # As the gate does at its start: nothing is built, and nothing old swept, while agents wait.
    running = Running(rules)
    for event in ordinary():
        running.warm(Action(event))
    engine = Engine.load().warm()
    gc.collect()
    gc.freeze()
    alone = sorted(_times(lambda event: running.feed(View(Action(event))), small))
    understanding.forget()
    whole = sorted(_times(engine.feed, small))
    gc.unfreeze()
    count = len(rules.rules) + len(rules.correlations)

    def at(times: list[float], share: float) -> float:
        return times[int(share * (len(times) - 1))]

    rows = []
    for name, times in ((f"{count} rules", alone), ("whole engine, causes and detectors", whole)):
        for label, share, target in (("median", 0.5, 10), ("p99", 0.99, 100)):
            value = at(times, share)
            rows.append(
                Row(
                    name=f"{name}, {label} of {len(small):,} events up to 10 kB",
                    ours=value,
                    unit="µs",
                    better="lower",
                    target=f"at most {target} µs",
                    reached=value <= target,
                )
            )
    return rows


def _rules(count: int) -> RuleSet:
    """Rules of the usual shapes, each looking for something else."""
    rnd = random.Random(SEED)
    shapes = (
        "{{command.program: p{0}, command.arguments|contains: x{0}}}",
        "{{content|contains: [left{0}a, right{0}b], tool.class: [edit, write]}}",
        "{{written|endswith: /.file{0}}}",
        "{{kind: agent_message, text|re|i: 'phrase{0} (one|two)'}}",
        "{{command.text|contains: 'do{0} it'}}",
    )
    texts = [
        f"title: R{n}\nname: r{n}\ntags: [behaviour.e1]\nlogsource: {{product: ai-agent}}\n"
        f"detection:\n  s: {rnd.choice(shapes).format(n)}\n  condition: s\n"
        for n in range(count)
    ]
    return compile_rules([(Path("generated.yml"), "---\n".join(texts).encode())])


def _mean(feed: Any, events: list[Event]) -> float:
    started = time.thread_time_ns()
    for event in events:
        feed(event)
    return (time.thread_time_ns() - started) / 1_000 / len(events)


def _growth(shipped: RuleSet) -> list[Row]:
    events = _synthetic(4_000)
    costs = {}
    for count in (50, 500):
        rules = _rules(count)
        costs[count] = min(_mean(Running(rules).feed_event, events) for _ in range(3))
    session = _synthetic(20_000)
    running = Running(shipped)
    early = statistics.median(_times(running.feed_event, session[:2_000]))
    _times(running.feed_event, session[2_000:18_000])
    late = statistics.median(_times(running.feed_event, session[18_000:]))
    return [
        Row(
            name="mean cost of an event with 500 rules against 50",
            ours=costs[500],
            peer=costs[50],
            peer_name="ours with 50 rules",
            unit="µs",
            better="lower",
            target="less than 2x",
            reached=costs[500] < 2 * costs[50],
        ),
        Row(
            name="median event at 18,000 to 20,000 of a session against its first 2,000",
            ours=late,
            peer=early,
            peer_name="ours at the start",
            unit="µs",
            better="lower",
            target="within 1.3x (linear)",
            reached=late <= 1.3 * early,
        ),
    ]


def _start() -> Row:
    code = (
        "import time; t = time.perf_counter(); "
        "from roguewatch.detect.engine import Engine; Engine.load(); "
        "print(time.perf_counter() - t)"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]  # fmt: skip
    best = min(times) * 1_000
    return Row(
        name="start-up with the pack, compiled form cached",
        ours=best,
        unit="ms",
        better="lower",
        target="under 300 ms",
        reached=best < 300,
    )


# Five rules in both languages. A rule on the order of two calls makes the peer give up
# ("maximum checking cycles exceeded") before 50 steps, so none is among them.
_FIVE = """
title: A
name: a
logsource: {product: ai-agent}
detection: {s: {tool: bash, arguments.command|contains: crontab}, condition: s}
---
title: B
name: b
logsource: {product: ai-agent}
detection: {s: {tool: read_file, arguments.path|contains: .ssh}, condition: s}
---
title: C
name: c
logsource: {product: ai-agent}
detection: {s: {tool: send_email, arguments.to|contains: '@'}, condition: s}
---
title: D
name: d
logsource: {product: ai-agent}
detection: {s: {kind: agent_message, text|re: 'password'}, condition: s}
---
title: E
name: e
logsource: {product: ai-agent}
detection: {s: {tool: fetch, arguments.url|contains: 'http://'}, condition: s}
"""
_PEER = r'''
import json, sys, time
from invariant.analyzer import LocalPolicy
policy = LocalPolicy.from_string("""
raise "a" if:
    (call: ToolCall)
    call is tool:bash
    "crontab" in call.function.arguments["command"]
raise "b" if:
    (call: ToolCall)
    call is tool:read_file
    ".ssh" in call.function.arguments["path"]
raise "c" if:
    (call: ToolCall)
    call is tool:send_email
    "@" in call.function.arguments["to"]
raise "d" if:
    (msg: Message)
    msg.role == "assistant"
    "password" in msg.content
raise "e" if:
    (call: ToolCall)
    call is tool:fetch
    "http://" in call.function.arguments["url"]
""")
trace = json.load(sys.stdin)
policy.analyze(trace)
times = []
for _ in range(3):
    started = time.perf_counter()
    for step in range(len(trace)):
        policy.analyze_pending(trace[:step], [trace[step]])
    times.append(time.perf_counter() - started)
print(min(times))
'''


def _steps(count: int) -> list[tuple[str, dict[str, str]]]:
    tools = (
        ("bash", "command", "ls -l src"),
        ("read_file", "path", "src/a.py"),
        ("fetch", "url", "https://a.example"),
    )
    return [
        (name, {key: f"{value} {n}"}) for n in range(count) for name, key, value in (tools[n % 3],)
    ]


def _invariant() -> Row:
    # Live, as both are meant to be used: each of 25 calls and 25 results as it comes.
    steps = _steps(25)
    events, trace = [], []
    for n, (tool, arguments) in enumerate(steps):
        call = f"c{n}"
        function = {"name": tool, "arguments": arguments}
        trace.append(
            {
                "role": "assistant",
                "content": "next",
                "tool_calls": [{"id": call, "type": "function", "function": function}],
            }
        )
        trace.append({"role": "tool", "tool_call_id": call, "content": "ok"})
        common: dict[str, Any] = {"session": "s", "surface": "bench", "origin": Origin("b", n)}
        events += [
            Event(id=f"{n}m", seq=3 * n, kind="agent_message", text="next", **common),
            Event(id=f"{n}c", seq=3 * n + 1, kind="tool_call", tool=tool, call_id=call, arguments=json.dumps(arguments), **common),
            Event(id=f"{n}r", seq=3 * n + 2, kind="tool_result", tool=tool, call_id=call, text="ok", **common),
        ]  # fmt: skip
    rules = compile_rules([(Path("five.yml"), _FIVE.encode())])
    Running(rules).feed(View(Action(events[0])))
    times = []
    for _ in range(20):
        running = Running(rules)
        for event in events[:6]:
            running.feed_event(event)
        running.finish("s")
        started = time.perf_counter()
        for event in events:
            running.feed_event(event)
        times.append(time.perf_counter() - started)
    ours = min(times) * 1_000
    theirs = _peer(["invariant-ai==0.3.5", "setuptools<81"], _PEER, json.dumps(trace))
    return Row(
        name="the same 5 rules over 50 steps, live",
        ours=ours,
        peer=theirs * 1_000 if theirs else None,
        peer_name="invariant-ai 0.3.5" if theirs else "invariant-ai 0.3.5 cannot be installed here",
        unit="ms",
        better="lower",
        target="300 times faster",
        reached=ours * 300 <= theirs * 1_000 if theirs else None,
    )


def _peer(packages: list[str], code: str, given: str) -> float | None:
    """Run a peer in an environment of its own; None where it cannot be installed."""
    home = PEERS / packages[0].split("=")[0]
    python = home / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            command = [str(python), "-m", "pip", "install", "-q", *packages]
            subprocess.run(command, check=True, timeout=600, capture_output=True)
        done = subprocess.run(
            [str(python), "-c", code], input=given, capture_output=True, text=True, timeout=300, check=True
        )  # fmt: skip
        return float(done.stdout.split()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        print(f"{packages[0]}: {error}\n{getattr(error, 'stderr', '') or ''}"[-600:])
        return None
