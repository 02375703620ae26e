"""A narrower scope and policy that still let through what was used and granted.

The policy is the one in force with one more `forbid`, so that it can only be narrower: what
the deployment did not use is denied by it. Cedar has no quantifier over a set's elements, so
programs, hosts and wrappers are listed, and paths are bounded by `outside_project` and by the
register's scope.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Sequence

from roguewatch.control.permissions.grants import admits, values
from roguewatch.control.permissions.usage import Use
from roguewatch.state.register import NOTHING, Scope

MAX_LISTED = 500
"""Programs or hosts that one condition lists; beyond, a list says nothing to a reader and
that condition is left out."""

ACTIONS = ("shell", "read", "write", "edit", "fetch", "search", "agent", "mcp", "other")
"""What tools do. Prompts, settings and requests to models are left to the policy in force."""

NAME = "narrowed-to-what-was-used"


def narrower_scope(scope: Scope, uses: Sequence[Use]) -> Scope:
    """The least scope, in whole folders, that admits the uses; never wider than the given."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in ("tools", "hosts", "identities"):
        found[kind] = tuple(sorted({value for use in uses for value in values(use, kind)}))
    found["paths"] = _folders(scope, uses)
    return Scope(**{kind: listed or (NOTHING,) for kind, listed in found.items()})


def _folders(scope: Scope, uses: Sequence[Use]) -> tuple[str, ...]:
    """In each project the deepest folder that holds what was used; elsewhere each folder."""
    projects: defaultdict[str, set[str]] = defaultdict(set)
    found: set[str] = set()
    for use in uses:
        for path in use.paths:
            folder = posixpath.dirname(path) or path
            if folder == "/" or not admits(scope, "paths", folder):
                found.add(path)
            elif use.cwd not in ("", "/") and f"{path}/".startswith(f"{use.cwd}/"):
                inside = f"{folder}/".startswith(f"{use.cwd}/")
                projects[use.cwd].add(folder if inside else use.cwd)
            else:
                found.add(folder)
    for folders in projects.values():
        common = posixpath.commonpath(folders)
        found |= {common} if admits(scope, "paths", common) else folders
    least = sorted(found)
    return tuple(
        folder
        for folder in least
        if not any(folder != other and f"{folder}/".startswith(f"{other}/") for other in least)
    )


def narrower_policy(text: str, deployment: str, uses: Sequence[Use]) -> str:
    """The policy `text` with a `forbid` of everything that the deployment did not use.

    Args:
        text: Cedar policies in force.
        deployment: its name.
        uses: what it used and was granted.
    """
    cells: defaultdict[tuple[str, str], list[Use]] = defaultdict(list)
    for use in uses:
        if use.action in ACTIONS:
            cells[use.action, use.tool].append(use)
    allowed = [
        f"  ({_cell(action, tool, group)})" for (action, tool), group in sorted(cells.items())
    ]
    actions = ", ".join(f'Action::"{action}"' for action in ACTIONS)
    unless = " ||\n".join(allowed) or "  false"
    return (
        f"{text.rstrip()}\n\n"
        f"// What the deployment used and was granted, {len(uses)} actions; the rest is denied.\n"
        f'@id("{NAME}")\n'
        f"forbid (principal == Deployment::{_quoted(deployment)}, action in [{actions}], resource)\n"
        f"unless {{\n{unless}\n}};\n"
    )


def _cell(action: str, tool: str, uses: Sequence[Use]) -> str:
    situations = [use.request.situation for use in uses]
    parts = [f'action == Action::"{action}"', f"resource == Tool::{_quoted(tool)}"]
    for field in ("programs", "wrappers", "hosts"):
        used = sorted({value for one in situations for value in getattr(one, field)})
        parts += _subset(field, used)
    for field in ("background", "outside_project", "network"):
        if not any(getattr(one, field) for one in situations):
            parts.append(f"!context.{field}")
    return " && ".join(parts)


def _subset(field: str, used: Iterable[str]) -> list[str]:
    listed = list(used)
    if len(listed) > MAX_LISTED:
        return []
    if not listed:
        return [f"context.{field}.isEmpty()"]
    return [f"[{', '.join(map(_quoted, listed))}].containsAll(context.{field})"]


def _quoted(text: str) -> str:
    """A Cedar string literal; everything but plain ASCII is escaped."""
    plain = (
        letter if " " <= letter <= "~" and letter not in '"\\' else f"\\u{{{ord(letter):x}}}"
        for letter in text.encode("utf-8", "replace").decode()
    )
    return f'"{"".join(plain)}"'
