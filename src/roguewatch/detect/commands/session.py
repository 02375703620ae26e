"""One session's shell, from call to call: what an earlier call set up, a later one uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from roguewatch.detect.commands.calls import scripts
from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.state import State, Text
from roguewatch.detect.commands.understanding import interpret, understand

MAX_NAMES = 128
"""Variables, functions and aliases that are carried, each; the oldest are forgotten."""
MAX_VALUE = 4096


class SessionShell:
    """Follows the commands of one session in order.

    Carries variables, functions, aliases and files written (by redirects, heredocs,
    programs, and by file tools through `wrote`), so that a payload that was split over
    calls is seen where it runs. What comes from an earlier call is not certain: agents'
    shells differ in what they keep. The working directory is not carried: the event
    says it.
    """

    def __init__(self) -> None:
        self._state = State()

    def copy(self) -> SessionShell:
        """One that knows the same; what it learns from now on stays its own."""
        other = SessionShell()
        other._state = self._state.copy()
        other._state.files = dict(self._state.files)
        return other

    def understand(self, text: str, shell: str = "bash", *, cwd: str = "") -> tuple[Command, ...]:
        """Like `understand`, after the calls seen before."""
        if not self._concerned(text):
            commands = understand(text, shell, cwd=cwd)
            if not any(_leaves(command) for command in commands) and "()" not in text:
                return commands
        state = self._state
        state.start, state.cwd, state.called, state.positional = cwd, "", set(), ()
        commands = interpret(text, shell, state)
        self._bound()
        return commands

    def understand_call(
        self, tool: str, arguments: Mapping[str, Any], *, cwd: str = ""
    ) -> tuple[Command, ...]:
        """The commands of a tool call, given its name and arguments."""
        return tuple(
            command
            for text, shell in scripts(tool, arguments)
            for command in self.understand(text, shell, cwd=cwd)
        )

    def wrote(self, path: str, content: str, *, cwd: str = "") -> None:
        """A file tool wrote a file: a later call may run it."""
        self._state.start, self._state.cwd = cwd, ""
        self._state.write(self._state.resolve(path), Text(content, (), False), append=False)

    def _concerned(self, text: str) -> bool:
        state = self._state
        return (
            any(f"${name}" in text or f"{{{name}" in text for name in state.variables)
            or any(name in text for name in state.functions)
            or any(name in text for name in state.aliases)
            or any(path.rsplit("/", 1)[-1] in text for path in state.files)
        )

    def _bound(self) -> None:
        state = self._state
        for name in [name for name in state.files if name.startswith("/dev/fd/")]:
            del state.files[name]
        for names in (state.variables, state.functions, state.aliases):
            while len(names) > MAX_NAMES:
                names.pop(next(iter(names)))
        for name, known in list(state.variables.items()):
            if len(known.value) > MAX_VALUE:
                del state.variables[name]
            elif known.certain:
                state.variables[name] = replace(known, certain=False)
        for name, known in list(state.files.items()):
            if known.certain:
                state.files[name] = replace(known, certain=False)


def _leaves(command: Command) -> bool:
    """Whether a command leaves something for later calls."""
    return bool(command.wrote or command.assignments or command.program == "alias")
