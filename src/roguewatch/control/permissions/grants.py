"""Grants of a register entry: what each admits.

An empty list of the scope bounds nothing: everything of that kind is admitted, which the
gap reports as unbounded. Permissions are the words of the agent's own system; those in
Claude Code's form (`Bash(git:*)`, `Read(//etc/**)`, `WebFetch(domain:…)`, `mcp__server`) are
understood, others are told as not assessable.
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from roguewatch.control.permissions.usage import Use
from roguewatch.detect.action import normal_path
from roguewatch.state.register import Scope

Kind = Literal["tools", "paths", "hosts", "identities", "commands", "permissions"]
KINDS: tuple[Literal["tools", "paths", "hosts", "identities"], ...] = (
    "tools", "paths", "hosts", "identities",
)  # fmt: skip

_PERMISSION = re.compile(r"([A-Za-z_][\w-]*)(?:\((.*)\))?", re.DOTALL)
_PATH_TOOLS = ("Read", "Edit", "Write", "MultiEdit", "NotebookEdit", "Glob", "Grep", "LS")


def values(use: Use, kind: str) -> tuple[str, ...]:
    """What a use has of a kind."""
    if kind == "tools":
        return (use.tool,)
    return tuple(getattr(use, kind))


def admits(scope: Scope, kind: str, value: str) -> bool:
    """Whether a scope admits a tool, path, host or identity."""
    granted: tuple[str, ...] = getattr(scope, kind)
    return not granted or any(covers(grant, kind, value) for grant in granted)


def covers(grant: str, kind: str, value: str) -> bool:
    """Whether one grant of the scope covers a value."""
    if kind == "paths":
        return _path_covers(grant, value)
    if kind == "hosts":
        host, suffix = value.casefold(), grant.casefold()
        if suffix.startswith("*."):
            suffix = suffix[1:]
        return host == suffix or (suffix.startswith(".") and host.endswith(suffix))
    return fnmatchcase(value, grant)


def _path_covers(grant: str, path: str) -> bool:
    folder = normal_path(grant)
    if path == folder or path.startswith(folder.rstrip("/") + "/"):
        return True
    if any(letter in folder for letter in "*?["):
        # `**` and `*` alike cross folders: a grant is read widely, so that what is told as
        # not granted surely is not.
        return fnmatchcase(path, folder) or fnmatchcase(path, folder.rstrip("/") + "/*")
    return False


def assessable(permission: str) -> bool:
    """Whether a ledger can tell if a permission was used."""
    match = _PERMISSION.fullmatch(permission.strip())
    if match is None:
        return False
    name, inner = match.groups()
    return bool(inner) or name[:1].isupper() or name.startswith("mcp__")


def permits(permission: str, use: Use) -> bool:
    """Whether a permission in Claude Code's form covers a use."""
    match = _PERMISSION.fullmatch(permission.strip())
    if match is None:
        return False
    name, inner = match.groups()
    if name.startswith("mcp__"):
        return use.tool == name or use.tool.startswith(f"{name.removesuffix('__*')}__")
    if inner is None or inner in ("", "*"):
        return use.tool == name
    if name == "Bash":
        return use.tool == name and any(_command_matches(inner, text) for text in use.commands)
    if name == "WebFetch":
        domain = inner.removeprefix("domain:")
        return use.tool == name and any(covers(domain, "hosts", host) for host in use.hosts)
    if name in _PATH_TOOLS:
        if use.tool != name and not (name == "Edit" and use.action in ("edit", "write")):
            return False
        # `//path` is absolute, `/path` and `./path` are the project's.
        wanted = inner[1:] if inner.startswith("//") else posixpath.join("**", inner.lstrip("./"))
        return any(fnmatchcase(path, wanted.replace("**", "*")) for path in use.paths)
    return use.tool == name


def _command_matches(inner: str, text: str) -> bool:
    if inner.endswith(":*"):
        prefix = inner[:-2]
        return text == prefix or text.startswith(prefix + " ")
    return fnmatchcase(text, inner)


class GrantUse(msgspec.Struct, frozen=True, kw_only=True):
    """One grant, and how often it was used. Times are ns UTC."""

    kind: Kind
    grant: str
    state: Literal["used", "never used", "not assessable"]
    used: int = 0
    last: int | None = None
