"""Backslash escapes of `$'…'`, `echo -e` and `printf` (bash manual 3.1.2.4)."""

from __future__ import annotations

import re
from contextlib import suppress

_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|0?([0-7]{1,3})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c(.)|(.))",
    re.S,
)
_NAMED = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r",
    "t": "\t", "v": "\v",
}  # fmt: skip


def decode_ansi(text: str) -> tuple[str, bool]:
    """The text with escapes replaced, and whether any spelled a printable character."""
    if "\\" not in text:
        return text, False
    hidden = False

    def replace(match: re.Match[str]) -> str:
        nonlocal hidden
        hexadecimal, octal, short, long, control, other = match.groups()
        if other is not None:
            return _NAMED.get(other, other)
        if control is not None:
            return chr(ord(control) & 0x1F)
        code = int(octal, 8) & 0xFF if octal else int(hexadecimal or short or long, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            return "\ufffd"
        hidden = hidden or code > 0x20
        return chr(code)

    decoded = _ESCAPE.sub(replace, text)
    with suppress(UnicodeError):  # \xC3\xA9 spells one character of UTF-8
        decoded = decoded.encode("latin-1").decode("utf-8")
    return decoded, hidden
