"""A slow, obvious evaluator of Sigma rules: what the compiled engine must agree with.

It walks the condition tree that pySigma parsed, with Python's `re` and string operations,
one event at a time, every rule on every event. It shares with the engine the table of
fields and nothing of how rules are compiled, filed or matched.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.correlations import SigmaCorrelationRule
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

from roguewatch.detect.action import Action
from roguewatch.detect.fields import field


def parse(text: str) -> dict[str, SigmaRule]:
    """The event rules of a rule file by name (or id), filters applied."""
    documents = [d for d in yaml.safe_load_all(text) if d]
    kinds = {"correlation": SigmaCorrelationRule, "filter": SigmaFilter}
    parsed = []
    for document in documents:
        document.pop("roguewatch", None)
        kind = next((kinds[key] for key in kinds if key in document), SigmaRule)
        if kind is not SigmaCorrelationRule:
            parsed.append(kind.from_dict(document))
    rules = [rule for rule in parsed if isinstance(rule, SigmaRule)]
    for one in parsed:
        if isinstance(one, SigmaFilter):
            rules = [one.apply_on_rule(rule) for rule in rules]
    return {str(rule.name or rule.id): rule for rule in rules}


def parse_folder(folder: Path) -> dict[str, SigmaRule]:
    """All files as one text, since a filter may stand in another file than its rule."""
    texts = [path.read_text() for path in sorted(folder.rglob("*.yml"))]
    return parse("\n---\n".join(texts)) if texts else {}


def matches(rule: SigmaRule, action: Action) -> bool:
    """Whether the rule holds on any command of the event, or on the event without one."""
    trees, per_command = _parsed(rule)
    commands: list[Any] = list(action.commands) if per_command and action.commands else [None]
    return any(_holds(tree, action, command) for tree in trees for command in commands)


_trees: dict[int, tuple[SigmaRule, list[Any], bool]] = {}


def _parsed(rule: SigmaRule) -> tuple[list[Any], bool]:
    """pySigma's trees of a rule, parsed once (it would parse them at every call)."""
    known = _trees.get(id(rule))
    if known is None or known[0] is not rule:
        trees = [condition.parse() for condition in rule.detection.parsed_condition]
        per_command = any(_fields(tree) for tree in trees)
        known = _trees[id(rule)] = (rule, trees, per_command)
    return known[1], known[2]


def _fields(tree: Any) -> list[str]:
    if isinstance(tree, ConditionAND | ConditionOR | ConditionNOT):
        return [name for arg in tree.args for name in _fields(arg)]
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        names = [tree.field]
        if isinstance(tree.value, SigmaFieldReference):
            names.append(tree.value.field)
        return [name for name in names if name.startswith("command.")]
    return []


def _holds(tree: Any, action: Action, command: Any) -> bool:
    # The commonest first: these classes are abstract ones', and asking costs.
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        values = _get(tree.field, action, command)
        return _test(tree.value, values, lambda name: _get(name, action, command))
    if isinstance(tree, ConditionAND):
        return all(_holds(arg, action, command) for arg in tree.args)
    if isinstance(tree, ConditionOR):
        return any(_holds(arg, action, command) for arg in tree.args)
    if isinstance(tree, ConditionNOT):
        return not _holds(tree.args[0], action, command)
    assert isinstance(tree, ConditionValueExpression)
    return _keyword(tree.value, [action.text, *action.strings])


def _get(name: str, action: Action, command: Any) -> list[Any]:
    known = field(name)
    assert known is not None, name
    return list(known.get(action, command))


def _keyword(value: Any, texts: list[str]) -> bool:
    if isinstance(value, SigmaExpansion):
        return any(_keyword(inner, texts) for inner in value.values)
    if isinstance(value, SigmaString):
        cased = isinstance(value, SigmaCasedString)
        pattern = _once(value, lambda: _compiled(_wildcards(value, cased)))
        return any(pattern.search(text if cased else text.casefold()) for text in texts)
    if isinstance(value, SigmaNumber | SigmaBool):
        return _test(value, list(texts), None)
    return _test(value, list(texts), None)


_patterns: dict[int, tuple[Any, re.Pattern[str]]] = {}


def _once(value: Any, make: Any) -> re.Pattern[str]:
    """The pattern of a value of pySigma's, made once: what is cached is the same object's."""
    known = _patterns.get(id(value))
    if known is None or known[0] is not value:
        known = _patterns[id(value)] = (value, make())
    return known[1]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _wildcards(value: SigmaString, cased: bool) -> str:
    pieces = []
    for part in value.s:
        if isinstance(part, str):
            pieces.append(re.escape(part if cased else part.casefold()))
        else:
            pieces.append(".*" if part is SpecialChars.WILDCARD_MULTI else ".")
    return "".join(pieces)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _test(value: Any, values: list[Any], get: Any) -> bool:
    if isinstance(value, SigmaString):
        if not value.s:
            return not values or "" in [_text(one) for one in values]
        cased = isinstance(value, SigmaCasedString)
        pattern = _once(value, lambda: _compiled(_wildcards(value, cased)))
        texts = [_text(one) if cased else _text(one).casefold() for one in values]
        return any(pattern.fullmatch(text) for text in texts)
    if isinstance(value, SigmaRegularExpression):
        compiled = _once(value, lambda: python_regex(value))
        return any(compiled.search(_text(one)) for one in values)
    if isinstance(value, SigmaExpansion):
        return any(_test(inner, values, get) for inner in value.values)
    if isinstance(value, SigmaNull):
        return not values
    if isinstance(value, SigmaExists):
        return bool(values) == bool(value)
    if isinstance(value, SigmaBool):
        return _text(bool(value)) in [_text(v).casefold() for v in values if not _is_number(v)]
    if isinstance(value, SigmaNumber):
        return any(number == value.number for number in _numbers(values))
    if isinstance(value, SigmaCompareExpression):
        bound = value.number.number
        return any(_compare(value.op, number, bound) for number in _numbers(values))
    if isinstance(value, SigmaCIDRExpression):
        return any(_within(_text(one), value.network) for one in values)
    assert isinstance(value, SigmaFieldReference)
    return any(
        _refers(_text(one).casefold(), _text(other).casefold(), value)
        for one in values
        for other in get(value.field)
    )


def _refers(text: str, other: str, reference: SigmaFieldReference) -> bool:
    if reference.starts_with and reference.ends_with:
        return other in text
    if reference.starts_with:
        return text.startswith(other)
    if reference.ends_with:
        return text.endswith(other)
    return text == other


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(values: list[Any]) -> list[float]:
    found: list[float] = []
    for value in values:
        if _is_number(value):
            found.append(value)
        elif isinstance(value, str) and value.isascii() and len(value) <= 40:
            for kind in (int, float):
                try:
                    found.append(kind(value))
                    break
                except ValueError:
                    continue
    return found


def _compare(op: CompareOperators, number: float, bound: float) -> bool:
    return {
        CompareOperators.LT: number < bound,
        CompareOperators.LTE: number <= bound,
        CompareOperators.GT: number > bound,
        CompareOperators.GTE: number >= bound,
    }[op]


def _within(text: str, network: Any) -> bool:
    url = re.match(r"[^:]{0,29}://", text)
    host = text[url.end() :] if url else text
    host = re.split(r"[/?#\\]", host)[0].split("@")[-1].strip()
    bracket = re.match(r"\[([^\]]*)", host)
    if bracket:
        host = bracket.group(1)
    elif host.count(":") == 1:
        host = host.split(":")[0]
    host = host.split("%")[0] if ":" in host else host
    try:
        address: Any = ipaddress.ip_address(host)
    except ValueError:
        if not url or not host or len(host) > 255 or not host.isascii():
            return False
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
        except (OSError, ValueError):
            return False
    if address.version == 6 and address.ipv4_mapped and network.version == 4:
        address = address.ipv4_mapped
    return address in network


def python_regex(value: SigmaRegularExpression) -> re.Pattern[str]:
    """The expression for `re`, with what RE2 means by its classes and its `$`."""
    return python_pattern(
        str(value.regexp),
        "".join(
            {
                SigmaRegularExpressionFlag.IGNORECASE: "i",
                SigmaRegularExpressionFlag.MULTILINE: "m",
                SigmaRegularExpressionFlag.DOTALL: "s",
            }[flag]
            for flag in value.flags
        ),
    )


_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": r"\t\n\f\r ",
}


@cache
def python_pattern(pattern: str, flags: str) -> re.Pattern[str]:
    prefix = re.match(r"\(\?([imsU]+)\)", pattern)
    multiline = "m" in flags or bool(prefix and "m" in prefix.group(1))
    out, inside, i, opened = [], False, 0, [0]
    while i < len(pattern):
        char = pattern[i]
        if char == "\\" and i + 1 < len(pattern):
            letter = pattern[i + 1]
            i += 2
            if letter.lower() in _CLASSES:
                body = _CLASSES[letter.lower()]
                if inside:
                    out.append(body if letter.islower() else "\\" + letter)
                else:
                    out.append(f"[{'^' if letter.isupper() else ''}{body}]")
            elif letter == "z":
                out.append(r"\Z")
            elif letter in "bB":
                out.append(f"(?a:\\{letter})")
            else:
                out.append("\\" + letter)
            continue
        later = re.match(r"\(\?([imsU]+)\)", pattern[i:]) if not inside and i else None
        if later:
            # RE2 lets flags begin anywhere; they last until the group ends.
            out.append(f"(?{later.group(1)}:")
            opened[-1] += 1
            i += later.end()
            continue
        if char == "(" and not inside:
            opened.append(0)
        if char == ")" and not inside:
            out.append(")" * opened.pop())
        if char == "[" and not inside:
            inside = True
            out.append(char)
            i += 1
            while i < len(pattern) and pattern[i] in "^]":
                out.append(pattern[i])
                i += 1
            continue
        if char == "[":
            out.append(r"\[")
            i += 1
            continue
        if char == "]":
            inside = False
        if char == "$" and not inside and not multiline:
            out.append(r"\Z")
        else:
            out.append(char)
        i += 1
    out.append(")" * opened.pop())
    number = sum({"i": re.I, "m": re.M, "s": re.S}[flag] for flag in flags)
    return re.compile("".join(out), number)


__all__ = ["matches", "parse", "parse_folder", "python_pattern"]
