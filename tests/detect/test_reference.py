"""The compiled engine gives the matches of a slow and obvious reference evaluator."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from roguewatch.detect.action import Action
from roguewatch.detect.engine import pack
from roguewatch.detect.sigma.expression import Like, Regex, leaves
from roguewatch.detect.sigma.matching import regex
from roguewatch.detect.sigma.reading import compile_rules, read_rules
from roguewatch.detect.sigma.rule import RuleSet
from roguewatch.detect.sigma.running import Running
from roguewatch.detect.sigma.view import View
from roguewatch.events import Event
from tests.build import SHARED
from tests.detect import reference, rules
from tests.detect.generate import random_event

SEED = 20260312


def compiled(text: str) -> RuleSet:
    return compile_rules([(Path("rules.yml"), text.encode())])


def differences(found: RuleSet, by_name: dict, events: list[Event]) -> list[tuple[str, str]]:
    """(rule, event) on which the engine and the reference disagree."""
    running = Running(RuleSet(found.rules))
    wrong = []
    for one in events:
        action = Action(one)
        hits = {hit.meta.id for hit in running.feed(View(action))}
        expected = {name for name, rule in by_name.items() if reference.matches(rule, action)}
        wrong += [(name, repr(one)) for name in hits ^ expected]
    return wrong


def literals(found: RuleSet) -> tuple[str, ...]:
    """Texts that the rules look for, to make events of."""
    words = []
    for rule in found.rules:
        for leaf in leaves(rule.condition):
            if isinstance(leaf, Like):
                words.append(" ".join(part for part in leaf.parts if isinstance(part, str)))
    return tuple(words)


def generated(count: int, words: tuple[str, ...], seed: int = SEED) -> list[Event]:
    rnd = random.Random(seed)
    return [random_event(rnd, words) for _ in range(count)]


def check_forms(count: int, seed: int = SEED) -> None:
    text = rules.everything()
    found = compiled(text)
    by_name = reference.parse(text)
    events = generated(count, literals(found), seed)
    assert differences(found, by_name, events) == [], f"seed {seed}"
    running = Running(found)
    held = {hit.meta.id for one in events for hit in running.feed_event(one)}
    assert held >= set(rules.FORMS) - {"wide", "utf16", "base64", "cidr-6"}, set(rules.FORMS) - held


def shipped() -> tuple[RuleSet, dict]:
    found = read_rules([pack()], cached=False)
    by_name = reference.parse_folder(pack())
    reporting = {rule.meta.id for rule in found.rules if rule.reports}
    return found, {name: rule for name, rule in by_name.items() if name in reporting}


def check_pack(count: int, seed: int = SEED) -> None:
    found, by_name = shipped()
    if not by_name:
        pytest.skip("no rules are shipped")
    events = generated(count, literals(found), seed)
    assert differences(found, by_name, events) == [], f"seed {seed}"


def test_every_form_of_rule_agrees_on_generated_events():
    check_forms(3_000)


def test_every_shipped_rule_agrees_on_generated_events():
    check_pack(400)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
def test_every_rule_agrees_on_a_hundred_thousand_events(part: int):
    """In parts, so that they are shared out among processes."""
    check_forms(5_000, SEED + 1 + part)
    check_pack(5_000, SEED + 1 + part)


@pytest.mark.soak
@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data here")
def test_every_shipped_rule_agrees_on_many_real_events():
    found, by_name = shipped()
    assert differences(found, by_name, real_events(1_500)) == []


def real_events(most: int) -> list[Event]:
    """Calls first of all: evenly from every folder of the shared data."""
    reading = pytest.importorskip("roguewatch.sources.reading")
    found: list[Event] = []
    folders = [path for path in sorted(SHARED.glob("*")) if path.is_dir()]
    for folder in folders:
        of_folder: list[Event] = []
        for one in reading.read([folder]):
            if one.source:
                of_folder += [e for e in one.events() if e.kind != "usage" and len(e.text) < 50_000]
            if len(of_folder) > most:
                break
        found += of_folder[:most]
    return found


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data here")
def test_every_rule_agrees_on_real_events():
    found, by_name = shipped()
    text = rules.everything()
    events = real_events(60)
    assert events
    assert differences(found, by_name, events) == []
    assert differences(compiled(text), reference.parse(text), events) == []


def test_every_shipped_expression_means_the_same_to_re2_and_to_re():
    found, _ = shipped()
    wanted = {
        (leaf.pattern, leaf.flags)
        for rule in found.rules
        for leaf in leaves(rule.condition)
        if isinstance(leaf, Regex)
    }
    rnd = random.Random(SEED)
    words = tuple(word for word in literals(found) if word.isascii())
    texts = [
        text
        for _ in range(400)
        for one in (random_event(rnd, words),)
        for text in (one.text, one.arguments)
        if text.isascii()
    ]
    for rule in found.rules:
        texts += [str(example) for example in rule.meta.must_match]
    for pattern, flags in sorted(wanted):
        ours, theirs = regex(pattern, flags), reference.python_pattern(pattern, flags)
        wrong = [
            text
            for text in texts
            if (ours.search(text.encode()) is None) != (theirs.search(text) is None)
        ]
        assert not wrong, (pattern, wrong[:1])
