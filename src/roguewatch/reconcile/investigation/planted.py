"""The activity that an investigation drill plants, told by two observers, with known holes.

A scripted session of one deployment: its transcript is written in Claude Code's format and
read like any other, its hook calls are understood by the gate's own reader. Some hook calls,
one result and one observer are left out on purpose: the reconstruction must say so.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.control.decision import Decision, Outcome
from roguewatch.control.ruling import decision_event
from roguewatch.events import Event
from roguewatch.gateway.hooks.claude_code import agent
from roguewatch.sources.reading import read
from roguewatch.state.register import Deployment

BLIND = 4
"""Actions in a row whose hook calls are left out."""

SILENCE_SECONDS = 2400
MODEL = "drill-model-1"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One planted action, and what a reconstruction must tell of it."""

    id: str
    tool: str
    given: dict[str, str]
    file: str = ""
    written: bool = False
    host: str = ""
    key: str = ""
    outcome: str = "ok"
    denied: bool = False
    hooked: bool = True
    answered: bool = True
    seconds: int = 0
    """After the session began."""


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """A whole session."""

    session: str
    project: Path
    acts: tuple[Act, ...]
    tokens: int
    began: int
    """ns UTC."""


def planned(project: Path, began: int, seed: int, count: int = 24) -> Planted:
    """A session of `count` actions in a random order; the same seed gives the same order."""
    chance = random.Random(seed)  # noqa: S311 (a plan, not a secret)
    made = [_act(number, project) for number in range(count)]
    chance.shuffle(made)
    blind = chance.randrange(1, count - BLIND - 2)
    silent = chance.randrange(1, count)
    visible = [n for n in range(count) if not blind <= n < blind + BLIND]
    unanswered, denied = chance.sample(visible, 2)
    acts, seconds = [], 60
    for number, act in enumerate(made):
        seconds += SILENCE_SECONDS if number == silent else chance.randrange(2, 40)
        acts.append(
            msgspec.structs.replace(
                act, seconds=seconds, hooked=number in visible, answered=number != unanswered,
                denied=number == denied,
                outcome="no result" if number == unanswered else
                "failed" if number == denied else act.outcome,
            )
        )  # fmt: skip
    session = f"drill-{secrets.token_hex(6)}"
    return Planted(
        session=session, project=project, acts=tuple(acts), tokens=count * 150, began=began
    )


def _act(number: int, project: Path) -> Act:
    id = f"toolu_{secrets.token_hex(8)}"
    file = str(project / f"note-{number}.txt")
    kind = number % 6
    if kind == 0:
        given = {"file_path": file, "content": f"planted {number}"}
        return Act(id=id, tool="Write", given=given, file=file, written=True)
    if kind == 1:
        return Act(id=id, tool="Read", given={"file_path": file}, file=file)
    if kind == 2:
        host = f"h{number}.drill.invalid"
        command = f"curl -s https://{host}/status"
        return Act(id=id, tool="Bash", given={"command": command}, host=host)
    if kind == 3:
        key = f"variable DRILL_{number}_TOKEN"
        command = f'deploy --auth "$DRILL_{number}_TOKEN"'
        return Act(id=id, tool="Bash", given={"command": command}, key=key)
    if kind == 4:
        return Act(
            id=id, tool="Bash", given={"command": f"echo planted > {file}"}, file=file, written=True
        )
    command = f"cat {file} && grep -q absent {file}"
    return Act(id=id, tool="Bash", given={"command": command}, file=file, outcome="failed")


def told(planted: Planted, entry: Deployment, folder: Path) -> Iterator[Event]:
    """The session's events, as transcript and hooks tell them."""
    file = folder / f"{planted.session}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in _transcript(planted)))
    for reading in read([file]):
        yield from reading.events()
    for act in planted.acts:
        if act.hooked:
            yield from _hooked(planted, act, entry)


def _hooked(planted: Planted, act: Act, entry: Deployment) -> Iterator[Event]:
    base = {"session_id": planted.session, "cwd": str(planted.project), "tool_name": act.tool,
            "tool_use_id": act.id, "tool_input": act.given, "permission_mode": "default"}  # fmt: skip
    moment = planted.began + act.seconds * 1_000_000_000
    before = _event({**base, "hook_event_name": "PreToolUse"}, moment)
    outcome: Outcome = "deny" if act.denied else "allow"
    decided = decision_event(entry, before, Decision(outcome=outcome), None)
    yield before
    yield msgspec.structs.replace(decided, time=moment + 1_000_000)
    if act.answered and not act.denied and act.outcome == "ok":
        after = {**base, "hook_event_name": "PostToolUse", "tool_response": {"stdout": "done"}}
        yield _event(after, moment + 900_000_000)


def _event(body: dict[str, Any], moment: int) -> Event:
    event = agent.understand(json.dumps(body).encode(), "").event
    return msgspec.structs.replace(event, time=moment)


def _transcript(planted: Planted) -> Iterator[dict[str, Any]]:
    count = 0

    def line(role: str, content: Any, seconds: float, **more: Any) -> dict[str, Any]:
        nonlocal count
        count += 1
        moment = datetime.fromtimestamp(planted.began / 1e9 + seconds, UTC)
        return {
            "uuid": f"{planted.session}-{count}",
            "parentUuid": f"{planted.session}-{count - 1}" if count > 1 else None,
            "isSidechain": False, "userType": "external", "cwd": str(planted.project),
            "sessionId": planted.session, "version": "2.1.297", "type": role,
            "message": {"role": role, "content": content, **more},
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }  # fmt: skip

    yield line("user", "Carry out the drill.", 0)
    for number, act in enumerate(planted.acts):
        call = {"type": "tool_use", "id": act.id, "name": act.tool, "input": act.given}
        yield line(
            "assistant", [call], act.seconds, id=f"msg_{planted.session}_{number}", model=MODEL,
            type="message", usage={"input_tokens": 100, "output_tokens": 50},
        )  # fmt: skip
        if act.answered:
            failed = act.denied or act.outcome != "ok"
            result = {"type": "tool_result", "tool_use_id": act.id, "content": "done",
                      "is_error": failed}  # fmt: skip
            yield line("user", [result], act.seconds + 1)
