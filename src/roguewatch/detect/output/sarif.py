"""Findings as SARIF 2.1.0 (OASIS Standard, 2020), for code-scanning and ticket systems.

A finding's evidence is events, not source lines, so a result's location is the session as
an artefact, with the acting event as a logical location in it. `partialFingerprints`
carries the finding's own id, by which receivers tell old results from new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from roguewatch import __version__
from roguewatch.findings import Finding, Level

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: dict[Level, str] = {
    "informational": "note",
    "low": "note",
    "medium": "warning",
    "high": "error",
    "critical": "error",
}
# GitHub's `security-severity` puts 9.0 and above as critical, 7.0 high, 4.0 medium.
_SEVERITY: dict[Level, str] = {
    "informational": "0.0",
    "low": "2.0",
    "medium": "5.0",
    "high": "8.0",
    "critical": "9.5",
}


def sarif(findings: Iterable[Finding]) -> dict[str, Any]:
    """A SARIF log with one run."""
    listed = list(findings)
    rules = _rules(listed)
    index = {rule["id"]: place for place, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "roguewatch",
                        "semanticVersion": __version__,
                        "rules": rules,
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, index[finding.detector]) for finding in listed],
            }
        ],
    }


def _rules(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for finding in findings:
        rules.setdefault(
            finding.detector,
            {
                "id": finding.detector,
                "name": finding.detector,
                "shortDescription": {"text": finding.title or finding.detector},
                "fullDescription": {"text": finding.rationale or finding.title or "—"},
                "help": {"text": f"What would make it wrong: {finding.falsifier or 'not stated'}"},
                "defaultConfiguration": {"level": _LEVELS[finding.level]},
                "properties": {
                    "tags": [f"behaviour.{finding.behaviour.lower()}", *finding.tags],
                    "security-severity": _SEVERITY[finding.level],
                    "version": finding.detector_version,
                    "maturity": finding.maturity,
                },
            },
        )
    return list(rules.values())


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    session = f"roguewatch:session/{quote(finding.session, safe='')}"
    return {
        "ruleId": finding.detector,
        "ruleIndex": rule,
        "level": _LEVELS[finding.level],
        "message": {"text": f"{finding.title}: {finding.excerpt}".strip(": ") or finding.detector},
        "partialFingerprints": {"roguewatchFindingId/v1": finding.id},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": session}},
                "logicalLocations": [
                    {"fullyQualifiedName": event, "kind": "event"} for event in finding.events[:1]
                ],
            }
        ],
        "relatedLocations": [
            {"id": place, "logicalLocations": [{"fullyQualifiedName": event, "kind": "event"}]}
            for place, event in enumerate(finding.events[1:], start=1)
        ],
        "properties": {
            "behaviour": finding.behaviour,
            "cause": finding.cause,
            "causeBasis": finding.cause_basis,
            "agent": finding.agent,
            "surface": finding.surface,
            "timeUnixNano": finding.time,
            "overreach": {"rung": finding.overreach.rung, "score": finding.overreach.score},
            "deception": {"rung": finding.deception.rung, "score": finding.deception.score},
        },
    }
