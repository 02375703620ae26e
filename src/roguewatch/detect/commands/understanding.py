"""Text in, commands out: the entry of the package."""

from __future__ import annotations

import re
from functools import lru_cache

from roguewatch.detect.commands import embedded
from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.frame import Frame
from roguewatch.detect.commands.interpreter import Interpreter
from roguewatch.detect.commands.state import State

MAX_TEXT = 131_072
"""Characters looked at: of a longer text, its first and last halves of this."""

BOUNDED = Command(program="", via=("bounded",), certain=False)
"""Stands for what was not looked at: the text was too long, too deep or too wide."""

_EDIT = re.compile(r"\s*edit ([\d:]+[^\n]*)\n.*\nend_of_edit\s*\Z", re.S)
"""SWE-agent's editor is given as a command whose lines are the file's, not a script's."""

_CACHED = 8192
"""Longer texts are not kept in the cache: they are rare, and theirs is the memory."""


def understand(text: str, shell: str = "bash", *, cwd: str = "") -> tuple[Command, ...]:
    """The simple commands that a text runs, unwrapped and decoded.

    Args:
        text: a script or command line; any string, lone surrogates included.
        shell: its language: `bash` (and every POSIX-like shell), `powershell`, `cmd`,
            `python` or `javascript`. Unknown names are read as `bash`.
        cwd: the working directory: paths below it are told relative to it.

    Returns:
        Commands in the order of the text, those inside another after it. Nothing is
        executed, nothing on the disk is looked at, and time is linear in the text.
        Where a bound was reached the last command is `BOUNDED` and all are uncertain.
    """
    if len(text) <= _CACHED:
        return _understood(text, shell, cwd)
    return _understood.__wrapped__(text, shell, cwd)


@lru_cache(maxsize=4096)
def _understood(text: str, shell: str, cwd: str) -> tuple[Command, ...]:
    return interpret(text, shell, State(cwd))


def forget() -> None:
    """Forget the texts understood so far: the next is understood as if it were the first."""
    _understood.cache_clear()


def interpret(text: str, shell: str, state: State) -> tuple[Command, ...]:
    """`understand`, in a state that it changes."""
    bounded = len(text) > MAX_TEXT
    if bounded:
        half = MAX_TEXT // 2
        text = text[:half] + "\n" + text[-half:]
    run = Interpreter(state)
    before = set(state.functions)
    frame = Frame(certain=not bounded)
    if shell == "python":
        embedded.python_text(run, text, frame)
    elif shell == "javascript":
        embedded.javascript_text(run, text, frame)
    elif shell in ("powershell", "pwsh"):
        embedded.powershell_text(run, text, frame)
    elif shell == "cmd":
        embedded.cmd_text(run, text, frame)
    elif match := _EDIT.match(text):
        run.words(["edit", *match[1].split()], frame)
    else:
        run.text(text, frame)
    defined = [name for name in state.functions if name not in before]
    if defined:
        run.uncalled(defined, frame)
    if run.bounded or bounded:
        return (*run.commands, BOUNDED)
    return tuple(run.commands)
