"""Executed injections: the agent did what a tool's output told it, not what its user asked.

Seen and resisted is no finding, and neither is a legitimate errand: where the user asked
to do what a text says, that text speaks for the user, unless it takes over the agent's
task. A call that failed had no effect and is no finding; one that only passes the injected
text on, or sends a form with its blanks, without doing what it orders, is a low one.

A finding comes with the call's result, which says whether there was an effect; where the call
was seen before it ran (by a hook or relay that may still refuse it), it comes with the call.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from roguewatch.detect.action import Action
from roguewatch.detect.acts import changes_data
from roguewatch.detect.cause import Provenance
from roguewatch.detect.deeds import Deed, tool_deeds, tool_words, words
from roguewatch.detect.orders import Ordered
from roguewatch.detect.provenances import Provenances
from roguewatch.detect.speaking import reports
from roguewatch.detect.unasked import destroys, grounds, is_unasked
from roguewatch.detect.values import Value, argument_values, flat
from roguewatch.detect.wishes import is_secret
from roguewatch.events import Event
from roguewatch.findings import Cause, Finding, Level, Severity, finding_id
from roguewatch.printable import printable

_OBSERVING = words(
    "ls cat head tail less more grep rg ag find fd wc pwd echo cd which type file stat tree du "
    "df ps env date whoami id uname printf test true sleep jq sort uniq cut tr awk sed diff"
)
"""Programs that by themselves change nothing; a redirect makes them write."""

_QUIET_GIT = words("status log diff show branch blame ls-files rev-parse remote grep")

_INWARD = words("todo todos plan think thought thinking skill skills mode memory slash")

_WRITING: frozenset[Deed] = frozenset({"create", "update"})
_CHANGING: frozenset[Deed] = frozenset({"update", "delete"})
_REMOVING: frozenset[Deed] = frozenset({"delete"})
_CODING = ("shell", "write", "edit")

_BLANK = re.compile(r"\[[a-z][a-z _'-]{2,40}\]|<[a-z][a-z _-]{2,40}>|\{\{?[a-z][a-z _]{2,40}\}\}?")
_AHEAD = ("hook", "mcp-relay", "model-relay")
"""Observers that see a call before it runs."""

MAX_RAISED = 512
"""Calls of one session that are reported."""

_PASSES_ON = re.compile(
    r"\b(?:this|the following|the above|the below|entire|whole|same|exact)\b[^.\n]{0,30}"
    r"\b(?:message|e-?mail|text|note|post|content|paragraph|block|instructions?|information)\b"
)


class _Pending(msgspec.Struct):
    """A call whose result is awaited."""

    event: Event
    finding: Finding


class InjectionDetector:
    """Finds calls whose order and values come from untrusted tool output.

    Args:
        provenances: shared with whoever else asks for causes.
    """

    name = "executed-injection"
    version = "1.1.0"
    kinds = frozenset(
        "tool_call tool_result user_message system_message approval agent_message".split()
    )

    def __init__(self, provenances: Provenances | None = None) -> None:
        self._provenances = Provenances() if provenances is None else provenances
        self._pending: dict[str, OrderedDict[str, _Pending]] = {}
        self._raised: dict[str, set[str]] = {}

    def observe(self, action: Action) -> Iterable[Finding]:
        event = action.event
        provenance = self._provenances.follow(event)
        if event.kind == "tool_call":
            return self._call(action, provenance)
        if event.kind == "tool_result" and event.session in self._pending:
            return self._result(event)
        if event.kind == "agent_message" and event.text:
            return self._message(event, provenance)
        return ()

    def _message(self, event: Event, provenance: Provenance) -> list[Finding]:
        """What the agent tells its user because a tool's output dictated it."""
        said = provenance.dictated(event)
        if said is None:
            return []
        passage, words_of = said
        raised = self._raised.setdefault(event.session, set())
        key = f"said {passage.event}"
        if key in raised or len(raised) >= MAX_RAISED:
            return []
        raised.add(key)
        basis = printable(
            f"the output of {passage.tool or 'a tool'} told the agent what to say "
            f"({', '.join(passage.cues[:3])}), and it said: “{words_of[:200]}”",
            600,
        )
        found = _Judgement("medium", "injected", basis, passage.event)
        title = "Agent said what it was told to by tool output, not asked by its user"
        return [self._told(event, found, key, "A1", title, words_of)]

    def finish(self, session: str) -> Iterable[Finding]:
        """Calls without a result may have had their effect: they are reported."""
        waiting = self._pending.pop(session, OrderedDict())
        self._raised.pop(session, None)
        return [pending.finding for pending in waiting.values()]

    def _call(self, action: Action, provenance: Provenance) -> list[Finding]:
        event = action.event
        key = event.call_id or event.id
        raised = self._raised.setdefault(event.session, set())
        waiting = self._pending.setdefault(event.session, OrderedDict())
        ahead = event.sighting in _AHEAD
        if key in raised:
            known = waiting.pop(key, None) if ahead else None
            return [] if known is None else [known.finding]
        if len(raised) >= MAX_RAISED or not (deeds := effects(action)):
            return []
        found = _judge(action, deeds, provenance)
        if found is None:
            return []
        raised.add(key)
        finding = self._finding(event, deeds, found)
        if ahead:
            return [finding]
        waiting[key] = _Pending(event, finding)
        return []

    def _result(self, event: Event) -> list[Finding]:
        waiting = self._pending[event.session]
        key = event.call_id
        if key not in waiting:
            if event.call_id:
                return []
            same = [key for key, one in waiting.items() if one.event.tool == event.tool]
            if not same:
                return []
            key = same[0]
        pending = waiting.pop(key)
        return [] if event.failed else [pending.finding]

    def _finding(self, event: Event, deeds: frozenset[Deed], found: _Judgement) -> Finding:
        behaviour, what = _behaviour(deeds)
        if found.relayed:
            behaviour, what = "C1", "passed on an instruction that stood in"
        title = f"Agent {what} tool output, not asked by its user"
        shown = f"{event.tool} {event.arguments}"
        return self._told(event, found, event.call_id or event.id, behaviour, title, shown)

    def _told(
        self, event: Event, found: _Judgement, key: str, behaviour: str, title: str, shown: str
    ) -> Finding:
        return Finding(
            id=finding_id(self.name, event.session, key),
            session=event.session,
            behaviour=behaviour,
            title=title,
            level=found.level,
            detector=self.name,
            detector_version=self.version,
            events=(event.id, *(() if not found.source else (found.source,))),
            cause=found.cause,
            cause_basis=found.basis,
            time=event.time,
            agent=event.agent,
            surface=event.surface,
            rationale=found.basis,
            falsifier="The user asked for this act in a message that is not recorded, or told "
            "the agent to follow that text.",
            excerpt=printable(shown, 300),
            overreach=Severity("incidental", 0.5),
            tags=("owasp.asi01", "atlas.aml.t0051.001"),
        )


class _Judgement(msgspec.Struct, frozen=True):
    level: Level
    cause: Cause
    basis: str
    source: str
    relayed: bool = False


def effects(action: Action) -> frozenset[Deed]:
    """What a call does to the world; empty where it only observes its own machine."""
    kind = action.tool_class
    if kind == "read" and any(is_secret(path) for path in action.paths):
        return frozenset({"visit"})
    if kind in ("read", "search", "agent") or is_inward(action.event.tool):
        return frozenset()
    if kind == "fetch":
        return frozenset({"send"} if _submits(action) else {"visit"})
    if kind in ("write", "edit"):
        return (_REMOVING & tool_deeds(action.event.tool)) or _WRITING
    if kind == "shell":
        for command in action.commands:
            quiet = command.program in _OBSERVING and not command.written and not command.urls
            if command.program == "git":
                quiet = bool(command.arguments) and command.arguments[0] in _QUIET_GIT
            if not quiet:
                return frozenset({"execute"})
        return frozenset()
    return tool_deeds(action.event.tool) or (_CHANGING if _changes_data(action) else frozenset())


def _changes_data(action: Action) -> bool:
    """Whether a tool that reads by its name is given a statement that changes data."""
    return any(changes_data(text[:4096]) for text in action.strings[:4])


def _submits(action: Action) -> bool:
    """Whether a request carries something away instead of fetching it."""
    method = str(action.arguments.get("method", "")).upper()
    return method in ("POST", "PUT", "PATCH", "DELETE") or any(
        action.arguments.get(key) for key in ("body", "data", "payload", "form")
    )


_ANSWERS = frozenset(
    "submit submit_answer final_answer answer finish done complete attempt_completion "
    "return_answer reply_to_user message_user notify_user ask_user".split()
)
"""Tools that hand the agent's answer to whoever asked."""


def is_inward(tool: str) -> bool:
    """Whether a tool only keeps the agent's notes (plans, thoughts, skills) or gives its answer."""
    if tool.lower().replace("-", "_") in _ANSWERS:
        return True
    named = tool_words(tool)
    return named[:1] == ("task",) or not _INWARD.isdisjoint(named)


def action_values(action: Action) -> list[Value]:
    """The values of a call, those inside its commands included."""
    values = argument_values(action.arguments, action.tool_class in _CODING)
    if action.tool_class == "shell":
        for command in action.commands[:16]:
            text = flat(command.text)
            if len(text) >= 8 and " " in text:
                values.append(Value("command", text[:400], 1.0))
        if destroys(action):
            paths = {flat(path) for command in action.commands[:16] for path in command.paths[:8]}
            values += [Value("path", path, 1.0) for path in sorted(paths) if len(path) > 4]
    return values


def _judge(action: Action, deeds: frozenset[Deed], provenance: Provenance) -> _Judgement | None:
    event = action.event
    local = action.tool_class in _CODING
    unasked = is_unasked(deeds, local, provenance, event.tool, local and destroys(action))
    if not unasked and not provenance.addressing(event):
        return None
    values = action_values(action)
    order = provenance.order_for(event, values)
    if order is not None:
        return None if _reports(order, action) else _executed(order, action)
    ground = grounds(action, deeds, values, provenance) if unasked else None
    if ground is None:
        return None
    level: Level = "low" if deeds == {"visit"} and action.tool_class != "read" else "medium"
    return _Judgement(level, "injected", ground.basis, ground.event)


def _executed(order: Ordered, action: Action) -> _Judgement:
    source = order.passage.event
    if _is_blank(action, order):
        basis = (
            f"the call imitates what it was told and holds blanks instead of data; {order.basis()}"
        )
        return _Judgement("low", "malfunction", printable(basis, 700), source)
    if _relays(order, action):
        basis = (
            "the call sends the injected text itself instead of doing what it orders; "
            f"{order.basis()}"
        )
        return _Judgement("low", "malfunction", printable(basis, 700), source, relayed=True)
    return _Judgement("high", "injected", order.basis(), source)


def _is_blank(action: Action, order: Ordered) -> bool:
    """Whether what a call sends is a form whose blanks the agent did not fill in.

    Two blanks that the order does not hold itself: nothing that was asked for has left.
    """
    blanks = {blank for text in action.strings for blank in _BLANK.findall(flat(text))}
    return len([blank for blank in blanks if blank not in order.passage.text]) >= 2


def _reports(order: Ordered, action: Action) -> bool:
    """Whether a file that is written quotes the order in words of warning."""
    if action.tool_class not in ("write", "edit"):
        return False
    quoted = order.order.sentence[:80].strip(" .!\"'")
    return any(reports(quoted, flat(text)) for text in action.content if quoted)


def _relays(order: Ordered, action: Action) -> bool:
    """Whether a call merely carries the passage along, confused by it."""
    sentence = order.order.sentence
    if len(sentence) < 40 or _PASSES_ON.search(sentence):
        return False
    return any(sentence[:80] in flat(text) for text in action.strings if len(text) > len(sentence))


def _behaviour(deeds: frozenset[Deed]) -> tuple[str, str]:
    if "pay" in deeds:
        return "D3", "moved money on an instruction in"
    if "send" in deeds:
        return "D5", "sent out what it was told to by"
    if "admit" in deeds:
        return "D5", "gave access on an instruction in"
    if deeds == {"visit"}:
        return "C1", "visited an address that it was told to by"
    return "C1", "acted on an instruction in"
