"""What a fact is, how it is registered, and how all of them are measured.

A fact is a function that takes one input and gives a value with its interval and
evidence. Where the input is absent the value is None; nothing defaults to good. Evidence
names what a reader can look at: a bare 32-digit id is an event (`roguewatch ledger prove`
gives its proof); everything else says its kind: `finding:`, `session:`, `run:`, `stop:`,
`drill:`, `deployment:`, `file:`, `statement:`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec

from roguewatch.assess.document import Fact, StatedAnswer
from roguewatch.assess.facts.inputs import Inputs, Statement
from roguewatch.errors import InputError
from roguewatch.measure.rates import exact

MAX_EVIDENCE = 8
"""References kept of each fact; the findings, sessions and drills are listed in full."""

T = TypeVar("T")
Scope = Literal["class", "either", "entity"]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a fact's function found."""

    value: Any
    interval: tuple[float, float | None] | None = None
    counts: tuple[int, int] | None = None
    """Of a rate: how many, of how many."""
    evidence: tuple[str, ...] = ()
    as_of: int | None = None
    """When, ns UTC; None: now."""
    beyond: str = ""
    """What there is of the same that the value does not count; said with the statement."""

    @staticmethod
    def rate(
        count: int, whole: int, evidence: tuple[str, ...] = (), as_of: int | None = None
    ) -> Measured | None:
        """A rate with its exact interval; None where there was nothing to count among."""
        if not whole:
            return None
        return Measured(
            value=count / whole, interval=exact(count, whole), counts=(count, whole),
            evidence=evidence, as_of=as_of,
        )  # fmt: skip


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, before it is measured."""

    id: str
    statement: str
    unit: str
    of: str
    """The input that it is measured from, a field of `Inputs`; empty: nothing gives it yet."""
    method: str
    falsifier: str
    version: str
    days: float
    scope: Scope
    """`class`: each class of deployments has its own, and without it none; `either`: a class
    has its own where there is evidence of that class alone, else the entity's speaks for it;
    `entity`: only as a whole."""
    kind: Literal["primary", "stated"]
    measure: Callable[[Any], Measured | None]


DEFINITIONS: dict[str, Definition] = {}
"""Every fact by its id, in the order of registration."""


def fact(
    id: str, statement: str, unit: str, *, of: str, method: str, falsifier: str = "",
    version: str = "1", days: float = 30, scope: Scope = "class",
    kind: Literal["primary", "stated"] = "primary",
) -> Callable[[Callable[[T], Measured | None]], Callable[[T], Measured | None]]:  # fmt: skip
    """Register the function that measures a fact.

    Args:
        id: its name.
        statement: what it says, without the value.
        unit: of the value.
        of: the input that the function takes, a field of `Inputs`.
        method: how it is measured.
        falsifier: what would show it to be wrong.
        version: of the method; changed whenever the value could change with it.
        days: how long it holds before it must be measured again.
        scope: whether each class of deployments has its own.
        kind: `stated` where the value is what somebody or some record says of itself.
    """

    def register(measure: Callable[[T], Measured | None]) -> Callable[[T], Measured | None]:
        if id in DEFINITIONS:
            raise ValueError(f"two facts are called {id}")
        DEFINITIONS[id] = Definition(
            id=id, statement=statement, unit=unit, of=of, method=method, falsifier=falsifier,
            version=version, days=days, scope=scope, kind=kind, measure=measure,
        )  # fmt: skip
        return measure

    return register


class Facts:
    """Facts by id, as the rules and questions read them.

    Args:
        facts: those measured; a class's own have ids `fact@class`.
        of: the class to speak of; empty: the whole entity.
    """

    def __init__(self, facts: Mapping[str, Fact], of: str = "") -> None:
        self._facts = facts
        self._of = of

    def of(self, deployment_class: str) -> Facts:
        """The same facts, seen for one class of deployments."""
        return Facts(self._facts, deployment_class)

    def find(self, id: str) -> Fact | None:
        """The class's own fact, one that lapsed too; else the entity's, unless each class
        must have its own."""
        if self._of and (own := self._facts.get(f"{id}@{self._of}")):
            return own
        definition = DEFINITIONS.get(id)
        if self._of and definition is not None and definition.scope == "class":
            return None
        return self._facts.get(id)

    def borrowed(self, id: str) -> bool:
        """Whether a class has this fact from the entity, though it could have its own."""
        definition = DEFINITIONS.get(id)
        either = definition is not None and definition.scope == "either"
        return bool(self._of) and either and f"{id}@{self._of}" not in self._facts

    def __getitem__(self, id: str) -> Any:
        """The value of a fact; None where it was not measured or has lapsed."""
        found = self.find(id)
        return found.value if found is not None else None

    def measured(self, id: str) -> Any:
        """The value of a fact that was measured: what is only stated does not count."""
        found = self.find(id)
        return found.value if found is not None and found.kind == "primary" else None

    def interval(self, id: str) -> tuple[float, float] | None:
        """The interval of a measured fact; an open upper end is infinite."""
        found = self.find(id)
        if found is None or found.kind != "primary" or found.interval is None:
            return None
        low, high = found.interval
        return low, math.inf if high is None else high

    def all(self) -> list[Fact]:
        """Every fact."""
        return list(self._facts.values())

    def altered(self, changed: Mapping[str, Fact]) -> Facts:
        """The same facts with some others in their place, to ask what would follow."""
        return Facts({**self._facts, **changed}, self._of)


def collect(inputs: Inputs, classes: Mapping[str, Inputs] | None = None) -> Facts:
    """Measure every fact, for the whole entity and for each class of deployments.

    Args:
        inputs: what is known of the whole entity.
        classes: the same for each class.
    """
    facts: dict[str, Fact] = {}
    for definition in DEFINITIONS.values():
        facts[definition.id] = _measure(definition, inputs, definition.id)
    for name, own in (classes or {}).items():
        for definition in DEFINITIONS.values():
            id = f"{definition.id}@{name}"
            if definition.scope == "class":
                facts[id] = _measure(definition, own, id)
            elif definition.scope == "either" and definition.of:
                found = _measure(definition, own, id)
                if found.state != "unassessed":
                    facts[id] = found
    for statement in inputs.statements:
        if statement.subject not in facts:
            facts[statement.subject] = _stated(statement, inputs.now)
    return Facts(facts)


def _measure(definition: Definition, inputs: Inputs, id: str) -> Fact:
    given = getattr(inputs, definition.of) if definition.of else None
    found = definition.measure(given) if given is not None else None
    made = inputs.now
    if found is not None and found.as_of is not None:
        made = min(made, datetime.fromtimestamp(found.as_of / 1e9, UTC))
    expires = made + timedelta(days=definition.days)
    known = found is not None and found.value is not None
    lapsed = known and expires <= inputs.now
    beyond = found.beyond if found and known else ""
    statement = _latest(inputs.statements, id, inputs.now)
    evidence = tuple(dict.fromkeys(found.evidence))[:MAX_EVIDENCE] if found else ()
    if known and not evidence and inputs.run:
        evidence = (f"run:{inputs.run}",)
    whole = Fact(
        id=id,
        statement=f"{definition.statement}, {beyond}" if beyond else definition.statement,
        value=found.value if found and not lapsed else None,
        interval=found.interval if found and not lapsed else None,
        counts=found.counts if found and not lapsed else None,
        unit=definition.unit,
        as_of=stamp(made),
        expires=stamp(expires),
        method=definition.method
        if known or definition.of
        else f"not measured: {definition.method}",
        version=definition.version,
        verified_by="roguewatch" if known else "",
        kind=definition.kind,
        state="lapsed" if lapsed else "measured" if known else "unassessed",
        last_value=found.value if found and lapsed else None,
        evidence=evidence,
        falsifier=definition.falsifier,
    )
    return whole if statement is None else beside(whole, statement)


def beside(fact: Fact, statement: Statement) -> Fact:
    """The fact with what a person says of it: the measurement stands, and both are shown."""
    said = StatedAnswer(
        value=statement.value, by=statement.by, stated=stamp_ns(statement.created),
        until=stamp_ns(statement.until),
    )  # fmt: skip
    if fact.state == "measured":
        contradicted = not _same(fact.value, statement.value, fact.interval)
        return msgspec.structs.replace(fact, stated=said, contradicted=contradicted)
    return msgspec.structs.replace(
        fact, value=statement.value, kind="stated", state="stated", stated=said,
        as_of=said.stated, expires=said.until, verified_by=f"{statement.by} (stated)",
        method="stated by a person; no measurement confirms it",
        evidence=(f"statement:{statement.id}",),
    )  # fmt: skip


def _stated(statement: Statement, now: datetime) -> Fact:
    """A fact that only people can give, such as the answer to a question."""
    empty = Fact(
        id=statement.subject, statement=f"Answer given to {statement.subject}", value=None,
        unit="answer", as_of=stamp(now), expires=stamp(now), method="stated by a person",
        verified_by="", state="unassessed",
    )  # fmt: skip
    live = stamp(now) < stamp_ns(statement.until)
    told = beside(empty, statement)
    if live:
        return told
    return msgspec.structs.replace(
        told, value=None, state="lapsed", last_value=statement.value, verified_by=""
    )


def _latest(statements: Sequence[Statement], id: str, now: datetime) -> Statement | None:
    live = [s for s in statements if s.subject == id and s.until > now.timestamp() * 1e9]
    return max(live, key=lambda s: s.created, default=None)


def _same(measured: Any, said: Any, interval: tuple[float, float | None] | None) -> bool:
    """Whether a measurement bears out what somebody said."""
    numbers = (int, float)
    if isinstance(measured, bool) or isinstance(said, bool):
        return bool(measured == said)
    if isinstance(measured, numbers) and isinstance(said, numbers):
        if interval is not None:
            return interval[0] <= said and (interval[1] is None or said <= interval[1])
        return abs(measured - said) <= 0.005 * max(abs(measured), abs(said))
    if isinstance(measured, list) and isinstance(said, list):
        return sorted(map(str, measured)) == sorted(map(str, said))
    return bool(measured == said)


def input_of(id: str) -> str:
    """The input that a fact is measured from, a field of `Inputs`; empty: none, or no fact."""
    definition = DEFINITIONS.get(id.partition("@")[0])
    return definition.of if definition is not None else ""


def known_subject(subject: str, questions: Sequence[str]) -> None:
    """Check what a statement is about.

    Raises:
        InputError: there is no such fact or question.
    """
    if subject.partition("@")[0] not in DEFINITIONS and subject not in questions:
        raise InputError(
            f"'{subject[:80]}': no such fact or question; see roguewatch facts, or Q1 to Q15"
        )


def stamp(moment: datetime) -> str:
    """ISO 8601 UTC to the second."""
    # Not strftime: the C library writes years before 1000 without their zeros.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def stamp_ns(time: int) -> str:
    """The same, from ns since 1970."""
    return stamp(datetime.fromtimestamp(time / 1e9, UTC))
