"""One line of a timeline, from all sightings of the same thing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from roguewatch.detect.action import Action
from roguewatch.events import Event
from roguewatch.gateway.coverage_join import join
from roguewatch.gateway.coverage_sightings import Seen, seen_of
from roguewatch.printable import printable

What = Literal["message", "call", "process", "network", "change", "decision", "session",
               "gap", "stop", "run", "finding"]  # fmt: skip

SHOWN = 400
"""Characters of a text that a line shows."""

_MESSAGES = ("user_message", "agent_message", "reasoning", "system_message")
_WHAT: dict[str, What] = {
    "process": "process", "network": "network", "file_change": "change",
    "config_change": "change", "permission_mode": "change", "session_start": "session",
    "session_end": "session", "subagent_start": "session", "compaction": "session",
    "gap": "gap", "approval": "decision", "decision": "decision",
}  # fmt: skip


class Moment(msgspec.Struct, kw_only=True):
    """One thing that happened. Text is printable; times are ns UTC."""

    time: int | None
    what: What
    session: str = ""
    agent: str = ""
    who: str = ""
    """Of a message: its author's role."""
    tool: str = ""
    call_id: str = ""
    text: str = ""
    outcome: str = ""
    """Of a call: ok, failed, no result; a decision's outcome where there is one."""
    decision: str = ""
    sightings: tuple[str, ...] = ()
    """Which kinds of observer saw it."""
    events: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def what_of(one: Moment) -> str:
    """What a moment is, and its tool, author or kind where that says more."""
    more = one.tool or one.who
    return one.what if more in ("", one.what) else f"{one.what} {more}"


class _Draft(msgspec.Struct, frozen=True, gc=False):
    """What is kept of an event until all are read."""

    id: str
    session: str
    seq: int
    kind: str
    time: int | None
    sighting: str
    agent: str
    tool: str
    call_id: str
    text: str
    digest: bytes
    failed: bool | None
    exit_status: int | None
    about: str
    """Of a decision: the event that it is about."""


class Moments:
    """Gathers events and tells them as moments."""

    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}
        self._seen: list[Seen] = []

    def see(self, event: Event, action: Action) -> None:
        """Take in one event; the same one again changes nothing."""
        if event.id in self._drafts or event.kind in ("usage", "other"):
            return
        self._drafts[event.id] = _draft(event, action)
        if seen := seen_of(event):
            self._seen.append(seen)

    def told(self) -> list[Moment]:
        """Everything in the order of time; what has none comes after what its session told
        before it."""
        clock = self._clock()
        decisions = {
            one.about: one for one in self._drafts.values() if one.kind == "decision" and one.about
        }
        moments: list[tuple[tuple[Any, ...], Moment]] = []
        used: set[str] = set()
        for ids in self._calls():
            group = [self._drafts[id] for id in ids]
            decided = [decisions[id] for id in ids if id in decisions]
            used.update(ids, (one.id for one in decided))
            moments.append((clock[group[0].id], _call(group, decided)))
        for group in self._messages():
            used.update(one.id for one in group)
            moments.append((clock[group[0].id], _message(group)))
        for draft in self._drafts.values():
            if draft.id not in used:
                moments.append((clock[draft.id], _other(draft)))
        moments.sort(key=lambda pair: pair[0])
        return [moment for _, moment in moments]

    def _calls(self) -> Iterable[list[str]]:
        """Event ids of each call with its results, the earliest first."""
        for joined in join(self._seen):
            ids = [one.event for account in joined.accounts.values() for one in account.all]
            drafts = [self._drafts[id] for id in ids]
            drafts.sort(key=lambda one: (one.kind != "tool_call", _when(one)))
            yield [one.id for one in drafts]

    def _messages(self) -> Iterable[list[_Draft]]:
        """A message that several observers saw is one: same author, same words, and the same
        time that the observer saw them said."""
        count: Counter[Hashable] = Counter()
        groups: defaultdict[Hashable, list[_Draft]] = defaultdict(list)
        for draft in self._drafts.values():
            if draft.kind in _MESSAGES:
                key = (draft.kind, draft.agent, draft.digest)
                count[draft.sighting, key] += 1
                groups[key, count[draft.sighting, key]].append(draft)
        for group in groups.values():
            yield sorted(group, key=_when)

    def _clock(self) -> dict[str, tuple[int, str, int]]:
        """When each event is told: its time, or that of what its session told before it."""
        last: dict[str, int] = {}
        told = {}
        for draft in sorted(self._drafts.values(), key=lambda one: (one.session, one.seq)):
            time = draft.time if draft.time is not None else last.get(draft.session, 0)
            last[draft.session] = time
            told[draft.id] = (time, draft.session, draft.seq)
        return told


def _draft(event: Event, action: Action) -> _Draft:
    if event.kind == "tool_call":
        commands = "; ".join(command.text for command in action.commands)
        text = action.scripts[0][0] if action.scripts else event.arguments or commands
    elif event.kind == "gap":
        text = f"{event.parsed_detail().get('code', '')} {event.text}"
    else:
        text = event.text or event.permission_mode or event.detail
    body = " ".join(event.text.split())
    about = str(event.parsed_detail().get("action") or "") if event.kind == "decision" else ""
    return _Draft(
        id=event.id, session=event.session, seq=event.seq, kind=event.kind, time=event.time,
        sighting=event.sighting, agent=event.agent, tool=event.tool, call_id=event.call_id,
        text=printable(text, SHOWN),
        digest=blake2b(body.encode("utf-8", "replace"), digest_size=12).digest(),
        failed=event.failed, exit_status=event.exit_status, about=about,
    )  # fmt: skip


def _call(group: list[_Draft], decided: list[_Draft]) -> Moment:
    calls = [one for one in group if one.kind == "tool_call"]
    results = [one for one in group if one.kind == "tool_result"]
    first = (calls or group)[0]
    return Moment(
        time=min((one.time for one in group if one.time is not None), default=None),
        what="call",
        session=printable(first.session, 200),
        agent=printable(first.agent, 100),
        tool=printable(next((one.tool for one in group if one.tool), ""), 200),
        call_id=printable(first.call_id, 200),
        text=max((one.text for one in calls), key=len, default="(its call is not in the record)"),
        outcome=_outcome(results),
        decision=decided[-1].text if decided else "",
        sightings=tuple(sorted({one.sighting for one in group})),
        events=tuple(one.id for one in (*group, *decided)),
    )


def _outcome(results: list[_Draft]) -> str:
    if not results:
        return "no result"
    statuses = [one.exit_status for one in results if one.exit_status is not None]
    if any(statuses):
        return f"exit {max(statuses)}"
    return "failed" if any(one.failed for one in results) else "ok"


def _message(group: list[_Draft]) -> Moment:
    first = group[0]
    return Moment(
        time=first.time,
        what="message",
        session=printable(first.session, 200),
        agent=printable(first.agent, 100),
        who=first.kind.removesuffix("_message"),
        text=first.text,
        sightings=tuple(sorted({one.sighting for one in group})),
        events=tuple(one.id for one in group),
    )


def _other(draft: _Draft) -> Moment:
    return Moment(
        time=draft.time,
        what=_WHAT.get(draft.kind, "call"),
        session=printable(draft.session, 200),
        agent=printable(draft.agent, 100),
        who=draft.kind,
        tool=printable(draft.tool, 200),
        call_id=printable(draft.call_id, 200),
        text=draft.text,
        outcome="its call is not in the record" if draft.kind == "tool_result" else "",
        sightings=(draft.sighting,),
        events=(draft.id,),
    )


def _when(draft: _Draft) -> tuple[bool, int, int]:
    return draft.time is None, draft.time or 0, draft.seq
