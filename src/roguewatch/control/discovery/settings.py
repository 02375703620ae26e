"""What the agents' own settings on this machine say: which agents, permissions, MCP servers."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.printable import printable, printable_path
from roguewatch.sources.source import environment_path

MAX_BYTES = 8 << 20
MAX_LISTED = 500


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One MCP server that an agent is told to use. Text is printable; the values of
    environment variables and headers are never kept."""

    name: str
    how: str
    """The command without its later arguments, or the URL without its query."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One settings file of one agent."""

    surface: str
    path: str
    project: str = ""
    """The folder that it is for; empty: all of the user's."""
    permissions: tuple[str, ...] = ()
    """What it allows without asking, in the agent's own words."""
    mode: str = ""
    """Its default permission mode, in the agent's own words."""
    model: str = ""
    servers: tuple[Server, ...] = ()
    error: str = ""
    """Why it could not be read; nothing else is known then."""


def settings(
    home: Path, variables: Mapping[str, str], projects: Iterable[Path] = ()
) -> list[Settings]:
    """The settings of the agents of a home and of some projects.

    Args:
        home: the user's home.
        variables: the environment that may move an agent's folder.
        projects: folders that agents work in.
    """
    claude = environment_path(variables, "CLAUDE_CONFIG_DIR", home / ".claude")
    codex = environment_path(variables, "CODEX_HOME", home / ".codex")
    gemini = environment_path(variables, "GEMINI_CLI_HOME", home) / ".gemini"
    files: list[tuple[str, Path, str]] = [
        ("claude-code", Path("/etc/claude-code/managed-settings.json"), ""),
        ("claude-code", claude / "settings.json", ""),
        ("claude-code", home / ".claude.json", ""),
        ("codex", codex / "config.toml", ""),
        ("gemini-cli", gemini / "settings.json", ""),
        ("cursor", home / ".cursor" / "mcp.json", ""),
        ("cursor", home / ".cursor" / "cli-config.json", ""),
        ("copilot-cli", home / ".copilot" / "mcp-config.json", ""),
        ("copilot-cli", home / ".copilot" / "config.json", ""),
        ("claude-desktop", home / ".config" / "Claude" / "claude_desktop_config.json", ""),
    ]
    for project in projects:
        files += [
            ("claude-code", project / ".mcp.json", str(project)),
            ("claude-code", project / ".claude" / "settings.json", str(project)),
            ("claude-code", project / ".claude" / "settings.local.json", str(project)),
            ("codex", project / ".codex" / "config.toml", str(project)),
            ("gemini-cli", project / ".gemini" / "settings.json", str(project)),
            ("cursor", project / ".cursor" / "mcp.json", str(project)),
            ("vscode", project / ".vscode" / "mcp.json", str(project)),
        ]
    found: list[Settings] = []
    for surface, path, where in dict.fromkeys(files):
        if os.path.lexists(path):
            found += _read(surface, path, where)
    return found


def _read(surface: str, path: Path, project: str) -> list[Settings]:
    try:
        value = _document(path)
    except (OSError, ValueError, RecursionError) as error:
        return [
            Settings(
                surface=surface, path=printable_path(path), project=printable(project),
                error=printable(str(error), 200) or type(error).__name__,
            )
        ]  # fmt: skip
    found = [_told(surface, path, project, value)]
    projects = value.get("projects")
    if surface == "claude-code" and isinstance(projects, dict):
        # Claude Code keeps each project's servers and allowed tools in one file of the home.
        for folder, own in list(projects.items())[:MAX_LISTED]:
            if isinstance(own, dict):
                one = _told(surface, path, str(folder), own)
                if one.permissions or one.servers:
                    found.append(one)
    return found


def _told(surface: str, path: Path, project: str, value: dict[str, Any]) -> Settings:
    permissions = _object(value, "permissions")
    allowed = (
        *_texts(permissions.get("allow")), *_texts(value.get("allowedTools")),
        *_texts(_object(value, "tools").get("allowed")), *_texts(value.get("autoAllowedTools")),
    )  # fmt: skip
    modes = (
        permissions.get("defaultMode"), value.get("approval_policy"), value.get("sandbox_mode"),
        _object(value, "general").get("defaultApprovalMode"),
    )  # fmt: skip
    model = value.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    return Settings(
        surface=surface,
        path=printable_path(path),
        project=printable(project, 500),
        permissions=tuple(dict.fromkeys(allowed)),
        mode=printable("/".join(mode for mode in modes if isinstance(mode, str)), 100),
        model=printable(name, 100) if isinstance(name, str) else "",
        servers=_servers(value),
    )


def _servers(value: dict[str, Any]) -> tuple[Server, ...]:
    found = []
    for key in ("mcpServers", "mcp_servers", "servers"):
        for name, how in list(_object(value, key).items())[:MAX_LISTED]:
            if not isinstance(how, dict):
                continue
            url = how.get("url") or how.get("httpUrl")
            if isinstance(url, str):
                # A query or a user part may hold a key.
                shown = url.partition("?")[0]
                scheme, _, rest = shown.partition("://")
                shown = f"{scheme}://{rest.rpartition('@')[2]}" if rest else shown
            else:
                # Arguments may hold keys too; the first tells which server it is.
                words = [how.get("command"), *_texts(how.get("args"))]
                plain = [w for w in words if isinstance(w, str) and not w.startswith("-")]
                shown = " ".join(plain[:2])
            found.append(Server(name=printable(str(name), 100), how=printable(shown, 200)))
    return tuple(found)


def _document(path: Path) -> dict[str, Any]:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise ValueError("no regular file, or too large")
        text = stream.read(MAX_BYTES).decode("utf-8")
    value = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text or "{}")
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    below = value.get(key)
    return below if isinstance(below, dict) else {}


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [printable(one, 300) for one in value[:MAX_LISTED] if isinstance(one, str)]
