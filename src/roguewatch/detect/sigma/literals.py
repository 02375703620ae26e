"""What an expression needs: the literals of which one is in everything that it matches.

Python's parser reads the expression, which is never run. Done when rules are compiled, and
kept with them.
"""

from __future__ import annotations

import re

# The parser of `re` has no public name since `sre_parse` was deprecated.
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as sre_parser  # type: ignore[import-not-found]
from typing import Any

from roguewatch.detect.sigma.expression import fold
from roguewatch.detect.sigma.words import LEAST, telling


def required_literals(pattern: str, flags: str = "") -> frozenset[str] | None:
    """Folded texts of which one is in every match; None where none could be shown.

    Python's parser reads the expression; it is never run.
    """
    try:
        parsed = sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    return _required(list(parsed))


_MOST = 60
"""Literals of which one must be there: with more, they are no telling set."""


def _required(items: list[Any]) -> frozenset[str] | None:
    """The best set among the runs of known texts and the groups of a sequence."""
    found: list[frozenset[str]] = []
    run = frozenset([""])
    for op, value in items:
        if op is sre.AT:  # an anchor has no width: what stands around it is adjacent
            continue
        texts = _texts(op, value)
        if texts is not None and len(texts) * len(run) <= _MOST:
            run = frozenset(before + after for before in run for after in texts)
            continue
        found.append(run)
        run = frozenset([""]) if texts is None else texts
        inner = _inner(op, value)
        if inner:
            found.append(inner)
    found.append(run)
    shortest = (_shortest(one) for one in found)
    usable = [one for one in shortest if min(map(len, one)) >= LEAST and len(one) <= _MOST]
    return max(usable, key=lambda one: (min(map(telling, one)), -len(one)), default=None)


def _shortest(texts: frozenset[str]) -> frozenset[str]:
    """Folded, without those that contain another: where they stand, it stands too."""
    kept: list[str] = []
    for text in sorted(map(fold, texts), key=len):
        if not any(one in text for one in kept):
            kept.append(text)
    return frozenset(kept)


def _texts(op: Any, value: Any) -> frozenset[str] | None:
    """All texts that a part of an expression matches, where they are few."""
    if op is sre.LITERAL:
        return frozenset([chr(value)])
    if op is sre.SUBPATTERN:
        return _sequence(list(value[3]))
    if op is sre.BRANCH:
        branches = [_sequence(list(branch)) for branch in value[1]]
        known = [one for one in branches if one is not None]
        union = frozenset(text for one in known for text in one)
        return union if len(known) == len(branches) and len(union) <= _MOST else None
    if op is sre.IN and len(value) <= 4 and all(kind is sre.LITERAL for kind, _ in value):
        return frozenset(chr(code) for _, code in value)
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and value[1] == 1:
        inner = _sequence(list(value[2]))
        return inner and (inner | {""} if value[0] == 0 else inner)
    return None


def _sequence(items: list[Any]) -> frozenset[str] | None:
    known = frozenset([""])
    for op, value in items:
        texts = frozenset([""]) if op is sre.AT else _texts(op, value)
        if texts is None or len(texts) * len(known) > _MOST:
            return None
        known = frozenset(before + after for before in known for after in texts)
    return known


def _inner(op: Any, value: Any) -> frozenset[str] | None:
    if op is sre.SUBPATTERN:
        return _required(list(value[3]))
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, _, body = value
        return _required(list(body)) if least >= 1 else None
    if op is sre.BRANCH:
        union: set[str] = set()
        for branch in value[1]:
            one = _required(list(branch))
            if one is None:
                return None
            union |= one
        return frozenset(union)
    return None
