"""The assessment as an OSCAL assessment-results document (NIST OSCAL 1.2.1, JSON).

Facts are observations, questions are findings with a target each, and every cell of the
verdict is a risk whose state is a property. An answer is a statement about evidence, so a
finding's target is `not-satisfied` wherever it is not fully answered: OSCAL has no third
state, and unassessed is never counted as good. Identifiers are UUIDs of version 5 made from
the run, so that the same report always gives the same document.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid5

import msgspec

from roguewatch.assess.document import Assessment, Cell, Fact, Question
from roguewatch.assess.questions import shown

OSCAL = "1.2.1"
NAMESPACE = UUID("6f0f5b52-6c2e-5d0c-9b4e-0c6a4d1f7f11")
"""Ours, for identifiers of version 5."""
NS = "urn:roguewatch:oscal"
_TOKEN = re.compile(r"[^A-Za-z0-9._-]")
PLAN = "No plan was given in OSCAL; the method of each fact is in its observation."
Json = dict[str, Any]


def oscal(assessment: Assessment) -> bytes:
    """The document as JSON."""
    document = {"assessment-results": _present(_results(assessment))}
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _present(value: Any) -> Any:
    """Without keys that have no value, which OSCAL does not allow."""
    if isinstance(value, dict):
        return {key: _present(one) for key, one in value.items() if one is not None}
    return [_present(one) for one in value] if isinstance(value, list) else value


def _results(a: Assessment) -> Json:
    def made(*names: str) -> str:
        return str(uuid5(NAMESPACE, "\0".join((a.run, a.disclosure.version, *names))))

    forms = [("due-diligence", a.questions), ("buyer", a.buyer_questions),
             *((form.name, form.questions) for form in a.questionnaires)]  # fmt: skip
    asked = [(f"{name}-{one.id}", one) for name, some in forms for one in some]
    result: Json = {
        "uuid": made("result"),
        "title": "Means, motive and opportunity of AI agents, from evidence",
        "description": "Observations are facts with their evidence; findings are answers to "
        "questions; risks are the cells of the verdict. Nothing here claims compliance.",
        "start": a.window.first or a.created,
        "end": a.window.last or a.created,
        "reviewed-controls": {"control-selections": [{"include-all": {}}]},
        "observations": [_observation(fact, made, a) for fact in a.facts],
        "risks": [_risk(cell, made) for cell in a.verdict],
        "findings": [_finding(id, one, made) for id, one in asked],
    }
    return {
        "uuid": made("document"),
        "metadata": {
            "title": "Assessment of AI agent activity",
            "last-modified": a.created,
            "version": a.run,
            "oscal-version": OSCAL,
            "props": [_prop("generator", a.generator), _prop("version", a.disclosure.version)],
            "remarks": _redactions(a),
        },
        "import-ap": {"href": f"#{made('plan')}", "remarks": PLAN},
        "results": [result],
        "back-matter": {
            "resources": [{"uuid": made("plan"), "title": "Methods", "description": PLAN}]
        },
    }


def _observation(fact: Fact, made: Any, a: Assessment) -> Json:
    value = "no value" if fact.value is None else shown(fact.id, fact.value)
    methods = {"primary": "EXAMINE", "stated": "INTERVIEW"}
    found: Json = {
        "uuid": made("fact", fact.id),
        "title": fact.id,
        "description": f"{fact.statement}: {value}",
        "props": [
            _prop("state", fact.state), _prop("unit", fact.unit), _prop("kind", fact.kind),
            _prop("method-version", fact.version),
        ],
        "methods": ["TEST" if fact.counts else methods[fact.kind]],
        "collected": fact.as_of or a.created,
        "remarks": f"Method: {fact.method}",
    }  # fmt: skip
    if fact.expires:
        found["expires"] = fact.expires
    if fact.evidence:
        found["relevant-evidence"] = [
            {"description": one, "props": [_prop("evidence", one)]} for one in fact.evidence
        ]
    return found


def _risk(cell: Cell, made: Any) -> Json:
    states = {"well beyond": "closed"}
    return {
        "uuid": made("cell", cell.deployment, cell.axis, cell.rung),
        "title": f"{cell.axis} against {cell.rung} defence: {cell.deployment}",
        "description": cell.argument or "Not assessed.",
        "statement": f"Beating this rung is {cell.state} what the agents could do.",
        "props": [_prop("state", cell.state), _prop("basis", cell.basis)],
        "status": states.get(cell.state, "open"),
        "related-observations": [
            {"observation-uuid": made("fact", id)} for id in cell.facts
        ] or None,
    }  # fmt: skip


def _finding(id: str, one: Question, made: Any) -> Json:
    state = "satisfied" if one.state == "answered" else "not-satisfied"
    return {
        "uuid": made("question", id),
        "title": one.question,
        "description": one.answer or "Unassessed.",
        "props": [_prop("state", one.state)],
        "target": {
            "type": "objective-id",
            "target-id": f"q-{_TOKEN.sub('-', id)}",
            "status": {"state": state, "remarks": "satisfied: the question is fully answered "
                       "from evidence; says nothing of whether the answer is good"},
        },
        "related-observations": [
            {"observation-uuid": made("fact", fact)} for fact in one.facts
        ] or None,
        "remarks": f"Not known: {'; '.join(one.missing)}" if one.missing else None,
    }  # fmt: skip


def _redactions(a: Assessment) -> str:
    told = [f"{one.what} ({one.importance}, {one.count}): {one.reason}"
            for one in a.disclosure.redactions]  # fmt: skip
    return "Left out of this version: " + ("; ".join(told) or "nothing.")


def _prop(name: str, value: str) -> Json:
    return {"name": name, "ns": NS, "value": value.strip() or "none"}
