"""Add up one session while its events stream by: counts, stretches, approvals.

Nothing here keeps events; memory is bounded by the number of human messages and of
distinct names (capped) in one session.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from roguewatch.events import Event, Usage
from roguewatch.printable import printable
from roguewatch.state.summary import Impact, SessionSummary, Stretch

_DAY = 86_400_000_000_000
_HOUR = 3_600_000_000_000
SILENCE = 600_000_000_000
"""Ten minutes without agent activity are not counted as running (ns)."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_MAX_NAMES = 100
_MAX_PATHS = 20
_MAX_STRETCHES = 200
_MAX_SAMPLE = 5
_MAX_PENDING = 1000
_MAX_CALLS = 10_000
_ACTIVITY = frozenset(
    ("agent_message", "reasoning", "tool_call", "tool_result", "subagent_start", "compaction")
)
_REFUSALS = ("deny", "denied", "reject", "rejected", "block", "blocked", "refused", "abort")


TELLERS = ("transcript", "stream", "hook", "model-relay", "otel", "mcp-relay", "host", "provider")
"""Who tells what was done in a session that several saw, the fullest account first: what an
agent prints lacks its prompts and times, a hook is told of every prompt and call, relays of
what passes them."""


class Tally:
    """The running summary of one session.

    Args:
        session: its id.
        teller: the sighting (`Event.sighting`) that tells what was done, where several
            observers saw the session: the same call, prompt or result counts once. Events of
            others are counted as events and sightings only. Empty: every event tells.
    """

    def __init__(self, session: str, teller: str = "") -> None:
        self.summary = SessionSummary(session=session)
        self._teller = teller
        self._stretches: list[Stretch] = []
        self._starts: list[int] = []
        self._last: list[int] = []
        self._prompted: list[bool] = []
        """Whether a human message began it; else the agent was seen to act first."""
        self._mode = ""
        self._model = ""
        self._hours = [0] * 24
        self._answers: OrderedDict[str, str] = OrderedDict()
        self._pending: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._billed: OrderedDict[str, None] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Halves (call or result) of calls, by id."""
        self._missing: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Halves that a reading of one file did not find."""
        self._delegated: OrderedDict[tuple[str, str], None] = OrderedDict()
        """(agent, call id) of subagents' calls."""
        self._counted = False
        """Whether the last event was a call that nothing had told before."""

    def tells(self, event: Event) -> bool:
        """Whether an event is of the observer whose account is added up, so far as is known."""
        seen = self.summary.sightings
        return not seen or event.sighting in seen

    def add(self, event: Event) -> None:
        """Count one event. In the session's order, except that files of subagents come later."""
        summary = self.summary
        if not summary.events:
            summary.surface = event.surface
        if not summary.agent and not event.parent_agent:
            summary.agent = event.agent
        summary.events += 1
        kind = event.kind
        if self._teller and event.sighting != self._teller and kind != "approval":
            # Approvals count whoever tells them: most agents' transcripts hold none.
            _count(summary.sightings, event.sighting)
            self._counted = False
            return
        time = event.time
        if time is not None and not 0 <= time < 1 << 63:
            time = None  # no clock says that: a date that an agent made up
        is_call = self._counted = kind == "tool_call" and not self._repeats(event)
        _count(summary.kinds, kind)
        if time is not None:
            if summary.started is None or time < summary.started:
                summary.started = time
            if summary.ended is None or time > summary.ended:
                summary.ended = time
            day = time // _DAY
            before = summary.days.get(day, (0, 0))
            summary.days[day] = (before[0] + 1, before[1] + is_call)
        _count(summary.sightings, event.sighting)
        _count(summary.agents, event.agent)
        if event.cwd and not summary.cwd:
            summary.cwd = event.cwd
        if event.permission_mode:
            self._mode = event.permission_mode
        if event.model and kind != "usage":
            _count(summary.models, event.model)
        if event.usage is not None:
            self._bill(event)
        if kind in _ACTIVITY:
            self._run(time, is_call)
        if kind == "tool_call":
            self._half(event.call_id, "call")
            if is_call:
                self._call(event, time)
        elif kind == "agent_message":
            summary.agent_messages += 1
        elif kind == "tool_result":
            self._half(event.call_id, "result")
            if event.failed or event.exit_status:
                summary.failed_calls += 1
        elif kind == "user_message":
            self._message(event, time)
        elif kind == "approval" or kind == "decision":
            self._answer(event)
        elif kind == "gap":
            self._gap(event)
        elif kind == "session_start":
            version = event.parsed_detail().get("version")
            if isinstance(version, str) and version not in summary.versions[:_MAX_PATHS]:
                summary.versions.append(printable(version, 60))

    def add_impacts(self, event: Event, kinds: Iterable[str]) -> None:
        """The call that was just added is of these impactful kinds."""
        kinds = tuple(kinds)
        if not kinds or not self._counted:
            return
        for kind in kinds:
            impact = self.summary.impacts.setdefault(kind, Impact())
            impact.calls += 1
            if len(impact.sample) < _MAX_SAMPLE:
                impact.sample = (*impact.sample, event.id)
        if event.call_id:
            answer = self._answers.pop(event.call_id, "")
            if answer:
                self._settle(kinds, answer)
            else:
                _remember(self._pending, event.call_id, kinds)

    def read_from(self, path: str) -> None:
        """The file that the following events come from."""
        paths = self.summary.paths
        if path not in paths and len(paths) < _MAX_PATHS:
            paths.append(path)

    def finish(self) -> SessionSummary:
        """The summary as it stands. More may be added afterwards."""
        summary = self.summary
        if summary.models:
            summary.model = max(summary.models, key=lambda name: summary.models[name])
        worked = [stretch for stretch in self._stretches if stretch.end is not None]
        summary.stretch_count = len(worked)
        worked.sort(key=lambda stretch: (-stretch.active, -stretch.calls))
        summary.stretches = worked[:_MAX_STRETCHES]
        summary.hours = self._hours if any(self._hours) else []
        summary.paths.sort()  # read in any order; a session's own file before its subagents'
        return summary

    def _gap(self, event: Event) -> None:
        """Count what was not understood; a lost half of a call only while it stays lost."""
        detail = event.parsed_detail()
        code = str(detail.get("code", "unknown"))
        if code == "orphan_call" and (call_id := detail.get("call_id")):
            half = (str(call_id), str(detail.get("missing")))
            if half in self._told or half in self._missing:
                return
            _remember(self._missing, half, None)
        _count(self.summary.gaps, printable(code, 60))

    def _half(self, call_id: str, half: str) -> None:
        """A call or its result was told, perhaps one that an earlier reading missed.

        A session that was read while a call was running holds a gap for it; a longer
        copy of the file, or the file of a subagent, then brings what was missing.
        """
        if not call_id:
            return
        _remember(self._told, (call_id, half), None, _MAX_CALLS)
        if self._missing and (call_id, half) in self._missing:
            del self._missing[call_id, half]
            gaps = self.summary.gaps
            gaps["orphan_call"] -= 1
            if not gaps["orphan_call"]:
                del gaps["orphan_call"]

    def _repeats(self, event: Event) -> bool:
        """Whether a subagent's call was told: a parent's file repeats its subagents' files."""
        if not event.parent_agent or not event.call_id:
            return False
        call = (event.agent, event.call_id)
        if call in self._delegated:
            return True
        _remember(self._delegated, call, None, _MAX_CALLS)
        return False

    def _call(self, event: Event, time: int | None) -> None:
        summary = self.summary
        summary.tool_calls += 1
        _count(summary.tools, event.tool)
        _count(summary.modes, self._mode)
        if time is not None:
            self._hours[time // _HOUR % 24] += 1

    def _message(self, event: Event, time: int | None) -> None:
        if event.author in ("harness", "agent", "tool"):
            return
        self.summary.user_messages += 1
        if event.author != "task":
            self.summary.human_messages += 1
            self._begin(time, prompted=True)

    def _begin(self, time: int | None, *, prompted: bool) -> None:
        """A human message ends one stretch and begins the next."""
        place = len(self._starts)
        if time is not None and self._starts and time < self._starts[-1]:
            place = bisect_right(self._starts, time)
        start = time if time is not None else (self._starts[-1] if self._starts else 0)
        if prompted and place < len(self._starts) and not self._prompted[place]:
            # A subagent's file was read before the one that says what set it off.
            self._stretches[place].start = time
            self._starts[place], self._prompted[place] = start, True
            return
        self._stretches.insert(place, Stretch(time, None))
        self._starts.insert(place, start)
        self._last.insert(place, start)
        self._prompted.insert(place, prompted)

    def _run(self, time: int | None, is_call: bool) -> None:
        """Agent activity belongs to the stretch of the last human message before it."""
        if not self._starts:
            self._begin(time, prompted=False)
        place = len(self._starts) - 1
        if time is not None and time < self._starts[-1]:
            place = max(0, bisect_right(self._starts, time) - 1)
        stretch = self._stretches[place]
        if time is None:
            stretch.end = stretch.end or 0
        else:
            stretch.end = max(stretch.end or 0, time)
            step = time - self._last[place]
            if step > 0:
                stretch.active += step if step <= SILENCE else 0
                self._last[place] = time
        stretch.calls += is_call

    def _answer(self, event: Event) -> None:
        """Somebody allowed or refused a call."""
        detail = event.parsed_detail()
        if event.kind == "decision" and "ground" in detail and "deployment" in detail:
            return  # the gate's own: `facts/control.py` counts those
        decision = str(detail.get("decision", "")) or "unknown"
        by = str(detail.get("by", "")) or event.author or "unknown"
        _count(self.summary.decisions, printable(f"{decision} {by}", 60))
        refused = decision.lower().startswith(_REFUSALS)
        if not refused and by not in ("human", "user"):
            return
        answer = "refused" if refused else "approved"
        kinds = self._pending.pop(event.call_id, None)
        if kinds is not None:
            self._settle(kinds, answer)
        elif event.call_id:
            _remember(self._answers, event.call_id, answer)

    def _settle(self, kinds: tuple[str, ...], answer: str) -> None:
        for kind in kinds:
            impact = self.summary.impacts[kind]
            if answer == "refused":
                impact.refused += 1
            else:
                impact.approved += 1

    def _bill(self, event: Event) -> None:
        """Tokens once a response: several records may carry the usage of the same one."""
        used = event.usage
        assert used is not None
        if event.request_id:
            if event.request_id in self._billed:
                return
            _remember(self._billed, event.request_id, None)
        total = self.summary.usage
        self.summary.usage = Usage(
            input=total.input + used.input,
            output=total.output + used.output,
            cache_read=total.cache_read + used.cache_read,
            cache_write=total.cache_write + used.cache_write,
            reasoning=total.reasoning + used.reasoning,
        )


def _count(counts: dict[str, int], name: str) -> None:
    if name in counts:
        counts[name] += 1
    elif len(counts) < _MAX_NAMES:
        counts[printable(name, 200)] = counts.get(printable(name, 200), 0) + 1
    else:
        counts["(others)"] = counts.get("(others)", 0) + 1


def _remember(
    memory: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int = _MAX_PENDING
) -> None:
    memory[key] = value
    if len(memory) > most:
        memory.popitem(last=False)
