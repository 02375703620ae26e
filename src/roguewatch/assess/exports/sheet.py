"""The assessment as an XLSX workbook in which no cell is ever a formula or a link.

A cell that a spreadsheet could take for a formula (beginning with =, +, -, @, a tab or a
carriage return: CWE-1236) is text behind an apostrophe, so it stays inert also when the sheet
is saved as CSV and opened again.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter

from roguewatch.assess.document import Assessment, Question
from roguewatch.assess.questions import shown

_RISKY = ("=", "+", "-", "@", "\t", "\r")
MAX_CELL = 32_000
"""Excel holds 32,767 characters in a cell."""


def sheet(assessment: Assessment) -> bytes:
    """One sheet each for the verdict, steps, questions, facts, crosswalks, disclosure."""
    stream = io.BytesIO()
    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
            "in_memory": True}  # fmt: skip
    with xlsxwriter.Workbook(stream, safe) as book:
        for name, widths, rows in _sheets(assessment):
            _write(book, name, widths, rows)
    return stream.getvalue()


Rows = Iterable[Sequence[Any]]


def _sheets(a: Assessment) -> Iterable[tuple[str, Sequence[int], Rows]]:
    yield "Verdict", (24, 12, 12, 14, 14, 80, 50, 50), [
        ("Deployment", "Axis", "Rung", "State", "Basis", "Argument", "Weakest link", "Facts"),
        *((c.deployment, c.axis, c.rung, c.state, c.basis, c.argument, c.weakest,
           ", ".join(c.facts)) for c in a.verdict),
    ]  # fmt: skip
    yield "Next steps", (6, 70, 50, 10, 10, 10, 60), [
        ("Rank", "Measure", "How", "Removes", "Tells", "Opens", "Facts"),
        *((n, s.do, s.how, s.removes, s.tells, s.opens, ", ".join(s.facts))
          for n, s in enumerate(a.steps, 1)),
    ]  # fmt: skip
    forms = [("due diligence", a.questions), ("buyer", a.buyer_questions),
             *((form.name, form.questions) for form in a.questionnaires)]  # fmt: skip
    yield "Questions", (16, 8, 60, 12, 80, 60, 22, 50), [
        ("Questionnaire", "No.", "Question", "State", "Answer", "Not known", "Lapses", "Facts"),
        *(_question(name, one) for name, asked in forms for one in asked),
    ]  # fmt: skip
    yield "Facts", (34, 50, 30, 10, 14, 14, 20, 22, 22, 50, 40, 60), [
        ("Fact", "Statement", "Value", "Unit", "Low", "High", "State", "As of", "Lapses",
         "Method", "Verified by", "Evidence"),
        *((f.id, f.statement, _plain(f.id, f.value), f.unit, *(f.interval or ("", "")), f.state,
           f.as_of, f.expires, f.method, f.verified_by, ", ".join(f.evidence)) for f in a.facts),
    ]  # fmt: skip
    yield "Crosswalks", (34, 12, 60, 60, 30, 40), [
        ("Framework", "Clause", "About", "Facts that speak to it", "Their states",
         "No fact tells"),
        *((w.title, c.id, c.title, ", ".join(c.facts),
           ", ".join(f"{n} {state}" for state, n in c.states.items()), c.silent)
          for w in a.crosswalks for c in w.clauses),
    ]  # fmt: skip
    yield "Changes", (24, 34, 50, 24, 24, 12, 14, 12), [
        ("Against", "Fact", "Statement", "There", "Here", "How", "Trend", "p"),
        *((one.name, c.fact, c.statement, _plain(c.fact, c.before), _plain(c.fact, c.after),
           c.how, c.trend, "" if c.p is None else c.p)
          for one in a.comparisons for c in one.changes),
    ]  # fmt: skip
    yield "Disclosure", (60, 16, 12, 80), [
        ("Left out, or declared", "Importance", "Values", "Reason, or declaration"),
        ("version", a.disclosure.version, "", a.disclosure.of),
        *((r.what, r.importance, r.count, r.reason) for r in a.disclosure.redactions),
        *((i.item, "", "", f"{i.answer or 'not declared'}{f' ({i.by})' if i.by else ''}")
          for i in a.disclosure.independence),
    ]  # fmt: skip


def _question(name: str, one: Question) -> tuple[Any, ...]:
    return (name, one.id, one.question, one.state, one.answer, "; ".join(one.missing),
            one.expires, ", ".join(one.facts))  # fmt: skip


def _plain(id: str, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return "" if value is None else shown(id, value)


def _write(book: Any, name: str, widths: Sequence[int], rows: Rows) -> None:
    page = book.add_worksheet(name)
    bold, wrapped = (
        book.add_format({"bold": True}),
        book.add_format({"text_wrap": True, "valign": "top"}),
    )
    for column, width in enumerate(widths):
        page.set_column(column, column, width, wrapped)
    page.freeze_panes(1, 0)
    for n, row in enumerate(rows):
        for column, value in enumerate(row):
            style = bold if n == 0 else wrapped
            if isinstance(value, int | float) and not isinstance(value, bool):
                page.write_number(n, column, value, style)
            else:
                page.write_string(n, column, inert(value), style)


def inert(value: object) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)[:MAX_CELL]
    return f"'{text}" if text.lstrip(" \n").startswith(_RISKY) or text.startswith(_RISKY) else text
