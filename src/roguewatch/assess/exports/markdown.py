"""The assessment as Markdown: text that agents wrote is never read as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from roguewatch.assess.document import Assessment, Question
from roguewatch.assess.questions import shown
from roguewatch.assess.verdict import AXES, ENTITY, RUNGS

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&:@/])")


def markdown(assessment: Assessment) -> bytes:
    """The whole assessment but the evidence, which `assessment.json` holds."""
    lines = [
        "# Assessment of AI agent activity",
        "",
        f"Made {assessment.created} by {text(assessment.generator)}; run {text(assessment.run)}; "
        f"{assessment.disclosure.version} version. "
        f"{len(assessment.sessions):,} sessions, {assessment.events:,} events, "
        f"{len(assessment.findings):,} findings.",
        "",
    ]
    for part in (_first, _verdict, _safety, _questions, _crosswalks, _facts, _disclosure):
        lines += [*part(assessment), ""]
    return ("\n".join(lines).rstrip() + "\n").encode()


def text(value: object) -> str:
    """One line in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(text(one) for one in row)} |"


def _first(a: Assessment) -> Iterator[str]:
    yield "## What matters most"
    yield ""
    yield from (f"{n}. {text(one.text)} ({text(one.fact)}; {text(one.why)})"
                for n, one in enumerate(a.headlines, 1))  # fmt: skip
    yield ""
    yield "## What to do next"
    yield ""
    yield from _table(
        ("Measure", "How", "Removes", "Tells", "Opens"),
        ((step.do, step.how, step.removes, step.tells, step.opens) for step in a.steps),
    )
    for one in a.comparisons:
        yield ""
        yield f"## Against {text(one.name)}"
        yield ""
        yield from _table(
            ("Fact", "There", "Here", "How", "Trend"),
            ((change.fact, shown(change.fact, change.before), shown(change.fact, change.after),
              change.how, change.trend) for change in one.changes[:50]),
        )  # fmt: skip


def _verdict(a: Assessment) -> Iterator[str]:
    yield "## Verdict"
    names = dict.fromkeys(cell.deployment for cell in a.verdict)
    for name in names:
        cells = {(c.axis, c.rung): c for c in a.verdict if c.deployment == name}
        yield ""
        yield f"### {text(name if name != ENTITY else 'Everything read')}"
        yield ""
        yield from _table(
            ("Defence", *(axis.capitalize() for axis in AXES)),
            ((rung, *(f"{cells[axis, rung].state} ({cells[axis, rung].basis})" for axis in AXES))
             for rung in RUNGS),
        )  # fmt: skip


def _safety(a: Assessment) -> Iterator[str]:
    case = a.safety_case
    yield f"## Safety case: {text(case.name)}"
    yield ""
    yield f"{text(case.source)}. The top goal is {case.state}."
    yield ""
    depth = {"": -1}
    for node in case.nodes:
        depth[node.id] = depth[node.under] + 1
        why = f" ({text(node.why)})" if node.why else ""
        yield (f"{'  ' * depth[node.id]}- {text(node.id)}, {node.kind}, *{node.state}*: "
               f"{text(node.text)}{why} {text(', '.join(node.facts))}").rstrip()  # fmt: skip


def _questions(a: Assessment) -> Iterator[str]:
    yield from _answers("Fifteen due-diligence questions", a.questions)
    yield from _answers("The four questions of a buyer", a.buyer_questions)
    for form in a.questionnaires:
        yield from _answers(form.name, form.questions)


def _answers(title: str, questions: Iterable[Question]) -> Iterator[str]:
    yield f"## {text(title)}"
    yield ""
    for one in questions:
        yield f"### {text(one.id)}: {text(one.question)}"
        yield ""
        yield f"**{one.state}**{'. ' + text(one.answer) if one.answer else ''}"
        if one.limits:
            yield ""
            yield f"Within these limits: {text('; '.join(one.limits))}"
        if one.missing:
            yield ""
            yield f"Not known: {text('; '.join(one.missing))}"
        yield ""


def _crosswalks(a: Assessment) -> Iterator[str]:
    for walk in a.crosswalks:
        yield f"## {text(walk.title)} ({text(walk.version)})"
        yield ""
        yield "Facts that speak to each clause. Whether it is met is not said here."
        yield ""
        yield from _table(
            ("Clause", "About", "Facts", "States", "No fact tells"),
            ((line.id, line.title, ", ".join(line.facts),
              ", ".join(f"{n} {state}" for state, n in line.states.items()), line.silent)
             for line in walk.clauses),
        )  # fmt: skip
        yield ""


def _facts(a: Assessment) -> Iterator[str]:
    yield "## Facts"
    yield ""
    yield from _table(
        ("Fact", "Value", "State", "As of", "Lapses", "Evidence"),
        ((fact.id, shown(fact.id, fact.value) if fact.value is not None else "unassessed",
          fact.state, fact.as_of[:10], fact.expires[:10], ", ".join(fact.evidence))
         for fact in a.facts),
    )  # fmt: skip


def _disclosure(a: Assessment) -> Iterator[str]:
    told = a.disclosure
    yield "## What was left out of this version"
    yield ""
    if told.redactions:
        yield from _table(
            ("What", "Importance", "Values", "Reason"),
            ((one.what, one.importance, one.count, one.reason) for one in told.redactions),
        )
    else:
        yield "Nothing."
    yield ""
    yield "## Independence of the assessor"
    yield ""
    yield from _table(
        ("Item", "Declared", "By"),
        ((one.item, one.answer or "not declared", one.by) for one in told.independence),
    )
