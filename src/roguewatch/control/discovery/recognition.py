"""By what a process is recognised as an agent, and as whose.

An agent is known by its executable, its command line (a script run by node or Python), a
variable that it sets in its own environment, or a session file that it holds open. The last
gives away a copied binary with an innocent name: it must write its sessions somewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from roguewatch.control.stop.process import PROC, command_line, environment
from roguewatch.detect.action import normal_path
from roguewatch.sources.source import sources
from roguewatch.state.register import Recognition

Sign = Literal["executable", "command line", "environment", "session file"]

MAX_OPEN_FILES = 4096


class AgentSigns(msgspec.Struct, frozen=True, kw_only=True):
    """How the processes of one agent look."""

    surface: str
    programs: tuple[str, ...]
    """File names of its executable."""
    scripts: str
    """Regular expression over an argument: the package that an interpreter runs."""
    inherited: tuple[str, ...] = ()
    """Variables that it sets for what it starts: such a process is its child."""


AGENTS = (
    AgentSigns(
        surface="claude-code", programs=("claude",),
        scripts=r"@anthropic-ai[/\\]claude-code|claude[-_]agent[-_]sdk|\.claude[/\\]local[/\\]",
        inherited=("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"),
    ),
    AgentSigns(
        surface="codex", programs=("codex", "codex-cli"), scripts=r"@openai[/\\]codex",
        inherited=("CODEX_SANDBOX", "CODEX_THREAD_ID"),
    ),
    AgentSigns(
        surface="gemini-cli", programs=("gemini",), scripts=r"@google[/\\]gemini-cli",
        inherited=("GEMINI_CLI",),
    ),
    AgentSigns(
        surface="copilot-cli", programs=("copilot",), scripts=r"@github[/\\]copilot(?:-cli)?\b",
        inherited=("COPILOT_CLI",),
    ),
    AgentSigns(
        surface="cursor", programs=("cursor-agent",), scripts=r"cursor-agent[/\\]",
        inherited=("CURSOR_AGENT", "CURSOR_TRACE_ID"),
    ),
    AgentSigns(surface="aider", programs=("aider",), scripts=r"[/\\]aider(?:[/\\]|$)"),
    AgentSigns(surface="opencode", programs=("opencode",), scripts=r"opencode-ai\b"),
    AgentSigns(surface="goose", programs=("goose", "goosed"), scripts=r"\bblock-goose\b"),
    AgentSigns(surface="openhands", programs=("openhands",), scripts=r"[/\\]openhands(?:[/\\]|$)"),
    AgentSigns(surface="inspect", programs=("inspect",), scripts=r"[/\\]inspect_ai(?:[/\\]|$)"),
    AgentSigns(surface="swe-agent", programs=("sweagent", "mini-swe-agent"), scripts=r"\bsweagent\b"),
)  # fmt: skip
"""Agents whose processes are known by sight; others are found by what their entry says."""

_INTERPRETERS = re.compile(r"(?:node|bun|deno|python[\d.]*|uv|npx|pipx|java)\Z")

_SHELLS = re.compile(r"(?:ba|da|z|fi|k|a)?sh|busybox|env|timeout|nohup|setsid|sudo|bwrap")


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """What one process looks like from outside."""

    executable: str
    """Path; empty where it cannot be read."""
    arguments: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    open_files: tuple[str, ...]


def looks(pid: int) -> Looks:
    """How a process looks now; what cannot be read is empty."""
    return Looks(
        executable=_link(PROC / str(pid) / "exe").removesuffix(" (deleted)"),
        arguments=tuple(command_line(pid)),
        environment=environment(pid),
        folder=_link(PROC / str(pid) / "cwd"),
        open_files=_open_files(pid),
    )


class Recogniser:
    """Tells agents from other processes.

    Args:
        home: whose session files are looked for.
        variables: the environment that may move them.
    """

    def __init__(self, home: Path, variables: Mapping[str, str]) -> None:
        self._places = {
            name: tuple(f"{place}/" for place in source.places(variables, home))
            for name, source in sources().items()
        }

    def agent(self, seen: Looks) -> tuple[str, Sign] | None:
        """The surface of an agent and the sign that gave it away; None for no agent."""
        names = {Path(seen.executable).name}
        if seen.arguments:
            names.add(Path(seen.arguments[0]).name)
        for signs in AGENTS:
            if names & set(signs.programs):
                return signs.surface, "executable"
        if any(_INTERPRETERS.search(name) for name in names):
            for program in _programs(seen.arguments):
                for signs in AGENTS:
                    if _runs(signs, program):
                        return signs.surface, "command line"
        for surface, places in self._places.items():
            if any(file.startswith(places) for file in seen.open_files):
                return surface, "session file"
        for signs in AGENTS:
            if any(name in seen.environment for name in signs.inherited):
                return signs.surface, "environment"
        return None


def _programs(arguments: tuple[str, ...]) -> list[str]:
    """What an interpreter or runner runs: a script, a module, or a package. A program given
    as text is any text, and so are the arguments after the program."""
    found: list[str] = []
    words = iter(arguments[1:])
    for word in words:
        if word in ("-c", "-e", "--eval", "-p", "--print", "-"):
            break
        if word in ("-W", "-X", "-r", "--require", "--import", "--with", "--from"):
            next(words, "")
        elif word == "-m":
            found.append(f"/{next(words, '').replace('.', '/')}")
            break
        elif not word.startswith("-"):
            found.append(word)
            if word not in ("run", "exec", "x", "tool"):
                break
    return found


def _runs(signs: AgentSigns, program: str) -> bool:
    return bool(re.search(signs.scripts, program)) or Path(program).name in signs.programs


def matches(recognition: Recognition, seen: Looks) -> str:
    """By what a process is recognised as an entry's; empty where it is not."""
    name = Path(seen.executable).name
    for given in recognition.executables:
        if given == (seen.executable if "/" in given else name):
            return f"executable {given}"
    for given in recognition.environment:
        variable, equals, value = given.partition("=")
        if variable in seen.environment and (not equals or seen.environment[variable] == value):
            return f"environment {variable}"
    for session in recognition.sessions:
        if session and any(session in Path(file).name for file in seen.open_files):
            return f"session {session}"
    if inside(recognition.folders, seen.folder):
        return f"folder {seen.folder}"
    return ""


def inside(folders: Iterable[str], place: str) -> bool:
    """Whether a path is one of some folders or lies in one."""
    return bool(place) and any(
        place == folder or place.startswith(folder.rstrip("/") + "/")
        for folder in map(normal_path, folders)
        if folder
    )


def recognised(pid: int) -> Recognition:
    """What a running process can be recognised by later."""
    seen = looks(pid)
    name = Path(seen.executable).name
    interpreter = _INTERPRETERS.search(name) or _SHELLS.fullmatch(name)
    return Recognition(
        # An interpreter is everybody's: it names nobody.
        executables=(seen.executable,) if seen.executable and not interpreter else (),
        folders=(seen.folder,) if seen.folder not in ("", "/", str(Path.home())) else (),
    )


def widened(recognition: Recognition, more: Recognition) -> Recognition:
    """Both together."""
    return Recognition(
        **{
            field: tuple(dict.fromkeys((*getattr(recognition, field), *getattr(more, field))))
            for field in recognition.__struct_fields__
        }
    )


def _open_files(pid: int) -> tuple[str, ...]:
    try:
        entries = os.listdir(PROC / str(pid) / "fd")[:MAX_OPEN_FILES]
    except OSError:
        return ()
    found = (_link(PROC / str(pid) / "fd" / entry) for entry in entries)
    return tuple(sorted({path for path in found if path.startswith("/")}))


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
