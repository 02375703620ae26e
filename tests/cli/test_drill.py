"""`roguewatch drill` from outside: what it prints, keeps and proves."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from roguewatch.cli.drill import command

if shutil.which("bwrap") is None:
    pytest.skip("bubblewrap is not installed", allow_module_level=True)


def lines(*arguments, status=0):
    done = CliRunner().invoke(command, [*map(str, arguments), "--json"])
    assert done.exit_code == status, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_drill_is_kept_and_proves_its_route_until_something_changes(tmp_path):
    (ran,) = lines("run", "nohup", "--rung", "3", "--contained", "--store", tmp_path)
    assert (ran["route"], ran["contained"], ran["rung"], ran["survivors"]) == ("nohup", True, 3, [])
    assert {"noticed_by", "seconds_to_notice", "seconds_to_dead", "skipped"} <= set(ran)
    told = lines("report", "--store", tmp_path)
    proofs = {(one["subject"], one["contained"]): one for one in told if "subject" in one}
    assert proofs["nohup", True]["state"] == "proven"
    assert proofs["nohup", False]["state"] == "unassessed"
    assert proofs["adapter contained", None]["state"] == "proven"
    (summary,) = [one for one in told if one.get("summary")]
    assert (summary["rung"], summary["contained"], summary["survived"]["count"]) == (3, True, 0)


def test_an_investigation_is_drilled_and_kept(tmp_path):
    (found,) = lines("investigation", "--seed", "1", "--store", tmp_path)
    assert not found["missed"]
    states = {one.get("subject"): one.get("state") for one in lines("report", "--store", tmp_path)}
    assert states["investigation timeline"] == "proven"


def test_a_schedule_is_shown_and_written_only_where_asked(tmp_path):
    (shown,) = lines("schedule", "--every", "daily", "--store", tmp_path / "s")
    assert "OnCalendar=daily" in shown["timer"] and not shown["written"]
    (written,) = lines("schedule", "--install", tmp_path / "u", "--store", tmp_path / "s")
    assert sorted(path.name for path in (tmp_path / "u").iterdir()) == sorted(
        path.rsplit("/", 1)[1] for path in written["written"]
    )
