"""Builtins that change what later commands mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from roguewatch.detect.commands.state import Text

if TYPE_CHECKING:
    from roguewatch.detect.commands.frame import Call
    from roguewatch.detect.commands.interpreter import Interpreter

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.S)

Builtin = Callable[["Interpreter", "Call"], tuple[str, ...]]
"""Gives the assignments that the command makes."""


def _export(run: Interpreter, call: Call) -> tuple[str, ...]:
    made = []
    for word in call.arguments:
        match = _ASSIGNMENT.match(word)
        if match:
            made.append(word)
            known = Text(match[2], call.frame.decoded, call.frame.certain)
            run.state.variables[match[1]] = known
    return tuple(made)


def _unset(run: Interpreter, call: Call) -> tuple[str, ...]:
    for word in call.arguments:
        run.state.variables.pop(word, None)
    return ()


def _cd(run: Interpreter, call: Call) -> tuple[str, ...]:
    targets = [word for word in call.arguments if not word.startswith("-") or word == "-"]
    run.state.change_directory(targets[0] if targets else "~")
    return ()


def _alias(run: Interpreter, call: Call) -> tuple[str, ...]:
    for word in call.arguments:
        name, equals, value = word.partition("=")
        if equals and name:
            run.state.aliases[name] = value
    return ()


def _read(run: Interpreter, call: Call) -> tuple[str, ...]:
    names = [word for word in call.arguments if re.fullmatch(r"[A-Za-z_]\w*", word)]
    if call.stdin is not None and names:
        pieces = call.stdin.value.split("\n", 1)[0].split(None, len(names) - 1)
        for name, piece in zip(names, pieces, strict=False):
            run.state.variables[name] = Text(piece.strip(), call.stdin.decoded, call.stdin.certain)
    return ()


def _printf(run: Interpreter, call: Call) -> tuple[str, ...]:
    from roguewatch.detect.commands.filters import run_filter

    if call.arguments[:1] == ["-v"] and len(call.arguments) > 2:
        known = run_filter("printf", call.arguments[2:], None)
        if known is not None:
            run.state.variables[call.arguments[1]] = known
    return ()


def _set(run: Interpreter, call: Call) -> tuple[str, ...]:
    if "--" in call.arguments:
        start = call.arguments.index("--") + 1
        run.state.positional = tuple(call.arguments[start:])
    return ()


BUILTINS: dict[str, Builtin] = {
    "export": _export, "declare": _export, "local": _export, "typeset": _export,
    "readonly": _export, "setenv": _export, "unset": _unset, "cd": _cd, "pushd": _cd,
    "alias": _alias, "read": _read, "printf": _printf, "set": _set,
}  # fmt: skip
