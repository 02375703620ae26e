"""What a deployment touched: files, keys, hosts, programs, agents, tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from roguewatch.control.circumstances import situation_of
from roguewatch.control.permissions.identities import identities_of
from roguewatch.control.permissions.usage import resolved
from roguewatch.detect.action import Action
from roguewatch.events import Event, Usage
from roguewatch.printable import printable

MOST = 20_000
"""Different files, hosts or keys that are kept; what comes after is counted."""


_REFUSALS = frozenset({"deny", "stop", "block", "denied", "reject", "rejected"})
"""Outcomes of decisions and answers of people that let nothing be done."""


class Touched(msgspec.Struct, kw_only=True):
    """One file, host, key or program. Times are ns UTC."""

    name: str
    """Printable."""
    times: int = 0
    """Actions that named it."""
    written: int = 0
    """Of these, those that wrote, created, deleted or changed it, as far as is on record."""
    refused: int = 0
    """Attempts that control, a person or the proxy refused: nothing was done."""
    failed: int = 0
    """Attempts to change it by a call that failed: what was done of it is not known."""
    first: int | None = None
    last: int | None = None
    event: str = ""
    """The first."""


class Subagent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent of a session."""

    session: str
    agent: str
    parent: str
    events: int


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one model."""

    model: str
    usage: Usage
    cost: float | None
    """In the currency of the prices that were given; None: no price was."""


class Inventory:
    """Gathers what actions touch. A call that several observers saw counts once."""

    def __init__(self) -> None:
        self.files: dict[str, Touched] = {}
        self.keys: dict[str, Touched] = {}
        self.hosts: dict[str, Touched] = {}
        self.programs: dict[str, Touched] = {}
        self.dropped = 0
        self._acts: dict[tuple[int, str, str], tuple[Touched, bool, bool]] = {}
        """What was touched by which call: whether it was to be written, and was refused."""
        self._calls: dict[str, str] = {}
        """Call of an event."""
        self._refused: set[str] = set()
        self._failed: set[str] = set()
        self._agents: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._usage: dict[tuple[str, str, str], tuple[str, Usage]] = {}

    def see(self, event: Event, action: Action) -> None:
        """Take in one event."""
        if event.sighting != "host":
            self._agents[event.session, event.agent, event.parent_agent] += 1
        if event.usage is not None:
            self._spent(event, event.usage)
        self._outcome(event)
        if event.kind == "network":
            detail = event.parsed_detail()
            host = str(detail.get("host") or "")
            self._touch(self.hosts, host, event, refused=detail.get("allowed") is False)
        if event.kind == "file_change":
            for path in action.written:
                self._touch(self.files, resolved(path, event.cwd), event, written=True)
        if event.kind not in ("tool_call", "process"):
            return
        written = {resolved(path, event.cwd) for path in action.written}
        for path in {resolved(path, event.cwd) for path in action.paths} | written:
            self._touch(self.files, path, event, written=path in written)
        for identity in identities_of(action):
            self._touch(self.keys, identity, event)
        situation = situation_of(action)
        for host in situation.hosts:
            self._touch(self.hosts, host, event)
        for program in situation.programs:
            self._touch(self.programs, program, event)

    def settle(self) -> None:
        """Count, now that it is known of every call how it ended."""
        refused = {self._calls.get(one, one) for one in self._refused}
        for (_, _, key), (one, written, denied) in self._acts.items():
            one.times += 1
            if denied or key in refused:
                one.refused += 1
            elif written and key in self._failed:
                one.failed += 1
            else:
                one.written += written
        self._acts.clear()

    def _outcome(self, event: Event) -> None:
        """Note what is told of how a call ended, by whichever observer."""
        key = event.call_id or event.id
        if event.kind == "tool_call":
            self._calls[event.id] = key
        elif event.kind == "decision":
            if event.text in _REFUSALS:
                self._refused.add(str(event.parsed_detail().get("action") or ""))
        elif event.kind == "approval":
            if str(event.parsed_detail().get("decision") or event.text) in _REFUSALS:
                self._refused.add(key)
        elif event.kind == "tool_result" and (event.failed or event.exit_status):
            self._failed.add(key)

    def agents(self) -> list[Subagent]:
        """Every agent that acted, with its parent."""
        return [
            Subagent(session=printable(session, 200), agent=printable(agent, 200),
                     parent=printable(parent, 200), events=count)
            for (session, agent, parent), count in sorted(self._agents.items())
        ]  # fmt: skip

    def tokens(self, prices: Mapping[str, tuple[float, float]]) -> list[Tokens]:
        """Tokens by model: those of one observer a session, the one that saw most.

        Args:
            prices: a million tokens in and out, by the beginning of a model's name.
        """
        sums: defaultdict[tuple[str, str], defaultdict[str, list[Usage]]]
        sums = defaultdict(lambda: defaultdict(list))
        for (session, sighting, _), (model, used) in self._usage.items():
            sums[session, sighting][model].append(used)
        best: dict[str, dict[str, Usage]] = {}
        for (session, _), models in sorted(sums.items()):
            told = {model: _added(each) for model, each in models.items()}
            if _total(told) > _total(best.get(session, {})):
                best[session] = told
        by_model: defaultdict[str, list[Usage]] = defaultdict(list)
        for told in best.values():
            for model, used in told.items():
                by_model[model].append(used)
        return [
            Tokens(model=model, usage=(total := _added(each)), cost=_cost(model, total, prices))
            for model, each in sorted(by_model.items())
        ]

    def _spent(self, event: Event, used: Usage) -> None:
        # Several records may carry the usage of the same response: the largest is it.
        key = (event.session, event.sighting, event.request_id or event.id)
        known = self._usage.get(key)
        if known is None or used.total > known[1].total:
            self._usage[key] = (event.model or (known[0] if known else "unknown"), used)

    def _touch(
        self, kept: dict[str, Touched], name: str, event: Event, *, written: bool = False,
        refused: bool = False,
    ) -> None:  # fmt: skip
        if not name:
            return
        shown = printable(name, 1000)
        one = kept.get(shown)
        if one is None:
            if len(kept) >= MOST:
                self.dropped += 1
                return
            one = kept[shown] = Touched(name=shown, event=event.id)
        once = (id(kept), shown, event.call_id or event.id)
        known = self._acts.get(once, (one, False, False))
        self._acts[once] = (one, known[1] or written, known[2] or refused)
        if event.time is not None:
            one.first = event.time if one.first is None else min(one.first, event.time)
            one.last = event.time if one.last is None else max(one.last, event.time)


def _added(used: list[Usage]) -> Usage:
    return Usage(
        **{field: sum(getattr(one, field) for one in used) for field in Usage.__struct_fields__}
    )


def _total(told: Mapping[str, Usage]) -> int:
    return sum(used.total for used in told.values())


def _cost(model: str, used: Usage, prices: Mapping[str, tuple[float, float]]) -> float | None:
    fitting = [name for name in prices if model.startswith(name)]
    if not fitting:
        return None
    given, taken = prices[max(fitting, key=len)]
    return ((used.total - used.output) * given + used.output * taken) / 1e6
