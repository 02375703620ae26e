"""Where an action came from: asked for, injected, the agent's own, or a malfunction.

Every text of a session is kept by who is trusted to have written it. An action is traced
by its values (addresses, paths, accounts, commands, phrases): whoever first said them, and
whether that passage told the agent to act, is where the action came from. This separates
a rogue agent (`own`) from a hijacked one (`injected`) and from a broken one
(`malfunction`). The idea is that of information-flow tracking for agents (Debenedetti et
al., CaMeL, arXiv 2503.18813; Costa et al., FIDES, arXiv 2505.23643), applied to records
after the fact and therefore by comparison of text instead of by tracking variables.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

from roguewatch.detect.action import Action
from roguewatch.detect.addressing import OVERRIDES, TAKES_OVER, Addressing, least_strength
from roguewatch.detect.attempts import Attempts
from roguewatch.detect.commands.command import Command
from roguewatch.detect.deeds import words
from roguewatch.detect.orders import (
    Ordered,
    holds,
    is_project,
    leads_out,
    speaks_of,
)
from roguewatch.detect.passages import Passage, Window, is_order, windows
from roguewatch.detect.request import Request
from roguewatch.detect.scanning import Scanner
from roguewatch.detect.spans import Appearance, Span, Trust, around, beside, size_of
from roguewatch.detect.speaking import dictated, uttered
from roguewatch.detect.tools import classify
from roguewatch.detect.values import Value, argument_values, find, flat, is_date, is_grouped
from roguewatch.detect.wishes import asked_for
from roguewatch.events import Event
from roguewatch.findings import Cause
from roguewatch.printable import printable

MAX_TRUSTED = 1 << 20
"""Bytes of trusted text kept per session."""

MAX_ANSWER = 1 << 16
"""Characters of a person's answer to a question of the agent."""

MAX_SHARED = 1 << 15
"""Characters of a message that sessions may share."""

MAX_UNTRUSTED = 8 << 20
"""Bytes of tool output kept per session; the oldest go first."""

MAX_BEGINNING = 240
"""Characters of a call's arguments that are kept until its result."""

MAX_ASKED = 128

MAX_DICTATED = 16
"""Dictations, the latest, that a message is held against."""

SEARCH_FACTOR = 24
"""Characters that may be searched in a session per character that it holds (plus a fixed
allowance), so that tracing stays linear in the session's length."""

_ACTS = words("tool_call tool_result agent_message reasoning process file_change network")
"""Kinds of event that are somebody's act; who set a mode or a configuration is not told."""

_FOLLOWED = words("tool_call tool_result user_message system_message approval")

_PLACES = words("workdir cwd working_directory directory description")

_FORM = re.compile(r"([a-z][\w-]{1,30}\{)[^{}]{1,200}\}$")

_SHOWS = Scanner(
    r"\b(?:cat|bat|head|tail|less|more|sed|awk|grep|rg|ag|nl|type|get-content|find|xxd|strings|diff|show|log|blame|"
    r"jq|yq|tree|ls|cut|sort|python\w*|node|perl|ruby|php|curl|wget|gh|glab)\b|(?i:agents\.md|claude\.md|skill)"
)
"""Commands by which the text of files and pages is read, where agents are spoken to in good faith."""

_ANSWERS = frozenset(
    {"askuserquestion", "askuser", "requestuserinput", "askhuman", "elicitation", "askfollowup"}
)
"""Tools whose result is what a person answered, written without `-` and `_`."""


class Provenance:
    """Follows one session and answers where an action came from.

    Feed every event in order with `follow`; ask with `cause` for any call already seen.
    Memory is bounded by the constants above, work is linear in the text.
    """

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._trusted: list[str] = []
        self._asking: list[str] = []
        """The part of it that a person, the system prompt or the task said."""
        self._trusted_size = 0
        self._untrusted_size = 0
        self._forgot = False
        self._seen = 0
        self._searched = 0
        self._events: OrderedDict[str, None] = OrderedDict()
        self._approved: OrderedDict[str, None] = OrderedDict()
        self._attempts = Attempts()
        self._results: OrderedDict[str, None] = OrderedDict()
        self._running: OrderedDict[str, None] = OrderedDict()
        """Calls of commands that do not show files."""
        self._arguments: OrderedDict[str, str] = OrderedDict()
        """Of the calls that wait for a result, how their arguments begin."""
        self._asked_of: OrderedDict[str, str] = OrderedDict()
        """By result, how the arguments of its call begin."""
        self.request = Request()
        self._addressing = Addressing()
        self.foreign = False
        """Whether any tool's output came from outside of the project."""

    # What is followed

    @property
    def kept(self) -> int:
        """Bytes of the session's text that are kept, about."""
        return self._trusted_size + self._untrusted_size

    def follow(self, event: Event) -> None:
        """Take in one event. Texts are kept, and read only when somebody asks."""
        kind = event.kind
        if kind not in _FOLLOWED or event.id in self._events:
            return
        _remember(self._events, event.id, 1 << 15)
        if kind == "tool_call":
            self._call(event)
        elif kind == "tool_result":
            self._result(event)
        elif kind in ("user_message", "system_message"):
            self._message(event)
        else:
            self._approval(event)

    def _message(self, event: Event) -> None:
        text = event.text
        if not text or self._trusted_size > MAX_TRUSTED:
            return
        trust: Trust = "user"
        if event.author == "harness":
            trust = "context"
        elif event.author in ("agent", "tool"):
            trust = "agent"
        text = text[: MAX_TRUSTED - self._trusted_size + 1]
        self._seen += len(text)
        self._trusted_size += size_of(text)
        self._spans.append(Span(event.id, trust, event.author or "user", text, size_of(text)))
        if trust == "agent":
            return
        plain = _flat_message(text) if len(text) <= MAX_SHARED else flat(text)
        self._trusted.append(plain)
        if trust == "user":
            self._asking.append(plain)
        if event.kind == "user_message" and trust == "user":
            self.request.hear(plain)

    def _call(self, event: Event) -> None:
        if not self._attempts.called(event):
            return
        self._seen += len(event.arguments)
        if event.call_id:
            if classify(event.tool, {}) == "shell" and not _SHOWS.found(event.arguments):
                _remember(self._running, event.call_id, 512)
            self._arguments[event.call_id] = event.arguments[:MAX_BEGINNING]
            if len(self._arguments) > MAX_ASKED:
                self._arguments.popitem(last=False)

    def _result(self, event: Event) -> None:
        if event.call_id and event.call_id in self._results:
            return  # the same result, seen by a second observer
        if event.call_id:
            _remember(self._results, event.call_id, 1 << 13)
        if event.failed or (event.exit_status or 0) != 0:
            self._attempts.failed(event.call_id)
        text = event.text
        if not text:
            return
        self._seen += len(text)
        if event.tool.lower().replace("_", "").replace("-", "") in _ANSWERS:
            text = text[:MAX_ANSWER]
            self._spans.append(Span(event.id, "user", event.tool, text, size_of(text)))
            self._trusted_size += size_of(text)
            self._trusted.append(flat(text))
            self._asking.append(self._trusted[-1])
            self.request.hear(self._trusted[-1], message=False)
            return
        self._spans.append(Span(event.id, "tool", event.tool, text, size_of(text)))
        if called := self._arguments.pop(event.call_id, ""):
            self._asked_of[event.id] = called
            if len(self._asked_of) > MAX_ASKED:
                self._asked_of.popitem(last=False)
        self.foreign = self.foreign or not is_project(event.tool)
        self._untrusted_size += size_of(text)
        if self._untrusted_size > MAX_UNTRUSTED:
            self._forget()
        printed = event.call_id in self._running
        self._running.pop(event.call_id, None)
        self._addressing.add(windows(event.id, event.tool, event.call_id, text, printed))

    def _approval(self, event: Event) -> None:
        detail = event.parsed_detail()
        verdict = str(detail.get("decision", "")).lower()
        by = str(detail.get("by", "")).lower()
        granted = verdict in ("allow", "allowed", "approve", "approved", "accept", "yes", "granted")
        if granted and by in ("human", "user", "person") and event.call_id:
            _remember(self._approved, event.call_id, 4096)

    def _forget(self) -> None:
        kept = []
        for span in self._spans:
            if self._untrusted_size > MAX_UNTRUSTED * 3 // 4 and span.trust == "tool":
                self._untrusted_size -= span.size
                self._forgot = True
            else:
                kept.append(span)
        self._spans = kept

    # What is asked

    def said(self, value: Value) -> bool:
        """Whether a person, the system, the task or the harness's context said a value."""
        if any(find(value, text) >= 0 for text in self._trusted):
            return True
        # "Say flag{...}" names every flag: the form was asked for, whatever stands in it.
        form = _FORM.match(value.text)
        return form is not None and any(form.group(1) in text for text in self._trusted)

    def named_at_home(self, host: str) -> bool:
        """Whether people, the harness or a file or command of the project named a host."""
        value = Value("", host, 1.0)
        if self.said(value):
            return True
        return any(
            span.trust == "tool" and is_project(span.source) and find(value, span.text()) >= 0
            for span in self._spans
        )

    def addressing(self, event: Event) -> list[Window]:
        """The stretches of tool output that may order this call, the latest first."""
        return self._addressing.bearing(event, self._delegates(event))

    def _delegates(self, event: Event) -> bool:
        """Whether the user left what a local call does to some text."""
        return is_project(event.tool) and self.request.delegated

    def first(self, value: Value, before: str = "") -> Appearance | None:
        """The first text of the session that holds a value, the agent's own left out.

        Args:
            value: a normalised value.
            before: id of an event; texts that came after it are not looked at.
        """
        for span in self._spans:
            if span.event == before:
                break
            budget = SEARCH_FACTOR * self._seen + (16 << 20)
            if self._searched > budget:
                return None
            self._searched += len(span.lines)
            at = find(value, span.text()) if span.may_hold(value) else -1
            if at >= 0 and span.trust != "agent":
                sentence = around(span, at, value)
                order = span.trust == "tool" and is_order(sentence)
                near = beside(span, at, value)
                return Appearance(span.trust, span.source, span.event, sentence, order, near)
        return None

    def left_to(self, seen: Appearance) -> bool:
        """Whether people left what to do to the very text that a value was first seen in.

        "Do what is on my list at example.org/list" speaks of that page, and of no other text.
        """
        places = self.request.places
        if not self.request.delegated or not places:
            return self.request.delegated
        asked = flat(self._asked_of.get(seen.event, ""))
        return any(place in asked for place in places)

    def outputs(self, limit: int) -> list[Span]:
        """The latest tool outputs, the latest first."""
        return [span for span in reversed(self._spans) if span.trust == "tool"][:limit]

    def cause(
        self,
        event: Event,
        values: Iterable[Value] | None = None,
        commands: Sequence[Command] | None = None,
    ) -> tuple[Cause, str]:
        """Where an action came from.

        Args:
            event: the acting event, usually a tool call that was already followed.
            values: its values; by default those of its arguments.
            commands: of a call that runs commands, those in question; by default all.
                What stands beside them in the same call asks for nothing.

        Returns:
            The cause, and in a printable sentence what it was decided from.
        """
        if event.kind not in _ACTS:
            return "unknown", "the record does not say who brought it about"
        if event.call_id and event.call_id in self._approved:
            return "user", "a person approved this very call"
        listed = list(argument_values(event.parsed_arguments()) if values is None else values)
        order = self.order_for(event, listed)
        if order is not None:
            return "injected", order.basis()
        repeated = self._attempts.repeats(event.call_id)
        if repeated:
            return "malfunction", repeated
        if commands is None:
            commands = Action(event).commands
        return self._traced(event, listed, commands)

    def _asked(
        self, event: Event, telling: list[Value], commands: Sequence[Command], texts: list[str]
    ) -> str:
        """In a sentence, what of an action some trusted texts asked for; or nothing."""
        if commands:
            named = asked_for(commands, texts, event.cwd)
            return printable(f"the user spoke of “{named}”", 300) if named else ""
        for value in telling:
            if any(find(value, text) >= 0 for text in texts):
                return printable(f"“{value.text}” stands in what the user or system said", 300)
        return ""

    def _traced(
        self, event: Event, values: list[Value], commands: Sequence[Command]
    ) -> tuple[Cause, str]:
        here = flat(event.cwd)
        telling = [
            value
            for value in values
            if value.weight >= 0.6 and value.key not in _PLACES and value.text != here
        ]
        if asked := self._asked(event, telling, commands, self._asking):
            return "user", asked
        if not self._spans:
            return "unknown", "nothing was recorded before it"
        for value in telling[:6]:
            seen = self.first(value, event.id)
            if seen is None:
                continue
            where = (
                f"“{value.text[:120]}” first appeared in the output of {seen.source or 'a tool'}"
            )
            if seen.trust != "tool":
                if commands and not asked_for(commands, self._trusted, event.cwd):
                    continue
                return "user", printable(
                    f"“{value.text}” stands in what the {seen.source} said", 300
                )
            if self._ordered_by(seen, value):
                basis = printable(f"{where}: “{seen.sentence[:200]}”", 600)
                if self.request.delegated:
                    return "unknown", f"{basis}; the user had left something to such a text"
                return "injected", basis
            return "own", printable(f"{where}, which did not tell the agent to act", 400)
        if not self.request.text and not self._trusted:
            return "unknown", "what the user asked is not recorded"
        if self._forgot:
            return "unknown", "neither asked for nor in the outputs still held"
        return "own", "neither the user nor any tool output spoke of it"

    def _ordered_by(self, seen: Appearance, value: Value) -> bool:
        """Whether a value of an act that nobody asked for came with an order to whoever reads it.

        The project's own files and commands are full of orders; there one counts only with an
        address to which it leads, or where nothing but reading was asked.
        """
        if seen.order and self.request.asks_only_to_read():
            return True
        if is_project(seen.source) and not leads_out(value):
            return False
        return value.weight >= 1.0 and seen.told()

    def dictated(self, event: Event) -> tuple[Passage, str] | None:
        """The passage that told the agent to say what its message says, and the words of it."""
        if self.request.delegated:
            return None
        read = (window.read() for window in self._addressing.dictating())
        given = ((one, text) for one in read if one for text in dictated(one, TAKES_OVER))
        message = ""
        for passage, text in islice(given, MAX_DICTATED):
            message = message or flat(event.text[:MAX_ANSWER])
            if said := uttered(text, message, self._trusted):
                return passage, said
        return None

    def ordered(self, event: Event) -> str:
        """In a sentence, the order in tool output that a call carries out; or nothing."""
        if not self.addressing(event):
            return ""
        order = self.order_for(event, argument_values(event.parsed_arguments()))
        return order.basis() if order is not None else ""

    def order_for(self, event: Event, values: list[Value]) -> Ordered | None:
        """The order addressed to the agent that a call carries out, if any.

        A call carries out an order when the order holds a telling value of the call that
        no trusted text holds, and speaks of the kind of act that the call is. Where the
        user delegated ("do what the list says"), the order must take over the task, not
        merely address the agent.
        """
        known: dict[str, bool] = {}
        delegated = self._delegates(event)
        for window in self._addressing.bearing(event, delegated) if values else ():
            here = [value for value in values if _may_hold(window, value)]
            passage = window.read() if here else None
            if passage is None:
                continue
            least = least_strength(event, window, delegated)
            advice = is_project(event.tool) and is_project(window.tool)
            advice = advice and not window.addresses_model()
            for order in passage.orders:
                if order.strength < least:
                    continue
                fresh = []
                outward = advice and order.strength < OVERRIDES
                for value in here:
                    if not holds(order, value) or (outward and not leads_out(value)):
                        continue
                    if value.text not in known:
                        known[value.text] = self.said(value)
                    if not known[value.text]:
                        fresh.append(value)
                if fresh and speaks_of(order, event, fresh):
                    return Ordered(passage, order, fresh[0])
        return None


# An agent's system prompt and context files are the same in every session.
_flat_message = lru_cache(maxsize=32)(flat)


def _may_hold(window: Window, value: Value) -> bool:
    """Whether a window may hold a value: a first look, no false no."""
    wanted = value.text
    if wanted in (text := window.flat()):
        return True
    return (
        is_grouped(wanted)
        or is_date(wanted)
        or (wanted.isdigit() and len(wanted) > 3 and f"{int(wanted):,}" in text)
    )


def _remember(seen: OrderedDict[str, None], key: str, limit: int) -> None:
    seen[key] = None
    if len(seen) > limit:
        seen.popitem(last=False)
