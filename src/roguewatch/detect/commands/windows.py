"""`cmd.exe`: commands joined by `&`, `&&`, `||`, `|`; carets and `%NAME%` undone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from roguewatch.detect.commands.frame import Frame
    from roguewatch.detect.commands.interpreter import Interpreter

MAX_SOURCE = 65_536
_TOKEN = re.compile(
    r'(?P<quoted>"[^"\n]*"?)|(?P<end>&&|\|\||[&|\n()])|(?P<space>[ \t\r]+)|(?P<word>(?:\^.|[^\s"&|()^])+)|.',
    re.S,
)


def read_cmd(run: Interpreter, text: str, frame: Frame) -> None:
    """Note the commands of a cmd.exe line or batch file."""
    if len(text) > MAX_SOURCE:
        run.bounded = True
        text = text[:MAX_SOURCE]
    variables: dict[str, str] = {"userprofile": "~", "comspec": "cmd"}
    words: list[str] = []
    glue = False
    tokens = [(m.lastgroup, m.group()) for m in _TOKEN.finditer(text)]
    for kind, token in [*tokens, ("end", "\n")]:
        if kind == "end":
            if words:
                _command(run, words, variables, frame)
            words, glue = [], False
        elif kind == "space":
            glue = False
        else:
            value = token.strip('"') if kind == "quoted" else re.sub(r"\^(.)", r"\1", token)
            value = re.sub(r"%(\w+)%", lambda m: variables.get(m[1].lower(), m[0]), value)
            if glue and words:
                words[-1] += value
            else:
                words.append(value)
            glue = True


def _command(run: Interpreter, words: list[str], variables: dict[str, str], frame: Frame) -> None:
    words = [words[0].lstrip("@"), *words[1:]] if words[0].lstrip("@") else words[1:]
    if not words:
        return
    name = words[0].lower()
    if name == "set" and len(words) > 1 and "=" in words[1]:
        key, _, value = " ".join(words[1:]).partition("=")
        variables[key.lower()] = value
    if name == "start" and len(words) > 1:
        rest = [w for w in words[1:] if not w.startswith("/") and w]
        if rest:
            run.words(rest, replace(frame.inside("start"), background=True))
        return
    if name == "call" and len(words) > 1:
        words, name = words[1:], words[1].lower()
    run.words([name.removesuffix(".exe"), *words[1:]], replace(frame, depth=frame.depth + 1))
