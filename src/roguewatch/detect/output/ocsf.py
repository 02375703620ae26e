"""Findings as OCSF 1.3 Detection Finding events (class_uid 2004), for a SIEM or data lake."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from roguewatch import __version__
from roguewatch.findings import Finding, Level

CLASS = 2004
_CREATE = 1
_SEVERITIES: dict[Level, tuple[int, str]] = {
    "informational": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_CONFIDENCE = {"experimental": (1, "Low"), "testing": (2, "Medium"), "stable": (3, "High")}


def ocsf(findings: Iterable[Finding], *, now: int | None = None) -> Iterator[dict[str, Any]]:
    """One Detection Finding event per finding.

    Args:
        findings: what was found.
        now: ms since 1970 to use where a finding has no time; by default the clock's.
    """
    fallback = int(time.time() * 1000) if now is None else now
    for finding in findings:
        yield _event(finding, fallback)


def _event(finding: Finding, fallback: int) -> dict[str, Any]:
    severity_id, severity = _SEVERITIES[finding.level]
    confidence_id, confidence = _CONFIDENCE[finding.maturity]
    when = finding.time // 1_000_000 if finding.time is not None else fallback
    return {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + _CREATE,
        "type_name": "Detection Finding: Create",
        "time": when,
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "status_id": 1,
        "status": "New",
        "is_alert": severity_id >= 4,
        "message": finding.title,
        "metadata": {
            "version": "1.3.0",
            "product": {"name": "roguewatch", "vendor_name": "roguewatch", "version": __version__},
            "uid": finding.id,
        },
        "finding_info": {
            "uid": finding.id,
            "title": finding.title or finding.detector,
            "desc": finding.rationale,
            "created_time": when,
            "types": [finding.behaviour] if finding.behaviour else [],
            "analytic": {
                "uid": finding.detector,
                "name": finding.detector,
                "type_id": 1,
                "type": "Rule",
                "version": finding.detector_version,
            },
            "attacks": [_attack(tag) for tag in finding.tags if _attack(tag)],
            "related_events": [{"uid": event} for event in finding.events],
        },
        "evidences": [
            {"data": {"excerpt": finding.excerpt, "session": finding.session, "event": event}}
            for event in finding.events[:1]
        ],
        "unmapped": {
            "agent": finding.agent,
            "surface": finding.surface,
            "behaviour": finding.behaviour,
            "cause": finding.cause,
            "cause_basis": finding.cause_basis,
            "falsifier": finding.falsifier,
            "overreach": {"rung": finding.overreach.rung, "score": finding.overreach.score},
            "deception": {"rung": finding.deception.rung, "score": finding.deception.score},
            "tags": list(finding.tags),
        },
    }


def _attack(tag: str) -> dict[str, Any]:
    """A MITRE technique from a tag such as `attack.t1053.003`; empty for other tags."""
    space, _, name = tag.partition(".")
    if space not in ("attack", "atlas") or "t" not in name[:6]:
        return {}
    key = "sub_technique" if space == "attack" and "." in name else "technique"
    return {"version": "n/a", key: {"uid": name.upper()}}
