"""Make hostile text safe to show.

Everything that an agent wrote (transcripts, tool outputs, file names) may hold
escape sequences that move a terminal's cursor, rewrite its title or reorder the
line with bidirectional controls. `printable` makes them visible instead.
"""

from __future__ import annotations

import os
import re

# C0 and C1 controls, DEL, line and paragraph separators, zero-width and
# bidirectional controls (UAX #9), surrogates, BOM, tag characters.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_UNSAFE_IN_TEXT = re.compile(f"[{_UNSAFE}]")
_UNSAFE_IN_LINE = re.compile(f"[\n\t{_UNSAFE}]")


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, limit: int | None = None) -> str:
    """One line of `text` with every control character made visible.

    Args:
        text: any string, lone surrogates included.
        limit: at most this many characters of `text` are kept; an ellipsis
            marks the cut.

    Returns:
        A string with no control character, newline or tab.
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + "…"
    return _UNSAFE_IN_LINE.sub(_escape, text)


def printable_text(text: str) -> str:
    """Like `printable`, but newlines and tabs stay; carriage returns do not."""
    return _UNSAFE_IN_TEXT.sub(_escape, text.replace("\r\n", "\n"))


def printable_path(path: str | os.PathLike[str]) -> str:
    """A file name as it may be shown and stored: valid UTF-8, no controls."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))
