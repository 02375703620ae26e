"""What a file-changing call writes and removes, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_ADDED = (
    "content", "new_string", "new_str", "file_text", "new_source", "contents", "insert_text",
    "new_text", "replace", "replacement", "code_edit", "text",
)  # fmt: skip
_REMOVED = ("old_string", "old_str", "old_text", "search")
_PATCH_PATHS = (
    "*** Add File: ",
    "*** Update File: ",
    "*** Delete File: ",
    "*** Move to: ",
    "+++ b/",
    "+++ ",
    "rename to ",
)
_CHANGED = frozenset("+-*r")
"""What a line of a patch begins with that adds, removes or names."""


class Edit(msgspec.Struct, frozen=True):
    """The text side of a call that changes files."""

    paths: tuple[str, ...] = ()
    """Files named inside a patch."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def read_edit(arguments: Mapping[str, Any]) -> Edit:
    """What a write or edit tool's arguments add, remove and name in patches.

    Understands whole contents, old and new strings, lists of edits, Codex patches
    (`*** Begin Patch`) and unified diffs.
    """
    added = _strings(arguments, _ADDED)
    removed = _strings(arguments, _REMOVED)
    edits = arguments.get("edits")
    if isinstance(edits, list):
        for edit in edits:
            if isinstance(edit, dict):
                added += _strings(edit, _ADDED)
                removed += _strings(edit, _REMOVED)
    paths: list[str] = []
    for key in ("input", "patch", "diff"):
        text = arguments.get(key)
        if isinstance(text, str) and is_patch(text):
            edit_ = read_patch(text)
            paths += edit_.paths
            added += edit_.added
            removed += edit_.removed
    return Edit(tuple(paths), tuple(added), tuple(removed))


def is_patch(text: str) -> bool:
    return "*** Begin Patch" in text or "\n+++ " in text or text.startswith(("--- ", "diff "))


def read_patch(text: str) -> Edit:
    """Paths, added and removed lines of a Codex patch or a unified diff."""
    paths, added, removed = [], [], []
    for line in text.splitlines():
        first = line[:1]
        if first not in _CHANGED:
            continue
        if first != "-" and line.startswith(_PATCH_PATHS):
            marker = next(m for m in _PATCH_PATHS if line.startswith(m))
            path = line[len(marker) :].split("\t")[0].strip()
            if path and path != "/dev/null":
                paths.append(path)
        elif first == "+":
            added.append(line[1:])
        elif first == "-" and not line.startswith("--- "):
            removed.append(line[1:])
    return Edit(tuple(paths), _joined(added), _joined(removed))


def _joined(lines: list[str]) -> tuple[str, ...]:
    return ("\n".join(lines),) if lines else ()


def _strings(arguments: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    return [value for key in keys if isinstance(value := arguments.get(key), str) and value]
