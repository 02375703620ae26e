"""Sightings of the same action, joined.

On the call id within a session; on the call id across sessions, where a source names
sessions in its own way; then on the request id, the prompt id, and (session, ordinal);
last, for relays whose ids and sessions are both their own, on equal tool and arguments in
their order. Never on time. The result is a function of the set of sightings: neither
their order nor repetition changes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

import msgspec

from roguewatch.control.ownership import OWN_SESSIONS
from roguewatch.gateway.coverage_sightings import SOURCES, Seen

_RANK = {source: rank for rank, source in enumerate(SOURCES)}


class Account(msgspec.Struct, kw_only=True):
    """What one source tells of one call."""

    source: str
    session: str
    call_id: str
    calls: list[Seen] = []
    results: list[Seen] = []
    failures: list[Seen] = []
    keys: dict[str, Hashable] = {}
    """Join keys by stage."""

    @property
    def all(self) -> list[Seen]:
        """Every sighting."""
        return [*self.calls, *self.results, *self.failures]

    @property
    def first(self) -> Seen:
        """The earliest in the source's own order."""
        return min(self.all, key=_order)

    @property
    def sees(self) -> bool:
        """Whether this is a sighting of the action. A hook must see it before it happens."""
        return bool(self.calls) or (bool(self.results) and self.source != "hook")


class Joined(msgspec.Struct, kw_only=True):
    """One action, as all sources together saw it."""

    accounts: dict[str, Account]
    """By source."""

    @property
    def sources(self) -> frozenset[str]:
        """The sources that saw it."""
        return frozenset(source for source, each in self.accounts.items() if each.sees)

    @property
    def first(self) -> Seen:
        """The sighting that names it: of the first source in the order of comparison."""
        return self.accounts[min(self.accounts, key=lambda source: _RANK[source])].first

    @property
    def tool(self) -> str:
        """The tool's name, as the first source that names it spells it."""
        return next((one.tool for each in _ranked(self) for one in each.all if one.tool), "")

    @property
    def call_id(self) -> str:
        """The agent's id of the call; empty where no source has one."""
        return next((each.call_id for each in _ranked(self) if each.call_id), "")

    @property
    def time(self) -> int | None:
        """Of its latest sighting, ns UTC."""
        times = [one.time for each in self.accounts.values() for one in each.all]
        return max((time for time in times if time is not None), default=None)


def join(seen: Iterable[Seen]) -> list[Joined]:
    """The actions of one deployment.

    Args:
        seen: sightings, in any order; the same event counts once.

    Returns:
        Actions in a stable order. Those that only a failed hook's report or a hook's late
        result tells of are among them, with no source that saw them.
    """
    actions = [Joined(accounts={each.source: each}) for each in _accounts(seen)]
    for stage, fits in _STAGES:
        actions = _merged(actions, stage, fits)
    return actions


def _accounts(seen: Iterable[Seen]) -> list[Account]:
    unique = sorted({one.event: one for one in seen}.values(), key=_order)
    accounts: dict[Hashable, Account] = {}
    for one in unique:
        if not one.call_id and one.role != "call":
            continue  # of a call that nothing names
        # what only reports a hook's failure says nothing of what the transcript saw
        key = (one.source, one.session, one.call_id) if one.call_id else one.event
        account = accounts.get(key)
        if account is None:
            account = accounts[key] = Account(
                source=one.source, session=one.session, call_id=one.call_id,
                calls=[], results=[], failures=[], keys={},
            )  # fmt: skip
        kinds = {"call": account.calls, "result": account.results}
        kinds.get(one.role, account.failures).append(one)
    told = list(accounts.values())
    _number(told)
    return told


def _number(accounts: Sequence[Account]) -> None:
    """Give each account its keys; ordinals count within what the source itself told."""
    ordinals: defaultdict[Hashable, int] = defaultdict(int)

    def ordinal(*group: Hashable) -> Hashable:
        ordinals[group] += 1
        return (*group[2:], ordinals[group])

    for account in accounts:
        first, source = account.first, account.source
        keys = account.keys
        if account.call_id:
            keys["session call"] = (account.session, account.call_id)
            keys["call"] = account.call_id
        if not account.sees:
            continue
        call = account.calls[0] if account.calls else None
        if account.call_id and call is not None:
            keys["call content"] = (account.call_id, call.digest)
        if first.request_id:
            keys["request"] = ordinal(source, "request", first.request_id, first.tool)
        if first.prompt_id:
            keys["prompt"] = ordinal(source, "prompt", first.prompt_id, first.tool)
        keys["ordinal"] = ordinal(source, "ordinal", account.session)
        if call is not None:
            keys["content"] = ordinal(source, "content", call.digest)


_Fits = Callable[[Joined, Joined, int], bool]


def _merged(actions: Sequence[Joined], stage: str, fits: _Fits) -> list[Joined]:
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for number, action in enumerate(actions):
        keys = {each.keys[stage] for each in action.accounts.values() if stage in each.keys}
        for key in keys:
            groups[key].append(number)
    target = list(range(len(actions)))

    def found(number: int) -> int:
        while target[number] != number:
            number = target[number]
        return number

    for members in groups.values():
        if len(members) < 2:
            continue
        kept: list[int] = []
        for number in dict.fromkeys(found(member) for member in members):
            into = next(
                (one for one in kept if _disjoint(actions[one], actions[number])
                 and fits(actions[one], actions[number], len(members))), None,
            )  # fmt: skip
            if into is None:
                kept.append(number)
            else:
                actions[into].accounts.update(actions[number].accounts)
                target[number] = into
    return [action for number, action in enumerate(actions) if target[number] == number]


def _disjoint(one: Joined, other: Joined) -> bool:
    return not one.accounts.keys() & other.accounts.keys()


def _always(one: Joined, other: Joined, members: int) -> bool:
    return True


def _across(one: Joined, other: Joined, members: int) -> bool:
    """Sessions may differ only where one side names sessions in its own way; what two
    sessions of the agent call alike are two calls."""
    return any(all(source in OWN_SESSIONS for source in each.accounts) for each in (one, other))


def _across_alone(one: Joined, other: Joined, members: int) -> bool:
    return members == 2 and _across(one, other, members)


def _unnamed(one: Joined, other: Joined, members: int) -> bool:
    """Two calls with different ids are two calls."""
    mine, others = (
        {each.call_id for each in action.accounts.values()} - {""} for action in (one, other)
    )
    return not mine or not others


def _unnamed_alike(one: Joined, other: Joined, members: int) -> bool:
    tools = (one.tool, other.tool)
    return _unnamed(one, other, members) and (tools[0] == tools[1] or "" in tools)


def _relayed(one: Joined, other: Joined, members: int) -> bool:
    return _unnamed(one, other, members) and _across(one, other, members)


_STAGES: tuple[tuple[str, _Fits], ...] = (
    ("session call", _always),
    ("call content", _across),
    ("call", _across_alone),
    ("request", _unnamed),
    ("prompt", _unnamed),
    ("ordinal", _unnamed_alike),
    ("content", _relayed),
)


def _order(one: Seen) -> tuple[int, str, int, str]:
    return _RANK[one.source], one.session, one.seq, one.event


def _ranked(action: Joined) -> list[Account]:
    return sorted(action.accounts.values(), key=lambda each: _RANK[each.source])
