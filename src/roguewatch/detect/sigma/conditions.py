"""pySigma's condition trees into our expressions; what cannot be run is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.modifiers import SigmaEndswithModifier, SigmaStartswithModifier
from sigma.rule import SigmaDetection, SigmaDetectionItem
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
    SigmaTimestampPart,
    SpecialChars,
)

from roguewatch.detect.fields import field
from roguewatch.detect.sigma.expression import (
    KEYWORD,
    And,
    Boolean,
    Exists,
    Expression,
    Like,
    Network,
    Not,
    Number,
    Or,
    Part,
    Reference,
    Regex,
    fold,
)
from roguewatch.detect.sigma.literals import required_literals

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_OPERATORS = {
    CompareOperators.LT: "lt",
    CompareOperators.LTE: "lte",
    CompareOperators.GT: "gt",
    CompareOperators.GTE: "gte",
}
MAX_PATTERN_PROGRAM = 20_000
"""RE2 instructions; a larger program is refused, so that scanning stays quick."""


class Unsupported(Exception):  # noqa: N818
    """Why a part of a rule cannot be run: (key, reason)."""


def check_items(name: str, detection: SigmaDetection) -> None:
    """Refuse modifier combinations whose meaning pySigma's tree does not keep."""
    for item in detection.detection_items:
        if isinstance(item, SigmaDetection):
            check_items(name, item)
            continue
        anchored = {SigmaStartswithModifier, SigmaEndswithModifier} & set(item.modifiers)
        if anchored and any(isinstance(value, SigmaRegularExpression) for value in item.value):
            raise Unsupported(
                _key(name, item), "startswith or endswith with re; write ^ or $ in the expression"
            )


def _key(name: str, item: SigmaDetectionItem) -> str:
    return f"detection.{name}.{item.field or 'keywords'}"


def expression(condition: Any) -> Expression:
    """A postprocessed pySigma condition as an expression.

    Raises:
        Unsupported: naming the field and the reason.
    """
    if isinstance(condition, ConditionAND):
        return And(tuple(expression(arg) for arg in condition.args))
    if isinstance(condition, ConditionOR):
        return Or(tuple(expression(arg) for arg in condition.args))
    if isinstance(condition, ConditionNOT):
        return Not(expression(condition.args[0]))
    if isinstance(condition, ConditionFieldEqualsValueExpression):
        if field(condition.field) is None:
            raise Unsupported(
                condition.field, "there is no such field; docs/detection.md lists them all"
            )
        return _leaf(condition.field, condition.value)
    if isinstance(condition, ConditionValueExpression):
        return _leaf(KEYWORD, condition.value)
    raise Unsupported("condition", f"cannot run a {type(condition).__name__}")


def _leaf(name: str, value: Any) -> Expression:
    if isinstance(value, SigmaExpansion):
        return Or(tuple(_leaf(name, inner) for inner in value.values))
    if isinstance(value, SigmaString):
        return _string(name, value)
    if isinstance(value, SigmaRegularExpression):
        return _regex(name, value)
    if isinstance(value, SigmaTimestampPart):
        raise Unsupported(name, "minute, hour, day, week, month and year need a time field")
    if isinstance(value, SigmaNumber):
        return Number(name, "eq", value.number)
    if isinstance(value, SigmaBool):
        return Boolean(name, value.boolean)
    if name == KEYWORD:
        raise Unsupported("keywords", f"a {type(value).__name__} needs a field")
    if isinstance(value, SigmaNull):
        return Exists(name, False)
    if isinstance(value, SigmaExists):
        return Exists(name, value.exists)
    if isinstance(value, SigmaCompareExpression):
        if not isinstance(value.number, SigmaNumber) or isinstance(
            value.number, SigmaTimestampPart
        ):
            raise Unsupported(name, "only numbers can be compared")
        operator = _OPERATORS.get(value.op)
        if operator is None:
            return Not(Number(name, "eq", value.number.number))
        return Number(name, operator, value.number.number)  # type: ignore[arg-type]
    if isinstance(value, SigmaCIDRExpression):
        return Network(name, str(value.network))
    if isinstance(value, SigmaFieldReference):
        if field(value.field) is None:
            raise Unsupported(value.field, "there is no such field to refer to")
        return Reference(name, value.field, bool(value.starts_with), bool(value.ends_with))
    raise Unsupported(name, f"values of type {type(value).__name__} are not supported")


def _string(name: str, value: SigmaString) -> Expression:
    parts: list[Part] = []
    cased = isinstance(value, SigmaCasedString)
    for piece in value.s:
        if isinstance(piece, str):
            parts.append(piece if cased else fold(piece))
        elif piece is SpecialChars.WILDCARD_MULTI:
            if not parts or parts[-1] != 0:
                parts.append(0)
        elif piece is SpecialChars.WILDCARD_SINGLE:
            parts.append(1)
        else:
            raise Unsupported(name or "keywords", "placeholders (expand) are not filled in here")
    if name == KEYWORD:
        # A keyword is looked for anywhere in the text.
        if not any(isinstance(part, str) and part for part in parts):
            raise Unsupported("keywords", "an empty keyword would match everything")
        if parts[0] != 0:
            parts.insert(0, 0)
        if parts[-1] != 0:
            parts.append(0)
    return Like(name, tuple(parts), cased)


def _regex(name: str, value: SigmaRegularExpression) -> Expression:
    pattern = str(value.regexp)
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        program = re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise Unsupported(
            name or "keywords", f"RE2 cannot run this expression in linear time: {text}"
        ) from error
    if program.programsize > MAX_PATTERN_PROGRAM:
        raise Unsupported(name or "keywords", "the expression is too large")
    return Regex(name, pattern, flags, tuple(sorted(required_literals(pattern) or ())))


def alternatives(tree: Any) -> tuple[tuple[str, ...], ...]:
    """A correlation's boolean condition as sets of rules of which any suffices.

    Raises:
        Unsupported: for `not`, which only the end of a window could decide, and for
            conditions with more than 64 alternatives.
    """
    from sigma.correlations import (
        CorrelationConditionAND,
        CorrelationConditionOR,
        SigmaRuleReference,
    )

    if isinstance(tree, SigmaRuleReference):
        return ((tree.reference,),)
    if isinstance(tree, CorrelationConditionOR):
        return _bounded(choice for arg in tree.args for choice in alternatives(arg))
    if isinstance(tree, CorrelationConditionAND):
        found: tuple[tuple[str, ...], ...] = ((),)
        for arg in tree.args:
            found = _bounded(
                tuple(dict.fromkeys(left + right)) for left in found for right in alternatives(arg)
            )
        return found
    raise Unsupported("correlation.condition", "`not` could only be decided when a window ends")


def _bounded(choices: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    found = tuple(dict.fromkeys(choices))
    if len(found) > 64:
        raise Unsupported("correlation.condition", "more than 64 alternatives")
    return found
