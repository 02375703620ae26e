"""What the redirects of a command come to: files, standard input, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable

from roguewatch.detect.commands.frame import Redirected
from roguewatch.detect.commands.state import State, Text
from roguewatch.detect.commands.syntax import Process, Redirect
from roguewatch.detect.commands.words import Expansion

MAX_KNOWN_TEXT = 16_384
"""Characters of a text that is told."""
_DEVICES = ("/dev/null", "/dev/tcp/", "/dev/udp/", "/dev/std", "/dev/fd/", "/dev/tty")
_STDIN = ("<<", "<<<", "0<<", "0<<<")


def redirected_by(redirects: Iterable[Redirect], expansion: Expansion, state: State) -> Redirected:
    """Read the redirects of one command, in order.

    Args:
        redirects: as they were parsed.
        expansion: of that command's words; notes what the targets need.
        state: what its shell knows.
    """
    shown: list[str] = []
    stdin: Text | None = None
    targets: list[tuple[str, bool]] = []
    inputs: list[str] = []
    for redirect in redirects:
        before = len(expansion.decoded)
        value = expansion.word(redirect.target)
        operator = redirect.operator
        if operator in _STDIN:
            end = "\n" if operator.endswith("<<<") else ""
            stdin = Text(value + end, tuple(expansion.decoded[before:]), expansion.certain)
            shown.append(operator + value[:MAX_KNOWN_TEXT])
            continue
        if operator.endswith(">&") and (value.isdigit() or value == "-"):
            shown.append(operator + value)
            continue
        path = state.resolve(value)
        shown.append(operator + path)
        if ">" in operator:
            if not path.startswith(_DEVICES):
                targets.append((path, ">>" in operator))
        elif isinstance(redirect.target, tuple) and isinstance(redirect.target[0], Process):
            stdin = state.files.get(value, stdin)
        else:
            inputs.append(path)
    return Redirected(tuple(shown), stdin, tuple(targets), tuple(inputs))
