"""Published frameworks, clause by clause, with the facts that speak to each.

Each is a file in `crosswalks/`. That a fact speaks to a clause says nothing of whether the
clause is met: no state of compliance is computed anywhere.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.resources import files

import msgspec
import yaml

from roguewatch.assess.document import Clause, Crosswalk
from roguewatch.assess.facts.fact import Facts


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: str
    facts: tuple[str, ...]
    silent: str = ""


class _Checked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    against: str
    """The public text that numbers and titles were compared with."""
    date: str
    clauses: tuple[str, ...]


class Framework(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A framework as its file gives it."""

    title: str
    version: str
    source: str
    clauses: tuple[_Line, ...]
    checked: tuple[_Checked, ...] = ()
    """Where each clause's number and title were checked; what is in none was not."""

    def against(self, clause: str) -> str:
        """The text that a clause was checked against, and when; empty where it was not."""
        found = (f"{one.against} ({one.date})" for one in self.checked if clause in one.clauses)
        return next(found, "")


@cache
def frameworks() -> dict[str, Framework]:
    """Every framework by the name of its file."""
    folder = files("roguewatch.assess").joinpath("crosswalks")
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            data = yaml.safe_load(entry.read_text(encoding="utf-8"))
            found[entry.name.removesuffix(".yaml")] = msgspec.convert(data, Framework)
    return found


def crosswalks(facts: Facts) -> list[Crosswalk]:
    """Every framework with the facts of one assessment."""
    return [
        Crosswalk(
            id=id, title=one.title, version=one.version, source=one.source, relation="speaks to",
            clauses=tuple(
                Clause(id=line.id, title=line.title, facts=line.facts, silent=line.silent, checked=one.against(line.id),
                       states=_states(facts, line.facts))
                for line in one.clauses
            ),
        )
        for id, one in frameworks().items()
    ]  # fmt: skip


def _states(facts: Facts, ids: tuple[str, ...]) -> dict[str, int]:
    found = (facts.find(id) for id in ids)
    return dict(Counter(fact.state if fact is not None else "unassessed" for fact in found))
