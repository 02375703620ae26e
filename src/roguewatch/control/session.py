"""What control remembers of the sessions, live or rebuilt from the ledger.

A session belongs to the deployment whose token named it first. Agents name their sessions
themselves, so another deployment that names it would act under the first one's history,
or put its own acts into it: it is booked apart, in a session of its own.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from roguewatch.control.breaker import Breaker, attempt
from roguewatch.control.ownership import owner_of
from roguewatch.control.situation import LEVEL_NUMBER
from roguewatch.detect.action import Action
from roguewatch.events import Event, event_id
from roguewatch.findings import Finding, finding_id
from roguewatch.printable import printable

MAX_FED = 256
"""Events of a session whose findings are kept, for the one that comes a second time."""

MAX_SESSIONS = 1024

MAX_MISSED = 10_000
"""Sessions that may wait to be looked at again."""

STEP_SECONDS = 0.002
"""How long a session is rebuilt at a time for what nobody waits for: decisions go first."""

APART = "apart:"
"""Sessions of this prefix are named by control alone."""

UNNAMED = "unknown"
"""The session of calls that name none; it is nobody's."""


class Detection(Protocol):
    """What looks at every event, and can be rebuilt from the ledger."""

    generation: int
    """Rises when the rules were exchanged and nothing is remembered any more."""

    def action(self, event: Event, *, again: bool = False) -> Action:
        """The event's derived view, for `feed`; `again`: it was fed before."""

    def feed(self, action: Action) -> list[Finding]:
        """Every finding that this event meets, also those given before."""

    def rebuild(self, session: str) -> Iterator[tuple[Action, list[Finding]]]:
        """Feed the session's past from the ledger, each event with its findings."""

    def forget(self, session: str) -> list[Finding]:
        """Drop what is kept of the session; findings that only its end can tell."""


def asks_permission(event: Event) -> bool:
    """Whether an agent asks its user to permit a call (or the user's answer to that)."""
    return event.kind == "approval" and bool(event.tool)


def asked_about(
    event: Event, look: Callable[[Action], list[Finding]], forget: Callable[[str], object]
) -> tuple[Action, list[Finding]]:
    """The call that a permission is asked for, as if it were made now. It is looked at apart from
    its session, which sees it when it is made, and what is found is for this decision alone."""
    call = msgspec.structs.replace(event, kind="tool_call", session=f"asked about: {event.session}")
    try:
        found = look(Action(call))
    finally:
        forget(call.session)
    return (
        Action(msgspec.structs.replace(event, kind="tool_call")),
        [msgspec.structs.replace(one, session=event.session) for one in found
         if one.session == call.session],
    )  # fmt: skip


class SessionMemory:
    """What policies ask of the session, and what was fed of it already."""

    __slots__ = (
        "behaviours", "blocked", "fed", "generation", "heard", "human", "late", "level", "owner",
    )  # fmt: skip

    def __init__(self, generation: int) -> None:
        self.generation = generation
        """Of the detection that its events were fed to."""
        self.heard = 0
        """Of the events that were overheard, those up to this number are in what it was
        rebuilt from."""
        self.late = False
        """It is rebuilt to find what was missed: findings on the way are told."""
        self.owner = ""
        """The deployment that named it first."""
        self.behaviours: set[str] = set()
        self.level = 0
        self.human: dict[str, int] = {}
        """When a person last spoke to each deployment, ns UTC."""
        self.blocked: set[str] = set()
        """Deployments whose part in this session is over."""
        self.fed: dict[str, Sequence[Finding]] = {}
        """Findings by event id, of the latest events."""

    def follow(self, event: Event, findings: list[Finding]) -> None:
        """Note an event that the detectors have seen."""
        self.fed[event.id] = findings or ()
        if len(self.fed) > MAX_FED:
            del self.fed[next(iter(self.fed))]
        for finding in findings:
            if finding.session == event.session:
                self.behaviours.add(finding.behaviour)
                self.level = max(self.level, LEVEL_NUMBER[finding.level])

    def spoke(self, deployment: str, event: Event) -> None:
        """Note that a person spoke, if this event says so."""
        if event.kind == "user_message" and event.author == "human":
            self.human[deployment] = event.time or time.time_ns()


class Sessions:
    """The sessions of one store. Only the deciding thread may call it, but for `owner`.

    Args:
        detection: the detectors; fed with every event that passes.
        guard: what the gate itself knows to be out of bounds.
        breaker: who tries too often.
        registered: whether a deployment still is in the register.
        found: is told of findings in what was missed at first.
    """

    def __init__(
        self,
        detection: Detection,
        guard: Callable[[Action], list[Finding]],
        breaker: Breaker,
        registered: Callable[[str], bool] = lambda name: True,
        found: Callable[[Sequence[Finding]], None] = lambda findings: None,
    ) -> None:
        self._detection = detection
        self._guard = guard
        self._breaker = breaker
        self._registered = registered
        self._found = found
        self._kept: OrderedDict[str, SessionMemory] = OrderedDict()
        self._rebuilding: dict[str, tuple[SessionMemory, Iterator[None]]] = {}
        self.heard = 0
        """Events that were overheard so far, each durable before it counts."""
        self._missed: OrderedDict[str, None] = OrderedDict()
        """Sessions of which durable events were not looked at."""
        self._late = ""
        """The one of them that is being looked at."""

    def owner(self, name: str) -> str:
        """Whose a session is; empty where it is not in memory."""
        memory = self._kept.get(name)
        return memory.owner if memory is not None else ""

    def foreign(self, deployment: str, name: str) -> str:
        """The deployment that the session belongs to, if it is another one that still is in
        the register; a session that nobody named before belongs to the asking one from now
        on. Control's own names are nobody's to give."""
        if name.startswith(APART):
            return "the gate"
        if name == UNNAMED:
            return ""
        memory = self._memory(name)
        if not memory.owner:
            memory.owner = deployment
        elif memory.owner != deployment and self._registered(memory.owner):
            return memory.owner
        return ""

    def look(self, deployment: str, event: Event) -> tuple[Action, list[Finding]]:
        """Feed the detectors, once an event, and keep what policies ask of the session."""
        memory = self._memory(event.session)
        memory.spoke(deployment, event)
        known = memory.fed.get(event.id)
        if known is not None:  # a retry, or a past that was just rebuilt
            return self._detection.action(event, again=True), list(known)
        action = self._detection.action(event)
        findings = self._detection.feed(action) + self._guard(action)
        memory.follow(event, findings)
        if event.kind == "session_end":
            findings = findings + self._detection.forget(event.session)
            del self._kept[event.session]
        return action, findings

    def asked_about(self, action: Action, findings: list[Finding]) -> tuple[Action, list[Finding]]:
        """The call that a permission is asked for, with what is to be said of it. Anything else
        is what it was."""
        if not asks_permission(action.event):
            return action, findings
        call, found = asked_about(action.event, self._looked_at_apart, self._detection.forget)
        return call, findings + found

    def _looked_at_apart(self, action: Action) -> list[Finding]:
        return self._detection.feed(action) + self._guard(action)

    def known(self, name: str) -> SessionMemory:
        """The memory that the event at hand went into, whatever happens to it meanwhile."""
        return self._kept.get(name) or self._memory(name)

    def unlearn(self, events: Sequence[Event]) -> None:
        """Detection saw what the ledger does not have: let both begin from the ledger."""
        for event in events:
            memory = self._kept.get(event.session)
            if memory is not None:
                memory.generation = -1
            if event.session in self._rebuilding:
                self._rebuilding[event.session][0].generation = -1

    def overhear(self, deployment: str, event: Event, number: int) -> list[Finding] | None:
        """Look at an event that is durable already, the `number`th that was overheard, unless
        its session was rebuilt with it. None: the session is still being rebuilt; ask again.
        """
        if self._current(event.session) is None:
            _, steps = self._begun(event.session)
            until = time.monotonic() + STEP_SECONDS
            for _ in steps:
                if time.monotonic() >= until:
                    return None
        if number <= self._memory(event.session).heard:
            return []
        return self.look(deployment, event)[1]

    def missed(self, name: str = "") -> bool:
        """Whether a session, or any, is to be looked at again. In any thread."""
        return name in self._missed if name else bool(self._missed or self._late)

    def miss(self, name: str) -> bool:
        """Note that a durable event of a session was not looked at. In any thread. False: too
        many sessions are noted already."""
        if name not in self._missed and len(self._missed) >= MAX_MISSED:
            return False
        self._missed[name] = None
        return True

    def catch_up(self) -> bool:
        """Go on looking, from the ledger and a little at a time, at a session of which
        something was missed. In ledger order, so that live and replay find the same. Whether
        this one needs more time."""
        if not self._late:
            if not self._missed:
                return False
            # From here on whatever else comes of it is overheard again.
            self._late, _ = self._missed.popitem(last=False)
            if (memory := self._kept.get(self._late)) is not None:
                memory.generation = -1
            self._rebuilding.pop(self._late, None)
            self._begun(self._late)[0].late = True
        if self._current(self._late) is None:  # else a decision was faster
            memory, steps = self._begun(self._late)
            memory.late = True
            until = time.monotonic() + STEP_SECONDS
            for _ in steps:
                if time.monotonic() >= until:
                    return True
        self._late = ""
        return False

    def give_up(self) -> None:
        """The session that is being looked at again cannot be: its next action begins anew."""
        self._rebuilding.pop(self._late, None)
        self._late = ""

    def _current(self, name: str) -> SessionMemory | None:
        memory = self._kept.get(name)
        if memory is None or memory.generation != self._detection.generation:
            return None
        self._kept.move_to_end(name)
        return memory

    def _memory(self, name: str) -> SessionMemory:
        """The session's memory, rebuilt from the ledger where it is not in ours."""
        memory = self._current(name)
        if memory is None:
            memory, steps = self._begun(name)
            for _ in steps:
                pass
        return memory

    def _begun(self, name: str) -> tuple[SessionMemory, Iterator[None]]:
        """A session that is being rebuilt, and what goes on with it, an event at a time."""
        begun = self._rebuilding.get(name)
        if begun is None or begun[0].generation != self._detection.generation:
            memory = SessionMemory(self._detection.generation)
            memory.heard = self.heard
            begun = self._rebuilding[name] = (memory, self._rebuilt(name, memory))
        return begun

    def _rebuilt(self, name: str, memory: SessionMemory) -> Iterator[None]:
        acts: OrderedDict[str, Action] = OrderedDict()
        counted = name in self._kept
        """What was denied in it, the breaker knows already."""
        try:
            for action, findings in self._detection.rebuild(name):
                past = action.event
                if not memory.owner and (owner := owner_of(past)):
                    memory.owner = owner.deployment
                if past.kind == "decision":
                    self._recall(memory, past, acts, counted)
                else:
                    findings = findings + self._guard(action)
                    if memory.late and findings:
                        self._found(findings)
                    memory.follow(past, findings)
                    acts[past.id] = action
                    if len(acts) > MAX_FED:
                        acts.popitem(last=False)
                yield
        finally:
            if name in self._rebuilding and self._rebuilding[name][0] is memory:
                del self._rebuilding[name]
        self._kept[name] = memory
        self._kept.move_to_end(name)
        if len(self._kept) > MAX_SESSIONS:
            oldest, _ = self._kept.popitem(last=False)
            self._detection.forget(oldest)

    def _recall(
        self, memory: SessionMemory, past: Event, acts: Mapping[str, Action], counted: bool
    ) -> None:
        """Take a decision of the past into account: presence, denials unless `counted`, a
        broken circuit."""
        detail = past.parsed_detail()
        deployment = str(detail.get("deployment", ""))
        action = acts.get(str(detail.get("action")))
        if action is not None:
            memory.spoke(deployment, action.event)
            action, findings = self.asked_about(action, list(memory.fed.get(action.event.id, ())))
            denied = past.text in ("deny", "stop") and not counted
            if denied and detail.get("ground") in ("policy", "default"):
                self._breaker.denied(deployment, past.session, attempt(action, findings))
        if detail.get("ground") == "breaker":
            memory.blocked.add(deployment)


def apart(deployment: str, event: Event) -> Event:
    """The event, booked in a session of its deployment's own. Its id is its own as well, so
    that it cannot pass for a repetition of what the session's owner did."""
    session = APART + event_id("apart", deployment, event.session)
    return msgspec.structs.replace(
        event, id=event_id("apart", deployment, event.id), session=session
    )


def named_anothers(deployment: str, owner: str, event: Event, named: str) -> Finding:
    """The finding that a deployment named a session of another one (D2).

    Args:
        deployment: whose token it came with.
        owner: whose session it is.
        event: as it is booked.
        named: the session that it named.
    """
    return Finding(
        id=finding_id("gate-session", event.session, named),
        session=event.session,
        behaviour="D2",
        title="Names a session of another deployment",
        level="high",
        detector="gate-session",
        detector_version="1",
        events=(event.id,),
        time=event.time,
        agent=event.agent,
        surface=event.surface,
        rationale=printable(
            f"{deployment} acts with its own token in session {named} of {owner}: its acts would "
            "stand in that one's history, and be taken for that one's sign of life.", 500,
        ),
        falsifier="One agent was registered twice and its session went on under the second name.",
        excerpt=printable(named, 240),
        maturity="stable",
    )  # fmt: skip
