"""The facts and their evidence as a printed report has them: compact, one row for a fact.

The page on the screen has a row for each fact of each class, with its method. On paper that is
half of the report, so there a row holds the whole and the classes side by side, facts without
any value are listed by name, and evidence is listed by kind. The data file has everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from roguewatch.assess.document import Fact
from roguewatch.assess.references import Reference

COLUMNS = 4
"""Columns of values on one sheet: the whole and three classes, then four classes."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fact for several columns."""

    id: str
    statement: str
    facts: tuple[Fact | None, ...]
    """In the order of the columns; None where a class has none of its own."""
    lapses: str
    """The first day on which one of them lapses; empty where none has a value."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """Facts beside each other."""

    columns: tuple[str, ...]
    """Names of classes; empty: the whole entity."""
    rows: tuple[Row, ...]


class Appendix(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed behind the report."""

    sheets: tuple[Sheet, ...]
    unknown: tuple[Fact, ...]
    """Facts of which no sheet shows a value."""
    kinds: Mapping[str, tuple[Reference, ...]]
    """Evidence by what it is; what only says that it was counted in this run is left out."""


def appendix(
    facts: Sequence[Fact], references: Mapping[str, Reference], classes: Sequence[str]
) -> Appendix:
    """Facts and evidence, compact.

    Args:
        facts: of the assessment.
        references: evidence by the text that names it.
        classes: classes of deployments that have cells of their own.
    """
    by_id = {fact.id: fact for fact in facts}
    bases = list(dict.fromkeys(fact.id.partition("@")[0] for fact in facts))
    every = ("", *classes)
    sheets, shown = [], set()
    for start in range(0, len(every), COLUMNS):
        columns = every[start : start + COLUMNS]
        rows = [row for base in bases if (row := _row(base, columns, by_id)) is not None]
        shown |= {fact.id for row in rows for fact in row.facts if fact is not None}
        sheets.append(Sheet(columns=columns, rows=tuple(rows)))
    kinds: dict[str, list[Reference]] = {}
    for text, one in references.items():
        if not text.startswith("run:"):
            kinds.setdefault(one.what, []).append(one)
    return Appendix(
        sheets=tuple(sheet for sheet in sheets if sheet.rows),
        unknown=tuple(fact for fact in facts if fact.id not in shown),
        kinds={what: tuple(ones) for what, ones in kinds.items()},
    )


def _row(base: str, columns: Sequence[str], by_id: Mapping[str, Fact]) -> Row | None:
    """A row, or None where no column has a value to show."""
    facts = [by_id.get(f"{base}@{name}" if name else base) for name in columns]
    told = [fact for fact in facts if fact is not None and fact.state != "unassessed"]
    if not told:
        return None
    return Row(
        id=base, statement=told[0].statement, facts=tuple(facts),
        lapses=min((fact.expires[:10] for fact in told if fact.value is not None), default=""),
    )  # fmt: skip
