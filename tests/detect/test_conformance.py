"""What the Sigma specification and pySigma's backends say a rule means, case by case."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from roguewatch.detect.sigma.examples import example_events
from roguewatch.detect.sigma.reading import compile_rules
from roguewatch.detect.sigma.running import Running
from roguewatch.errors import RuleError

HEAD = "title: T\nname: t\nlogsource: {product: ai-agent}\n"


def holds(detection: str, *example: dict, condition: str = "sel") -> bool:
    """Whether a rule with this detection (YAML) holds on any event of the example."""
    text = f"{HEAD}detection:\n  {detection}\n  condition: {condition}\n"
    running = Running(compile_rules([(Path("t.yml"), text.encode())]))
    return any(running.feed_event(event) for event in example_events(example))


def bash(command: str, **more: object) -> dict:
    return {"tool": "Bash", "command": command, **more}


@pytest.mark.parametrize(
    ("detection", "event", "expected"),
    [
        # Strings are compared whole and without regard to case.
        ("sel: {text: Done}", {"text": "done"}, True),
        ("sel: {text: Done}", {"text": "done."}, False),
        ("sel: {text|cased: Done}", {"text": "done"}, False),
        # Lists are alternatives, maps are conjunctions.
        ("sel: {text: [a, b]}", {"text": "b"}, True),
        ("sel: {text: a, author: agent}", {"text": "a"}, False),
        ("sel: [{text: a}, {author: agent}]", {"text": "a"}, True),
        # Wildcards and their escapes.
        ("sel: {text: 'a*c'}", {"text": "a\nbc"}, True),
        ("sel: {text: 'a?c'}", {"text": "abc"}, True),
        ("sel: {text: 'a?c'}", {"text": "ac"}, False),
        (r"sel: {text: 'a\*c'}", {"text": "abc"}, False),
        (r"sel: {text: 'a\*c'}", {"text": "a*c"}, True),
        (r"sel: {text: 'a\\*'}", {"text": "a\\xyz"}, True),
        (r"sel: {text: 'a\b'}", {"text": "a\\b"}, True),
        # Empty and absent.
        ("sel: {text: ''}", {"text": "", "author": "agent"}, True),
        ("sel: {model: null}", {"text": "x"}, True),
        ("sel: {model: null}", {"text": "x", "model": "m"}, False),
        ("sel: {model: '*'}", {"text": "x"}, False),
        ("sel: {model|exists: true}", {"text": "x", "model": "m"}, True),
        # Modifier chains.
        ("sel: {text|contains|all: [one, two]}", {"text": "two one"}, True),
        ("sel: {text|contains|all: [one, two]}", {"text": "one"}, False),
        ("sel: {text|base64|contains: foobar}", {"text": "x Zm9vYmFy y"}, True),
        ("sel: {text|base64offset|contains: foobar}", {"text": "eGZvb2Jhcg=="}, True),
        ("sel: {text|base64offset|contains: foobar}", {"text": "eHhmb29iYXI="}, True),
        ("sel: {text|wide|base64offset|contains: ping}", {"text": "cABpAG4AZwA="}, True),
        ("sel: {command.arguments|windash: '-user'}", bash("net /user x"), True),
        ("sel: {arguments.a|windash|contains: ' -c'}", {"tool": "x", "a": "cmd –c dir"}, True),
        # Regular expressions are searched for, are case sensitive, and take flags.
        ("sel: {text|re: 'b+'}", {"text": "abbc"}, True),
        ("sel: {text|re: 'B+'}", {"text": "abbc"}, False),
        ("sel: {text|re|i: 'B+'}", {"text": "abbc"}, True),
        ("sel: {text|re: '^b$'}", {"text": "a\nb\nc"}, False),
        ("sel: {text|re|m: '^b$'}", {"text": "a\nb\nc"}, True),
        ("sel: {text|re: 'a.b'}", {"text": "a\nb"}, False),
        ("sel: {text|re|s: 'a.b'}", {"text": "a\nb"}, True),
        ("sel: {text|re: 'one|two'}", {"text": "a two"}, True),
        # Numbers.
        ("sel: {exit_status: 0}", {"tool": "Bash", "exit_status": 0}, True),
        ("sel: {exit_status|gte: 1}", {"tool": "Bash", "exit_status": 0}, False),
        ("sel: {exit_status|neq: 0}", {"tool": "Bash", "exit_status": 2}, True),
        ("sel: {arguments.n|lt: 2.5}", {"tool": "x", "n": "2.4"}, True),
        # Networks, in every way that a host can be written.
        ("sel: {urls|cidr: 169.254.0.0/16}", {"tool": "f", "u": "http://169.254.169.254/x"}, True),
        ("sel: {urls|cidr: 169.254.0.0/16}", {"tool": "f", "u": "http://2852039166/x"}, True),
        ("sel: {urls|cidr: 169.254.0.0/16}", {"tool": "f", "u": "http://0xa9.0xfe.43518"}, True),
        ("sel: {urls|cidr: 169.254.0.0/16}", {"tool": "f", "u": "http://[::ffff:a9fe:a9fe]/"}, True),
        ("sel: {urls|cidr: 169.254.0.0/16}", {"tool": "f", "u": "http://169.254.example/"}, False),
        # References between fields.
        ("sel: {arguments.a|fieldref: arguments.b}", {"tool": "x", "a": "P", "b": "p"}, True),
        ("sel: {arguments.a|fieldref|startswith: arguments.b}", {"tool": "x", "a": "pq", "b": "p"}, True),
        ("sel: {arguments.a|fieldref|endswith: arguments.b}", {"tool": "x", "a": "pq", "b": "p"}, False),
        # Keywords are looked for anywhere in text and arguments.
        ("sel: [alpha, beta]", {"text": "xx BETA yy"}, True),
        ("sel: [alpha, beta]", {"tool": "x", "deep": {"list": ["an alphabet"]}}, True),
        ("sel: {'|all': [alpha, beta]}", {"text": "alpha"}, False),
        # Fields with several values.
        ("sel: {arguments.a: two}", {"tool": "x", "a": ["one", "two"]}, True),
        ("sel: {arguments.a|all: [one, two]}", {"tool": "x", "a": ["one", "two"]}, True),
        ("sel: {arguments.a.b: 1}", {"tool": "x", "a": [{"b": 1}]}, True),
    ],
)  # fmt: skip
def test_a_detection_means_what_sigma_says(detection, event, expected):
    assert holds(detection, event) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a", True),
        ("b", False),
        ("a and b", False),
        ("a or b", True),
        ("not b", True),
        ("not a or not b", True),
        ("b or not b and a", True),
        ("(a or b) and not c", True),
        ("1 of x_*", True),
        ("any of x_*", True),
        ("all of x_*", False),
        ("1 of them", True),
        ("all of them", False),
        ("a and not 1 of y*", False),
    ],
)
def test_a_condition_means_what_sigma_says(condition, expected):
    detection = "a: {text|contains: A}\n  b: {text|contains: B}\n  c: {text|contains: C}\n"
    detection += "  x_1: {text|contains: A}\n  x_2: {text|contains: B}\n  y: {text|contains: a}"
    assert holds(detection, {"text": "A"}, condition=condition) is expected


def test_all_command_fields_of_a_rule_speak_of_one_command():
    detection = "sel: {command.program: git, command.arguments: --force}"
    assert holds(detection, bash("git push --force"))
    assert not holds(detection, bash("git push; rm --force x"))


def test_a_harmless_command_does_not_satisfy_the_filter_of_another():
    detection = (
        "sel: {command.program: git, command.arguments: --force}\n"
        "  ok: {command.arguments: --dry-run}"
    )
    condition = "sel and not ok"
    assert not holds(detection, bash("git push --force --dry-run"), condition=condition)
    assert holds(detection, bash("git push --force; git push --dry-run"), condition=condition)


def test_commands_fields_look_across_the_commands_of_a_call():
    detection = "sel: {commands.program|all: [curl, chmod]}"
    assert holds(detection, bash("curl -o x https://a.example; chmod +x x"))
    assert not holds(detection, bash("curl https://a.example"))


def test_several_conditions_are_alternatives():
    text = f"{HEAD}detection:\n  a: {{text: A}}\n  b: {{text: B}}\n  condition: [a, b]\n"
    running = Running(compile_rules([(Path("t.yml"), text.encode())]))
    (event,) = example_events([{"text": "B"}])
    assert running.feed_event(event)


def test_a_filter_narrows_the_rules_that_it_names():
    text = (
        f"{HEAD}detection:\n  sel: {{text|contains: x}}\n  condition: sel\n---\n"
        "title: F\nlogsource: {product: ai-agent}\nfilter:\n  rules: [t]\n"
        "  ours: {author: harness}\n  condition: not ours\n"
    )
    running = Running(compile_rules([(Path("t.yml"), text.encode())]))
    ours, theirs = example_events([{"text": "x", "author": "harness"}, {"text": "x"}])
    assert not running.feed_event(ours)
    assert running.feed_event(theirs)


@pytest.mark.parametrize(
    ("detection", "named"),
    [
        ("sel: {comand.program: git}", "comand.program"),
        ("sel: {text|re: '(a)\\1'}", "text"),
        ("sel: {text|re: '(?=a)b'}", "text"),
        ("sel: {text|re|startswith: a}", "detection.sel.text"),
        ("sel: {text|expand: '%names%'}", "placeholder"),
        ("sel: {text|hour: 3}", "text"),
        ("sel: {text|nosuch: a}", "nosuch"),
        ("sel: {kind: tool_cal}", "kind"),
        ("sel: {text|fieldref: nosuch}", "nosuch"),
        ("sel: ''", "keyword"),
        ("sel: {text|re: '(((a{100}){100}){100})'}", "text"),
    ],
)
def test_what_cannot_be_run_is_refused_with_file_and_key(detection, named):
    with pytest.raises(RuleError, match=r"t\.yml: T: ") as refused:
        holds(detection, {"text": "a"})
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "is not YAML"),
        ("- a\n- b", "expected a rule"),
        (f"{HEAD}detection:\n  s: {{text: a}}\n  s: {{text: b}}\n  condition: s\n", "given twice"),
        (f"{HEAD}detection:\n  s: {{text: a}}\n  condition: s and\n", "condition"),
        (f"{HEAD}detection:\n  s: {{text: a}}\n  condition: t\n", "not defined"),
        ("title: T\nname: t\nlogsource: {product: windows}\ndetection: {s: {text: a}, condition: s}", "ai-agent"),
        (f"{HEAD}status: deprecated\ndetection: {{s: {{text: a}}, condition: s}}", "deprecated"),
        (f"{HEAD}detection: {{s: {{text: a}}, timeframe: 5m, condition: s}}", "detection.timeframe"),
        ("action: global\ntitle: T\nlogsource: {product: ai-agent}", "action"),
        ("title: C\nname: c\ncorrelation: {type: event_count, rules: [t], condition: {gte: 2}}", "correlation:"),
        (f"{HEAD}tags: [behaviour.z9]\ndetection: {{s: {{text: a}}, condition: s}}", "Z9"),
        (f"{HEAD}roguewatch: {{must: 1}}\ndetection: {{s: {{text: a}}, condition: s}}", "must"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_rule_says_why(text, reason):
    with pytest.raises(RuleError, match=r"t\.yml") as refused:
        compile_rules([(Path("t.yml"), text.encode())])
    assert reason in str(refused.value)


def test_utf16le_is_another_word_for_wide():
    hidden = b64encode("xiex".encode("utf-16-le")).decode()
    for modifier in ("wide", "utf16le"):
        assert holds(f"sel: {{text|{modifier}|base64offset|contains: iex}}", {"text": hidden})


def test_an_example_that_does_not_hold_stops_the_load():
    rule = f"{HEAD}detection: {{s: {{text: a}}, condition: s}}\nroguewatch:\n"
    for example in ("  must_match: [{text: b}]\n", "  must_not_match: [{text: a}]\n"):
        with pytest.raises(RuleError, match=r"t\.yml: T: roguewatch\.must_"):
            compile_rules([(Path("t.yml"), (rule + example).encode())])
