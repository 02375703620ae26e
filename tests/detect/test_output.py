"""Findings out: SARIF against its schema's rules, OCSF's required attributes, JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec

from roguewatch.detect.output.jsonlines import json_lines
from roguewatch.detect.output.ocsf import ocsf
from roguewatch.detect.output.sarif import sarif
from roguewatch.findings import Finding, Severity

FINDINGS = [
    Finding(
        id=f"{n:032x}", session=f"s/{n}", behaviour="E1", title="Cron entry", level=level,
        detector="cron" if n < 3 else "other", detector_version="abc", events=("e1", "e2"),
        cause="own", time=1_700_000_000_123_456_789 if n else None, excerpt="crontab -e",
        rationale="It outlives the task.", tags=("attack.t1053.003", "atlas.aml.t0051", "owasp.asi03"),
        overreach=Severity("routine", 0.5), maturity="stable",
    )
    for n, level in enumerate(("informational", "low", "medium", "high", "critical"))
]  # fmt: skip

# The parts of the SARIF 2.1.0 schema that our log uses, by hand: required members and
# closed vocabularies of sections 3.13 to 3.52.
SCHEMA = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {
                                                "shortDescription": {"required": ["text"]},
                                                "fullDescription": {"required": ["text"]},
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "items": {
                            "required": ["message", "ruleId", "ruleIndex"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"required": ["text"]},
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "locations": {"type": "array", "minItems": 1},
                            },
                        }
                    },
                },
            }
        },
    },
}


def test_sarif_is_valid_and_names_each_rule_once():
    log = json.loads(json.dumps(sarif(FINDINGS)))
    jsonschema.validate(log, SCHEMA)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["cron", "other"]
    for one, result in zip(FINDINGS, run["results"], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == one.detector
        assert result["partialFingerprints"] == {"roguewatchFindingId/v1": one.id}
        assert " " not in result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert [result["level"] for result in run["results"]] == [
        "note", "note", "warning", "error", "error",
    ]  # fmt: skip


def test_no_findings_are_a_valid_sarif_log_that_says_so():
    log = sarif([])
    jsonschema.validate(log, SCHEMA)
    assert log["runs"][0]["results"] == []


def test_ocsf_detection_findings_have_what_the_class_requires():
    required = {
        "activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id",
        "time", "type_uid",
    }  # fmt: skip
    events = list(ocsf(FINDINGS, now=1_234))
    for one, made in zip(FINDINGS, events, strict=True):
        assert required <= made.keys()
        assert made["class_uid"] == 2004
        assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
        assert made["finding_info"]["uid"] == one.id
        assert made["metadata"]["version"]
    assert [made["severity_id"] for made in events] == [1, 2, 3, 4, 5]
    assert [made["time"] for made in events[:2]] == [1_234, 1_700_000_000_123]
    assert events[0]["finding_info"]["attacks"][0]["sub_technique"] == {"uid": "T1053.003"}


def test_json_lines_read_back_as_the_same_findings(tmp_path: Path):
    lines = list(json_lines(FINDINGS))
    assert [msgspec.json.decode(line, type=Finding) for line in lines] == FINDINGS
    assert all(line.count(b"\n") == 1 for line in lines)
