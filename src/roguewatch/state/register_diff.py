"""Two states of the register, compared field by field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from roguewatch.state.register import Deployment


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs. Values are JSON values, as the register's file has them."""

    field: str
    """Dotted for fields of the scope and of the recognition: `scope.paths`."""
    before: Any
    after: Any


class EntryChange(msgspec.Struct, frozen=True, kw_only=True):
    """One entry that differs."""

    deployment: str
    change: Literal["added", "removed", "changed"]
    fields: tuple[FieldChange, ...]
    """Of an added or removed entry: those that are not at their default."""


def differences(before: Iterable[Deployment], after: Iterable[Deployment]) -> list[EntryChange]:
    """What changed between two states of the register, by name; empty where nothing did."""
    old = {entry.name: entry for entry in before}
    new = {entry.name: entry for entry in after}
    found = []
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one == other:
            continue
        blank = Deployment(name=name)
        changed = tuple(_fields(one or blank, other or blank))
        change: Literal["added", "removed", "changed"] = (
            "added" if one is None else "removed" if other is None else "changed"
        )
        found.append(EntryChange(deployment=name, change=change, fields=changed))
    return found


def _fields(one: Deployment, other: Deployment) -> Iterable[FieldChange]:
    before, after = _flat(one), _flat(other)
    for field in before:
        if before[field] != after[field]:
            yield FieldChange(field=field, before=before[field], after=after[field])


def _flat(entry: Deployment) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field in entry.__struct_fields__:
        value = getattr(entry, field)
        if isinstance(value, msgspec.Struct):
            flat |= {
                f"{field}.{below}": msgspec.to_builtins(getattr(value, below))
                for below in value.__struct_fields__
            }
        elif field != "name":
            flat[field] = msgspec.to_builtins(value)
    return flat
