"""Tool calls: which of their arguments are scripts, and in which language."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.understanding import understand
from roguewatch.detect.tools import shell_texts


def scripts(tool: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(text, language) of every script among a call's arguments."""
    return shell_texts(tool, arguments)


def understand_call(
    tool: str, arguments: Mapping[str, Any], *, cwd: str = ""
) -> tuple[Command, ...]:
    """The commands that a tool call runs; none where the tool runs no commands.

    Args:
        tool: the tool's name, as its agent spells it.
        arguments: the call's arguments. An argument vector (`["bash", "-lc", "…"]`) is
            read as the command it is.
        cwd: working directory of the call.
    """
    return tuple(
        command
        for text, shell in scripts(tool, arguments)
        for command in understand(text, shell, cwd=cwd)
    )


def understand_argv(argv: Iterable[str], *, cwd: str = "") -> tuple[Command, ...]:
    """The commands of an argument vector, `["bash", "-lc", "…"]`."""
    return understand(shlex.join(argv), cwd=cwd)
