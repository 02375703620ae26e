"""Runs of words in which nothing expands, read at once: most of what most commands say."""

from __future__ import annotations

import re

from roguewatch.detect.commands.syntax import Literal, Word

RUN = re.compile(
    r"""(?:(?:[A-Za-z0-9_./:@%+,^=-]++|'[^']*+'|"[^"\\$`]*+")(?=[ \t\n;|&)]|\Z)[ \t]*+)++"""
)
"""Words in which nothing expands, and the blanks after each. Atomic: it never backtracks."""
_WORD = re.compile(r"""'([^']*+)'|"([^"]*+)"|[^ \t'"]++""")
COMMAND = re.compile(
    r"(?!(?:if|then|elif|else|fi|while|until|for|select|do|done|case|esac|function|coproc|time)"
    r"(?=[ \t\n;|&)]|\Z))" + RUN.pattern
)
"""Such words where a command may begin. A run after a keyword is not looked at twice."""


def words_of(run: str) -> list[Word]:
    """The words of a run."""
    if "'" not in run and '"' not in run:
        return list(run.split())
    words: list[Word] = []
    for match in _WORD.finditer(run):
        group = match.lastindex
        words.append((Literal(match.group(group), True),) if group else match.group())
    return words
