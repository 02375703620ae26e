"""A set of rules, running: filed by what they need, judged, correlated."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, TypeVar

import msgspec

from roguewatch.detect.action import Action
from roguewatch.detect.sigma.correlating import Correlating
from roguewatch.detect.sigma.expression import KEYWORD, Reference, leaves
from roguewatch.detect.sigma.gates import allowed, kinds
from roguewatch.detect.sigma.lexicon import Lexicons
from roguewatch.detect.sigma.matching import Match, compile_expression
from roguewatch.detect.sigma.prefilter import Needs
from roguewatch.detect.sigma.rule import Correlation, Meta, Rule, RuleSet
from roguewatch.detect.sigma.screening import ALL, Plan
from roguewatch.detect.sigma.view import View
from roguewatch.events import Event

_NEED_ARGUMENTS = ("command", "arguments", "paths", "written", "urls", "content", "removed")
_One = TypeVar("_One", Rule, Correlation)
_NAMING = ("process", "file_change", "network")
"""Kinds that name files, commands and addresses in their detail."""


class Hit(NamedTuple):
    """One rule or correlation that held."""

    meta: Meta
    key: str
    events: tuple[str, ...]
    action: Action
    at: int
    """The command it held on, or -1."""


class Judged:
    """A rule made ready."""

    __slots__ = (
        "_test",
        "classes",
        "details",
        "every",
        "kinds",
        "needs",
        "per_command",
        "rule",
        "texts",
    )

    def __init__(self, rule: Rule, followed: bool) -> None:
        self.rule = rule
        self.every = followed
        """Whether all commands that match are wanted, as correlations do."""
        self._test: Match | None = None
        self.needs = Needs(rule.condition)
        self.kinds = kinds(rule)
        self.classes = allowed(rule.condition, "tool.class")
        names = [leaf.field for leaf in leaves(rule.condition)]
        names += [leaf.other for leaf in leaves(rule.condition) if isinstance(leaf, Reference)]
        self.per_command = any(name.startswith("command.") for name in names)
        self.texts = any(name in ("text", KEYWORD) for name in names)
        self.details = any(name.startswith("detail.") for name in names)

    def __call__(self, view: View, places: Collection[int]) -> tuple[int, ...]:
        """The places (commands, or -1) on which the rule holds."""
        test = self._test
        if test is None:  # most rules are never judged
            test = self._test = compile_expression(self.rule.condition)
        held: tuple[int, ...] = ()
        for at in places:
            if test(view, at):
                held += (at,)
                if not self.every:
                    break
        return held


def _empty(shape: tuple[bool, ...]) -> tuple[str, ...]:
    """Beginnings of the names of fields that an event of this shape cannot have."""
    arguments, commands, text, detail = shape
    found: tuple[str, ...] = () if arguments else _NEED_ARGUMENTS
    found += () if commands else ("command",)
    found += () if text else ("text",)
    return found if detail else (*found, "detail.")


class Running:
    """Rules and correlations over a stream of actions, in order per session.

    Args:
        rules: what to run.
        disabled: ids that neither report nor feed a correlation.
    """

    def __init__(self, rules: RuleSet, disabled: Collection[str] = ()) -> None:
        followed = {name for one in rules.correlations for name in one.rules}
        self.rules = [
            Judged(rule, rule.meta.id in followed)
            for rule in rules.rules
            if rule.meta.id not in disabled
        ]
        self.correlations = [
            Correlating(one) for one in rules.correlations if one.meta.id not in disabled
        ]
        self.correlated = False
        """Whether the last event was fed to the correlations."""
        self._lexicons = Lexicons(self.rules)
        self._concerned: dict[str, list[Judged]] = {}
        """By kind of event, the rules that are about it."""
        self._looked_at: dict[str, tuple[bool, bool, bool]] = {}
        self._plans: dict[tuple[str, str, tuple[bool, ...]], Plan[Judged] | None] = {}
        self._alike: dict[tuple[int, ...], Plan[Judged]] = {}
        """Plans by what they are made of: most kinds of event share one."""

    def feed_event(self, event: Event) -> list[Hit]:
        return self.feed(View(Action(event)))

    def plan(self, action: Action) -> Plan[Judged] | None:
        """The rules that can hold on events like this one; None where none can."""
        event = action.event
        concerned, texts, details = self._matters(event.kind)
        if not concerned:
            return None
        acts = bool(event.arguments) or event.kind in _NAMING
        tool_class = action.tool_class if event.tool else ""
        shape = (
            acts,
            acts and bool(action.commands),
            texts and bool(event.text),
            details and bool(event.detail),
        )
        key = (event.kind, tool_class, shape)
        if key not in self._plans:
            self._plans[key] = self._planned(event.kind, tool_class, _empty(shape))
        return self._plans[key]

    def feed(self, view: View, plan: Plan[Judged] | None = None) -> list[Hit]:
        """What holds with this event: rules first, then correlations that it completes.

        Args:
            view: the event.
            plan: its plan, where the caller has asked for it.
        """
        self.correlated = False
        plan = plan or self.plan(view.action)
        if plan is None:
            return []
        matches: dict[str, tuple[int, ...]] = {}
        hits: list[Hit] = []
        event = view.action.event
        for rule, places in plan.candidates(view):
            held = rule(view, _places(rule, view, places))
            if held:
                meta = rule.rule.meta
                matches[meta.id] = held
                if rule.rule.reports:
                    acting = event.call_id or event.id
                    hits.append(Hit(meta, acting, (event.id,), view.action, held[0]))
        self.correlated = bool(matches and self.correlations)
        if self.correlated:
            hits += self._correlate(matches, view)
        return hits

    def warm(self, action: Action) -> None:
        """Build what an event like this one needs. Nothing of it is kept, nothing reported."""
        plan = self.plan(action)
        if plan is not None:
            view = View(action)
            for rule, places in plan.candidates(view):
                rule(view, _places(rule, view, places))

    def _planned(self, kind: str, tool_class: str, empty: tuple[str, ...]) -> Plan[Judged] | None:
        known = {"kind": kind, "tool.class": tool_class}
        numbers = self._lexicons.numbers
        cases = [
            (rule, case)
            for rule in self._about(kind)
            if (rule.classes is None or tool_class in rule.classes)
            and (case := rule.needs.case(known, empty, numbers)) is not None
        ]
        if not cases:
            return None
        made_of = tuple(id(part) for one in cases for part in one)
        plan = self._alike.get(made_of)
        if plan is None:
            plan = self._alike[made_of] = Plan(cases, self._lexicons)
        return plan

    def _about(self, kind: str) -> list[Judged]:
        found = self._concerned.get(kind)
        if found is None:
            found = [rule for rule in self.rules if kind in rule.kinds]
            self._concerned[kind] = found
        return found

    def _matters(self, kind: str) -> tuple[bool, bool, bool]:
        """Whether any rule is about a kind of event, looks at its text, at its detail."""
        found = self._looked_at.get(kind)
        if found is None:
            rules = self._about(kind)
            found = (
                bool(rules),
                any(rule.texts for rule in rules),
                any(rule.details for rule in rules),
            )
            self._looked_at[kind] = found
        return found

    def _correlate(self, matches: dict[str, tuple[int, ...]], view: View) -> list[Hit]:
        hits = []
        key = action_key(view.action.event)
        for one in self.correlations:
            meta = one.correlation.meta
            for group, events in one.feed(matches, view, key):
                matches[meta.id] = (-1,)
                if one.correlation.reports:
                    hits.append(Hit(meta, f"{group}|{key}", events, view.action, -1))
        return hits

    def finish(self, session: str) -> None:
        for one in self.correlations:
            one.finish(session)

    def forgotten(self) -> dict[str, int]:
        """Correlations that had to forget something because of a bound."""
        return {o.correlation.meta.id: o.forgotten for o in self.correlations if o.forgotten}


def _places(rule: Judged, view: View, places: int) -> Collection[int]:
    if not rule.per_command:
        return (-1,)
    every = range(len(view.action.commands))
    return (every or (-1,)) if places == ALL else [at for at in every if places >> at & 1]


def action_key(event: Event) -> str:
    """What makes sightings of one action the same: the call's id, else the event's own.

    A call and its result are different actions.
    """
    return f"{event.kind}:{event.call_id}" if event.call_id else event.id


def only(one: Rule | Correlation, rules: RuleSet) -> RuleSet:
    """A rule or correlation, reporting, with what it depends on."""
    wanted = {one.meta.id}
    for correlation in reversed(rules.correlations):
        if correlation.meta.id in wanted:
            wanted.update(correlation.rules)
    return RuleSet(
        tuple(_reporting(rule) for rule in rules.rules if rule.meta.id in wanted),
        tuple(_reporting(each) for each in rules.correlations if each.meta.id in wanted),
    )


def _reporting(one: _One) -> _One:
    return msgspec.structs.replace(one, reports=True)


__all__ = ["KEYWORD", "Hit", "Running", "action_key", "only"]
