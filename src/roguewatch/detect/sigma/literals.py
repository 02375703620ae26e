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
    except re.error:
        # RE2 takes `(?i)` anywhere. What flags change, what must be there folded is the same.
        plain = _FLAGS.sub("", pattern)
        if plain == pattern or _FLAGS_IN_CLASS.search(pattern):
            return None
        return required_literals(plain)
    except (RecursionError, OverflowError):
        return None
    return _required(list(parsed))


_FLAGS = re.compile(r"(?<!\\)\(\?[imsU]+\)")
_FLAGS_IN_CLASS = re.compile(r"\[[^\]]*\(\?")
_MOST = 60
"""Literals of which one must be there: with more, they are no telling set."""
_MOST_LETTERS = 130
"""Members of a class of characters that are not ASCII, each of which is a telling literal."""
_NOTHING = frozenset([""])


def _required(items: list[Any], run: frozenset[str] = _NOTHING) -> frozenset[str] | None:
    """The best set among the runs of known texts and the groups of a sequence.

    Args:
        items: the sequence.
        run: texts of which one stands right before it.
    """
    found: list[frozenset[str]] = []
    for op, value in items:
        if op is sre.AT:  # an anchor has no width: what stands around it is adjacent
            continue
        texts = _texts(op, value)
        if texts is not None and len(texts) * len(run) <= _MOST:
            run = frozenset(before + after for before in run for after in texts)
            continue
        found.append(run)
        found += _inner(op, value, run)
        run = _NOTHING if texts is None else texts
    found.append(run)
    usable = [one for one in map(_shortest, found) if _usable(one)]
    return max(usable, key=lambda one: (min(map(telling, one)), -len(one)), default=None)


def _usable(texts: frozenset[str]) -> bool:
    """Whether they are few enough, and long enough: in bytes, for a letter beyond ASCII tells
    texts apart by itself."""
    longest = max(map(len, texts))
    return len(texts) <= (_MOST if longest > 1 else _MOST_LETTERS) and all(
        len(text.encode("utf-8", "replace")) >= LEAST for text in texts
    )


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
    if op is sre.IN:
        return _class(value)
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and value[1] == 1:
        inner = _sequence(list(value[2]))
        return inner and (inner | {""} if value[0] == 0 else inner)
    return None


def _class(members: list[Any]) -> frozenset[str] | None:
    """The characters of a class: few, or somewhat more of those that are not in most texts."""
    codes: list[int] = []
    for kind, code in members:
        if kind is sre.LITERAL:
            codes.append(code)
        elif kind is sre.RANGE and code[1] - code[0] < _MOST_LETTERS:
            codes += range(code[0], code[1] + 1)
        else:
            return None
    few = len(codes) <= 4 or (len(codes) <= _MOST_LETTERS and min(codes) > 0x7F)
    return frozenset(map(chr, codes)) if few else None


def _sequence(items: list[Any]) -> frozenset[str] | None:
    known = frozenset([""])
    for op, value in items:
        texts = frozenset([""]) if op is sre.AT else _texts(op, value)
        if texts is None or len(texts) * len(known) > _MOST:
            return None
        known = frozenset(before + after for before in known for after in texts)
    return known


def _inner(op: Any, value: Any, run: frozenset[str]) -> list[frozenset[str]]:
    """What a group needs: with what stands right before it, where that tells more."""
    alone = _of_group(op, value, _NOTHING)
    if run == _NOTHING:
        return [alone] if alone else []
    after = _of_group(op, value, run)
    if not (after and alone):
        return [one for one in (after, alone) if one]
    longer = min(map(telling, after)) >= min(map(telling, alone))
    return [after] if longer and len(after) <= len(alone) + 8 else [alone]


def _of_group(op: Any, value: Any, run: frozenset[str]) -> frozenset[str] | None:
    if op is sre.SUBPATTERN:
        return _required(list(value[3]), run)
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, _, body = value
        return _required(list(body), run) if least >= 1 else None
    if op is sre.BRANCH:
        union: set[str] = set()
        for branch in value[1]:
            one = _required(list(branch), run)
            if one is None:
                return None
            union |= one
        return frozenset(union)
    return None
