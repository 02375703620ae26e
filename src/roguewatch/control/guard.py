"""What the gate itself stands on, and actions that reach for it.

Rules know the ways in which oversight is disabled in general; only the gate knows its own
store, sockets, policies, tokens and process, and where its hooks are installed. An action
that writes to them, or uses the command line of the gate, is behaviour E4; the shipped
policies deny it. What an agent declares to go on after its turn is E1.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.detect.action import Action
from roguewatch.findings import Finding, Level, finding_id
from roguewatch.printable import printable

NAME = "gate-guard"
VERSION = "1"

# Where agents keep the settings that hold our hooks; matched at the end of a path, so
# that every home and project is covered.
_SETTINGS = (
    ".claude/settings.json", ".claude/settings.local.json", "claude-code/managed-settings.json",
    "ClaudeCode/managed-settings.json", ".codex/hooks.json", ".codex/config.toml",
    "codex/requirements.toml", "codex/managed_config.toml", ".gemini/settings.json",
    "gemini-cli/settings.json", ".cursor/hooks.json", "cursor/hooks.json",
    ".copilot/config.json", ".copilot/settings.json", ".github/hooks",
)  # fmt: skip
_ADMIN = {
    "gate": ("serve", "install", "uninstall", "token", "reload"),
    "approvals": ("approve", "reject", "enrol"),
    "register": ("add", "put", "set", "remove"),
    "stop": (),
    "lease": (),
}
_KILLERS = ("kill", "pkill", "killall", "skill", "fuser", "taskkill")


_WHY = {
    "E4": (
        "The gate's own files, process, hooks and commands serve no task of an agent.",
        "The user asked for this maintenance of the gate.",
    ),
    "E1": (
        "The agent's own client declared it as still running when the turn ended.",
        "A server or watcher that the user wants to keep running.",
    ),
}


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be guarded."""

    files: tuple[str, ...] = ()
    """Files and folders that no agent has any business with: the store, policies, tokens."""
    pids: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()
    home: str = ""

    def look(self, action: Action) -> list[Finding]:
        """Findings of one event; the same for the same event whenever it is asked."""
        event = action.event
        if event.kind == "tool_call":
            return self._of_call(action)
        if event.kind == "process" and action.detail.get("declared"):
            return [_declared(action)]
        if event.kind == "config_change" and (wrong := action.detail.get("wrong")):
            title = "A change of settings takes the gate's hooks away"
            return [_found(action, "settings", title, "critical", str(wrong))]
        return []

    def _of_call(self, action: Action) -> list[Finding]:
        found = []
        for path in action.written:
            if (own := self._own(path, action.event.cwd)) or _is_settings(path):
                title = "Writes to the gate's own files" if own else "Writes to an agent's hooks"
                level: Level = "critical" if own else "high"
                found.append(_found(action, "written", title, level, path))
                break
        else:
            if reached := self._reached(action):
                title = "Reaches for the gate's own files"
                found.append(_found(action, "reached", title, "high", reached))
        if (text := self._kills(action)) is not None:
            found.append(_found(action, "killed", "Ends the gate's process", "critical", text))
        if (text := _administers(action)) is not None:
            title = "Uses the gate's own command line"
            found.append(_found(action, "administered", title, "high", text))
        return found

    def _own(self, path: str, cwd: str) -> bool:
        full = self._absolute(path, cwd)
        return any(full == own or full.startswith(own + "/") for own in self.files)

    def _absolute(self, path: str, cwd: str) -> str:
        if path.startswith("~") and self.home:
            path = self.home + path[1:]
        elif cwd and not path.startswith("/"):
            path = posixpath.join(cwd, path)
        return posixpath.normpath(path)

    def _reached(self, action: Action) -> str:
        """A file of ours that the call names in any way, also inside of code."""
        for path in action.paths:
            if self._own(path, action.event.cwd):
                return path
        # Both spellings: with the home directory written out, and with ~ for it.
        ours = [own for own in self.files if own]
        if self.home:
            ours += ["~" + own[len(self.home) :] for own in ours if own.startswith(self.home + "/")]
        return next((own for text in action.strings for own in ours if own in text), "")

    def _kills(self, action: Action) -> str | None:
        for command in action.commands:
            if command.program not in _KILLERS:
                continue
            words = [word for one in command.arguments for word in re.split(r"[\s,/:]+", one)]
            if self.pids.intersection(words) or self.ports.intersection(words):
                return command.text
            if not command.certain and any(
                re.search(rf"\b{port}\b", text) for text in action.strings for port in self.ports
            ):
                return command.text
        return None


def guarded(store: Path, others: Iterable[Path], *, pid: int, port: int, home: str) -> Guard:
    """The guard of one running gate."""
    files = {
        str(path) for given in (store, *others) for path in (given.absolute(), given.resolve())
    }
    return Guard(
        files=tuple(sorted(files)),
        pids=frozenset({str(pid)} if pid else ()),
        ports=frozenset({str(port)} if port else ()),
        home=home.rstrip("/"),
    )


def missing_hooks(settings: Mapping[str, Any], ours: Sequence[str]) -> str:
    """What is wrong with an agent's settings, in a few words; empty if nothing is.

    Args:
        settings: the decoded settings.
        ours: texts (URL or command) of which each must stand in one of its hooks.
    """
    if settings.get("disableAllHooks"):
        return "disableAllHooks is set"
    hooks = settings.get("hooks")
    text = msgspec.json.encode(hooks).decode() if hooks else ""
    gone = [one for one in ours if msgspec.json.encode(one).decode()[1:-1] not in text]
    return f"{len(gone)} of our {len(ours)} hooks are gone" if gone else ""


def _is_settings(path: str) -> bool:
    return path.endswith(_SETTINGS) or "/.github/hooks/" in f"/{path}"


def _administers(action: Action) -> str | None:
    for command in action.commands:
        words = [word for word in command.arguments if not word.startswith("-")]
        if command.program in ("python", "python3") and "roguewatch" in words[:1]:
            words = words[1:]
        elif command.program != "roguewatch":
            continue
        if words and words[0] in _ADMIN:
            verbs = _ADMIN[words[0]]
            if not verbs or (len(words) > 1 and words[1] in verbs):
                return command.text
    return None


def _declared(action: Action) -> Finding:
    cron = action.detail.get("declared") == "session_crons"
    title = "A schedule goes on after the turn" if cron else "A task goes on after the turn"
    key = str(action.detail.get("id") or action.event.text)
    return _found(
        action, "declared", title, "medium" if cron else "low", action.event.text,
        behaviour="E1", key=key,
    )  # fmt: skip


def _found(
    action: Action,
    what: str,
    title: str,
    level: Level,
    excerpt: str,
    *,
    behaviour: str = "E4",
    key: str = "",
) -> Finding:
    event = action.event
    detector = f"{NAME}-{what}"
    return Finding(
        id=finding_id(detector, event.session, key or event.call_id or event.id),
        session=event.session,
        behaviour=behaviour,
        title=title,
        level=level,
        detector=detector,
        detector_version=VERSION,
        events=(event.id,),
        time=event.time,
        agent=event.agent,
        surface=event.surface,
        rationale=_WHY[behaviour][0],
        falsifier=_WHY[behaviour][1],
        excerpt=printable(excerpt, 240),
        maturity="stable",
    )
