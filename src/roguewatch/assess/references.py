"""What facts rest on, as the page lists it: one row for each piece of evidence."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import msgspec

from roguewatch.assess.document import Fact
from roguewatch.printable import printable

_HOW = {
    "finding": ("a finding with its events", "roguewatch findings --json"),
    "session": ("a session, event by event", "roguewatch show {}"),
    "run": ("everything that this run read: its sessions are below, its events in the ledger",
            "roguewatch ledger verify"),
    "stop": ("a stop, with its probes", ""),
    "drill": ("a drill, with its route and survivors", ""),
    "deployment": ("an entry of the register", "roguewatch register list"),
    "file": ("a file of results, by its SHA-256", "sha256sum FILE"),
    "scenarios": ("scenario results that the store holds", "roguewatch evaluate report"),
    "statement": ("what a person stated, until a date", "roguewatch facts"),
}  # fmt: skip


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence."""

    anchor: str
    text: str
    what: str
    command: str
    """How to look at it; empty where no command shows it yet."""


def references(facts: Iterable[Fact]) -> dict[str, Reference]:
    """Every piece of evidence that facts name, in order, by its reference."""
    found: dict[str, Reference] = {}
    for fact in facts:
        for text in fact.evidence:
            if text not in found:
                found[text] = _reference(text, f"e-{len(found) + 1}")
    return found


def _reference(text: str, anchor: str) -> Reference:
    kind, mark, name = text.partition(":")
    if not mark or kind not in _HOW:
        what, command = "an event in the signed ledger", f"roguewatch ledger prove {text}"
    else:
        what, command = _HOW[kind]
        command = command.format(shlex.quote(name)) if "{}" in command else command
    return Reference(
        anchor=anchor, text=printable(text, 300), what=what, command=printable(command, 400)
    )
