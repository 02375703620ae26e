"""What each agent's settings need to hold for its hooks to be ours.

Sources: Claude Code's settings schema (Claude Agent SDK 0.3.329); codex-rs/hooks and its
`hooks.json`; Gemini CLI's docs/hooks/reference.md; Cursor's hooks.json; GitHub's hooks
reference for Copilot CLI. None of them is written by anything but `gate install`.
"""

from __future__ import annotations

import copy
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.errors import InputError
from roguewatch.gateway import client
from roguewatch.sources.source import environment_path

HOOK_SECONDS = 8
"""How long an agent waits for its hook; the client gives up, and blocks, sooner."""
CLIENT_SECONDS = 6

_CLAUDE_TOOLS = (
    "PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure", "PermissionDenied",
)  # fmt: skip
_CLAUDE_DECIDES = ("PreToolUse", "PermissionRequest", "UserPromptSubmit", "ConfigChange")
_CLAUDE_REST = (
    "UserPromptSubmit", "ConfigChange", "SessionStart", "SessionEnd", "Setup", "Stop",
    "StopFailure", "SubagentStart", "SubagentStop", "PreCompact", "PostCompact", "Notification",
    "TaskCreated", "TaskCompleted", "TeammateIdle", "UserPromptExpansion", "Elicitation",
    "ElicitationResult", "InstructionsLoaded", "CwdChanged", "FileChanged", "DirectoryAdded",
    "PreModelSwitch", "PostModelSwitch", "PostToolBatch",
)  # fmt: skip
"""Without WorktreeCreate and WorktreeRemove: a hook of those does the work in Claude Code's place,
and one that names no folder leaves the agent without a worktree."""
_CODEX = (
    "PreToolUse", "PermissionRequest", "PostToolUse", "UserPromptSubmit", "SessionStart", "Stop",
)  # fmt: skip
_GEMINI = (
    "BeforeTool", "AfterTool", "BeforeAgent", "AfterAgent", "SessionStart", "SessionEnd",
    "PreCompress", "Notification",
)  # fmt: skip
_CURSOR = (
    "beforeShellExecution", "beforeMCPExecution", "beforeReadFile", "beforeSubmitPrompt",
    "preToolUse", "postToolUse", "postToolUseFailure", "afterFileEdit", "afterAgentResponse",
    "afterAgentThought", "sessionStart", "sessionEnd", "subagentStart", "subagentStop", "stop",
    "preCompact",
)  # fmt: skip
_COPILOT = (
    "preToolUse", "permissionRequest", "postToolUse", "postToolUseFailure", "userPromptSubmitted",
    "sessionStart", "sessionEnd", "agentStop", "subagentStart", "preCompact", "errorOccurred",
)  # fmt: skip


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where our hooks lead."""

    base: str
    """`http://127.0.0.1:PORT` of the gate."""
    token: str
    socket: Path
    token_file: Path

    def command(self, agent: str, event: str) -> str:
        """The process client as a shell command."""
        words = [
            sys.executable, "-I", "-S", str(Path(client.__file__).resolve()), str(self.socket),
            str(self.token_file), agent, event, str(CLIENT_SECONDS),
        ]  # fmt: skip
        return shlex.join(words)


Written = tuple[dict[str, Any], tuple[str, ...]]
"""New settings, and the texts by which our hooks are known in them."""


class Installer(msgspec.Struct, frozen=True):
    """How one agent is set up."""

    agent: str
    program: str
    place: Callable[[Mapping[str, str], Path], Path]
    """The user's settings file, given the environment and the home directory."""
    managed: Path | None
    """The administrator's settings file; None where there is none that holds hooks."""
    merge: Callable[[dict[str, Any], Target, bool], Written]
    closed_since: tuple[int, ...] | None
    """The first version that can fail closed; None: none can; (): every one."""
    hole: str
    """What an operator must know, in a sentence."""


def _grouped(
    settings: dict[str, Any], agent: str, events: tuple[str, ...], target: Target, **fields: Any
) -> Written:
    """Claude's shape of hooks, as Codex and Gemini CLI took it over, with commands."""
    marks = []
    hooks = _hooks_of(settings)
    for event in events:
        command = target.command(agent, event)
        entry = {"hooks": [{"type": "command", "command": command, **fields}]}
        _append(hooks, event, {"matcher": "*", **entry} if "Tool" in event else entry)
        marks.append(command)
    return settings, tuple(marks)


def _claude(settings: dict[str, Any], target: Target, managed: bool) -> Written:
    marks = []
    hooks = _hooks_of(settings)
    for event in (*_CLAUDE_TOOLS, *_CLAUDE_REST):
        url = f"{target.base}/hooks/claude-code?event={event}"
        hook: dict[str, Any] = {
            "type": "http", "url": url, "timeout": HOOK_SECONDS,
            "headers": {"Authorization": f"Bearer {target.token}"},
        }  # fmt: skip
        if event in _CLAUDE_DECIDES:
            hook["onFailure"] = "block"
        entry = {"hooks": [hook]}
        _append(hooks, event, {"matcher": "*", **entry} if event in _CLAUDE_TOOLS else entry)
        marks.append(url)
    if managed:
        settings["allowManagedHooksOnly"] = True
        settings["disableBypassPermissionsMode"] = "disable"
        allowed = list(settings.get("allowedHttpHookUrls") or [])
        settings["allowedHttpHookUrls"] = [*allowed, f"{target.base}/hooks/claude-code*"]
    return settings, tuple(marks)


def _codex(settings: dict[str, Any], target: Target, managed: bool) -> Written:
    return _grouped(settings, "codex", _CODEX, target, timeout=HOOK_SECONDS)


def _gemini(settings: dict[str, Any], target: Target, managed: bool) -> Written:
    fields = {"name": "roguewatch", "timeout": HOOK_SECONDS * 1000}
    return _grouped(settings, "gemini-cli", _GEMINI, target, **fields)


def _cursor(settings: dict[str, Any], target: Target, managed: bool) -> Written:
    settings.setdefault("version", 1)
    marks = []
    hooks = _hooks_of(settings)
    for event in _CURSOR:
        command = target.command("cursor", event)
        _append(hooks, event, {"command": command, "timeout": HOOK_SECONDS, "failClosed": True})
        marks.append(command)
    return settings, tuple(marks)


def _copilot(settings: dict[str, Any], target: Target, managed: bool) -> Written:
    settings.setdefault("version", 1)
    marks = []
    hooks = _hooks_of(settings)
    for event in _COPILOT:
        command = target.command("copilot-cli", event)
        _append(hooks, event, {"type": "command", "bash": command, "timeoutSec": HOOK_SECONDS})
        marks.append(command)
    return settings, tuple(marks)


def _hooks_of(settings: dict[str, Any]) -> dict[str, Any]:
    hooks = settings.setdefault("hooks", {})
    if not isinstance(hooks, dict):
        raise InputError('the settings\' "hooks" is no object; mend it first')
    return hooks


def _append(hooks: dict[str, Any], event: str, entry: dict[str, Any]) -> None:
    entries = hooks.setdefault(event, [])
    if not isinstance(entries, list):
        raise InputError(f'the settings\' "hooks.{event}" is no list; mend it first')
    entries.append(entry)


INSTALLERS: dict[str, Installer] = {
    one.agent: one
    for one in (
        Installer(
            "claude-code",
            "claude",
            lambda env, home: (
                environment_path(env, "CLAUDE_CONFIG_DIR", home / ".claude") / "settings.json"
            ),
            Path("/etc/claude-code/managed-settings.json"),
            _claude,
            (2, 1, 295),
            "It runs no hooks under --bare, --safe-mode or CLAUDE_CODE_SIMPLE; user hooks also not "
            "under disableAllHooks, which managed hooks survive.",
        ),
        Installer(
            "codex",
            "codex",
            lambda env, home: environment_path(env, "CODEX_HOME", home / ".codex") / "hooks.json",
            None,
            _codex,
            None,
            "It runs the tool when its hook cannot start, times out or answers nonsense.",
        ),
        Installer(
            "gemini-cli",
            "gemini",
            lambda env, home: (
                environment_path(env, "GEMINI_CLI_HOME", home) / ".gemini" / "settings.json"
            ),
            Path("/etc/gemini-cli/settings.json"),
            _gemini,
            None,
            "It runs the tool when its hook cannot start, times out or ends with any status but 2.",
        ),
        Installer(
            "cursor",
            "cursor-agent",
            lambda env, home: home / ".cursor" / "hooks.json",
            Path("/etc/cursor/hooks.json"),
            _cursor,
            (),
            "It is closed source: that failClosed holds has not been verified on a live client.",
        ),
        Installer(
            "copilot-cli",
            "copilot",
            lambda env, home: (
                environment_path(env, "COPILOT_HOME", home / ".copilot")
                / "hooks"
                / "roguewatch.json"
            ),
            None,
            _copilot,
            None,
            "It denies when its hook fails, but runs the tool when the hook times out.",
        ),
    )
}


def merged(
    installer: Installer, settings: dict[str, Any], target: Target, managed: bool
) -> Written:
    """New settings with our hooks beside those that are there.

    Raises:
        InputError: the settings have another shape, or hold hooks of ours already.
    """
    if "/hooks/claude-code?event=" in (text := str(settings)) or "gateway/client.py" in text:
        raise InputError(
            f"these settings hold hooks of a gate already: roguewatch gate uninstall "
            f"{installer.agent}"
        )
    return installer.merge(copy.deepcopy(settings), target, managed)


def version_in(text: str) -> tuple[int, ...]:
    """The first version number in what a program says of itself; empty if there is none."""
    found = re.search(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", text)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def can_fail_open(installer: Installer, version: tuple[int, ...]) -> bool:
    """Whether an agent of this version lets actions pass when its hook fails. A version that
    could not be found out is taken for an old one."""
    if installer.closed_since is None:
        return True
    return bool(installer.closed_since) and version < installer.closed_since
