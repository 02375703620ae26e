"""Public versions, approvals, independence, and verifying them with nothing of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.assess.conftest import Example, own_witness
from tests.cli.run import ENVIRONMENT, HOME, ROOT, json_lines, roguewatch

REDACTIONS = ROOT / "examples/organisation/redactions.yaml"


@pytest.fixture(scope="module")
def published(
    example: Example, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """The private and the public document, from a copy of the store."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(example.store, folder / "store")
    own = own_witness(folder)
    ENVIRONMENT.update(own)
    report = example.out / "assessment.json"
    done = roguewatch("assess", "publish", report, "--store", folder / "store", "--redactions",
                      REDACTIONS, "--out", folder / "public")  # fmt: skip
    path = folder / "public" / "assessment.json"
    yield {
        "private": json.loads(report.read_text()), "public": json.loads(path.read_text()),
        "page": (folder / "public" / "assessment.html").read_text(), "told": done.stdout,
        "path": path, "store": folder / "store",
    }  # fmt: skip
    for name in own:
        del ENVIRONMENT[name]


def test_the_summary_of_redactions_is_in_the_report_on_the_page_and_printed(
    published: dict[str, Any],
) -> None:
    told = published["public"]["disclosure"]
    assert told["version"] == "public"
    whats = {one["what"]: one for one in told["redactions"]}
    assert {"fact:permissions.*", "sessions", "quotations from what agents said and did",
            "names of files and folders"} == set(whats)  # fmt: skip
    assert all(one["count"] and one["reason"] and one["importance"] for one in whats.values())
    for what in whats:
        assert what in published["told"]
        assert what.split(" and ")[0] in published["page"]


def test_nothing_that_was_left_out_is_anywhere_in_the_public_version(
    published: dict[str, Any],
) -> None:
    private, public = published["private"], published["public"]
    text = json.dumps(public) + published["page"]
    quotations = [one["excerpt"] for one in private["findings"] if " " in one["excerpt"]]
    paths = {one["path"] for one in private["sessions"]} | set(private["coverage"]["paths"])
    assert quotations
    assert not any(one in text for one in (*quotations, *paths))
    assert public["sessions"] == []
    hidden = [one for one in public["facts"] if one["id"].startswith("permissions.")]
    assert hidden
    assert {(one["state"], one["value"]) for one in hidden} == {("redacted", None)}
    answers = {one["id"]: one for one in public["questions"]}
    assert answers["Q4"]["answer"] == "withheld in this version"


def test_what_was_not_left_out_is_word_for_word_the_same(published: dict[str, Any]) -> None:
    private, public = published["private"], published["public"]
    before = {one["id"]: one for one in private["facts"]}
    kept = [one for one in public["facts"] if one["state"] != "redacted"]
    assert len(kept) > 100
    assert all(before[one["id"]] == one for one in kept)
    states = [[cell["state"] for cell in doc["verdict"]] for doc in (private, public)]
    assert states[0] == states[1]


def test_both_versions_verify_and_an_approval_is_bound_to_one(published: dict[str, Any]) -> None:
    path, store = published["path"], published["store"]
    roguewatch("assess", "approve", path, "--by", "Ines Roth", "--role", "board", "--store", store)
    (found,) = json_lines(roguewatch("assess", "verify", path, "--store", store, "--json").stdout)
    assert (found["genuine"], found["version"]) == (True, "public")
    assert [one["by"] for one in found["approvals"]] == ["Ines Roth"]
    changed = path.with_name("changed.json")
    document = json.loads(path.read_text())
    document["disclosure"]["redactions"] = []
    changed.write_text(json.dumps(document))
    bad = roguewatch("assess", "verify", changed, "--store", store, check=False)
    assert bad.returncode == 1
    refused = roguewatch("assess", "approve", changed, "--by", "X", "--store", store, check=False)
    assert refused.returncode == 2


def test_a_third_party_verifies_a_report_with_the_stand_alone_script(
    published: dict[str, Any], tmp_path: Path
) -> None:
    path, store = published["path"], published["store"]
    (found,) = json_lines(roguewatch("assess", "verify", path, "--store", store, "--json").stdout)
    proof = tmp_path / "proof.json"
    reports = store / "reports"
    proof.write_text(roguewatch("ledger", "prove", found["event"], "--store", reports).stdout)
    key = json.loads((reports / "ledger" / "ledger.json").read_bytes())["key"]
    script = [sys.executable, "-I", ROOT / "tools/verify_evidence.py", proof, "--key", key]

    def verified(report: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*script, "--report", report], capture_output=True, text=True,
                              check=False, env={"HOME": str(HOME)})  # fmt: skip

    good = verified(path)
    assert good.returncode == 0, good.stderr
    assert "commits to assessment.json" in good.stdout
    other = tmp_path / "assessment.json"
    other.write_text(path.read_text().replace("redacted", "measured", 1))
    assert verified(other).returncode == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {what: 'fact:no.such', importance: low, reason: x}", "matches nothing"),
        ("- {what: 'fact:sessions', importance: low, reason: ' '}", "no reason"),
        ("- {what: 'fact:sessions', importance: grave, reason: x}", "importance"),
        ("- {what: verdict, importance: low, reason: x}", "expected fact:ID"),
    ],
)
def test_a_redaction_that_hides_nothing_or_has_no_reason_is_refused(
    published: dict[str, Any], example: Example, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "r.yaml").write_text(text)
    done = roguewatch(
        "assess", "publish", example.out / "assessment.json", "--store", published["store"],
        "--redactions", tmp_path / "r.yaml", "--out", tmp_path / "o", check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "o").exists()


def test_independence_is_declared_item_by_item_and_silence_is_shown(
    example: Example, tmp_path: Path
) -> None:
    document = json.loads((example.out / "assessment.json").read_text())
    declared = document["disclosure"]["independence"]
    assert len(declared) == 8
    silent = [one for one in declared if not one["answer"]]
    assert 0 < len(silent) < 8
    assert (example.out / "assessment.html").read_text().count("not declared") == len(silent)
    (tmp_path / "a.yaml").write_text("by: Ada\nanswers: {salary: none}")
    done = roguewatch("assess", "--assessor", tmp_path / "a.yaml", "--store", tmp_path / "s",
                      tmp_path, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "salary" in done.stderr
