"""What PowerShell's commonest expressions of constants are: how payloads are hidden in it.

Only where the text alone decides it; each becomes a string in single quotes, as if it had been
written there.
"""

from __future__ import annotations

import base64
import re

MAX_FOLDED = 16_384
"""Characters of a script; longer ones are read as they stand."""
MAX_ROUNDS = 6
"""Expressions may stand in one another this deep."""

_STRING = r"(?:'[^'\n]{0,4096}'|\"[^\"`$\n]{0,4096}\")"
_PACKED = re.compile(rf"\[(?:System\.)?Convert\]::FromBase64String\(\s*({_STRING})\s*\)", re.I)
_ENCODED = re.compile(
    rf"\[(?:System\.)?(?:Text\.)?Encoding\]::(UTF8|ASCII|Unicode|Default|BigEndianUnicode)\.GetString\(\s*{_PACKED.pattern}\s*\)",
    re.I,
)
_JOINED = re.compile(
    rf"-join\s*\(\s*({_STRING}(?:\s{{0,8}},\s{{0,8}}{_STRING}){{0,64}})\s*\)", re.I
)
_JOINED_AFTER = re.compile(
    rf"@?\(\s*({_STRING}(?:\s{{0,8}},\s{{0,8}}{_STRING}){{0,64}})\s*\)\s*-join\s*({_STRING})", re.I
)
_FORMATTED = re.compile(
    rf"({_STRING})\s*-f\s*({_STRING}(?:\s{{0,8}},\s{{0,8}}{_STRING}){{0,64}})(?!\s*[+-])", re.I
)
_SLICED = re.compile(
    rf"(?:(\()\s{{0,8}})?({_STRING})\s*\[\s*(-?\d{{1,4}})\s*\.\.\s*(-?\d{{1,4}})\s*\]\s*(?(1)\)\s*)-join\s*''",
    re.I,
)
_ADDED = re.compile(rf"({_STRING})\s*\+\s*({_STRING})")
_REPLACED = re.compile(
    rf"({_STRING})(?:\.replace\(\s*({_STRING})\s*,\s*({_STRING})\s*\)|\s*-c?replace\s*({_STRING})\s*,\s*({_STRING}))",
    re.I,
)
_CODES = re.compile(r"\[char\]\s*(?:\(\s*)?(0x[0-9a-f]{1,4}|\d{1,5})\b\s*\)?", re.I)
_GROUPED = re.compile(rf"(?<![\w\]])\(\s*({_STRING})\s*\)")
_PIPED = re.compile(rf"({_STRING})\s*\|\s*(?:iex|invoke-expression)\b", re.I)
_LOOPED = re.compile(
    rf"({_STRING})\s*\|\s*(?:%|foreach(?:-object)?)\s*\{{([^{{}}]{{1,2000}})\}}", re.I
)
_EACH = re.compile(_STRING)
_CODECS = {"utf8": "utf-8", "ascii": "ascii", "unicode": "utf-16-le", "default": "utf-8",
           "bigendianunicode": "utf-16-be"}  # fmt: skip
_TELLING = re.compile(r"-join|-f\b|frombase64|\[char\]|replace|'\s*\+|\"\s*\+|['\")]\s*\|", re.I)


def folded(text: str) -> tuple[str, tuple[str, ...]]:
    """A script with its constant expressions put as strings.

    Returns:
        The script, and the texts that had to be decoded for it.
    """
    if len(text) > MAX_FOLDED or not _TELLING.search(text):
        return text, ()
    decoded: list[str] = []

    def encoded(match: re.Match[str]) -> str:
        packed = re.sub(r"[^A-Za-z0-9+/]", "", _plain(match.group(2)))
        try:
            data = base64.b64decode(packed + "=" * (-len(packed) % 4))
        except ValueError:
            return match.group()
        decoded.append(data.decode(_CODECS[match.group(1).lower()], "replace"))
        return _quoted(decoded[-1])

    for _ in range(MAX_ROUNDS):
        before = text
        text = _ENCODED.sub(encoded, text)
        text = _CODES.sub(_character, text)
        text = _JOINED_AFTER.sub(lambda m: _quoted(_plain(m[2]).join(_items(m[1]))), text)
        text = _JOINED.sub(lambda m: _quoted("".join(_items(m[1]))), text)
        text = _SLICED.sub(_slice, text)
        text = _FORMATTED.sub(_format, text)
        text = _REPLACED.sub(_replace, text)
        text = _ADDED.sub(lambda m: _quoted(_plain(m[1]) + _plain(m[2])), text)
        text = _GROUPED.sub(r"\1", text)
        text = _PIPED.sub(lambda m: f"iex {m[1]}", text)
        text = _LOOPED.sub(lambda m: m[2].replace("$_", m[1]), text)
        if text == before or len(text) > 4 * len(before) + 4096:
            break
    return text, tuple(decoded)


def _plain(literal: str) -> str:
    return literal[1:-1].replace("''", "'") if literal[0] == "'" else literal[1:-1]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _items(listed: str) -> list[str]:
    return [_plain(one) for one in _EACH.findall(listed)]


def _character(match: re.Match[str]) -> str:
    code = int(match.group(1), 0) if match.group(1)[:2].lower() == "0x" else int(match.group(1))
    return _quoted(chr(code)) if 0 < code < 0xD800 else match.group()


def _slice(match: re.Match[str]) -> str:
    text, low, high = _plain(match.group(2)), int(match.group(3)), int(match.group(4))
    step = 1 if high >= low else -1
    places = range(low, high + step, step)
    return _quoted("".join(text[at] for at in places if -len(text) <= at < len(text)))


def _format(match: re.Match[str]) -> str:
    items = _items(match.group(2))
    form = re.sub(
        r"\{(\d{1,3})\}",
        lambda one: items[int(one[1])] if int(one[1]) < len(items) else one[0],
        _plain(match.group(1)),
    )
    return _quoted(form)


def _replace(match: re.Match[str]) -> str:
    old, new = (
        (match.group(2), match.group(3)) if match.group(2) else (match.group(4), match.group(5))
    )
    return _quoted(_plain(match.group(1)).replace(_plain(old), _plain(new)))
