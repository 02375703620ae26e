"""`roguewatch measure …` as a user runs it: JSON out, clear errors, plots that are pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.measure.test_horizon import synthetic

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "measure"


def measure(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "roguewatch", "measure", *map(str, arguments)],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def strict(text):
    """JSON without NaN and Infinity, which Python would otherwise take."""

    def refuse(name):
        raise AssertionError(f"{name} in the JSON")

    return json.loads(text, parse_constant=refuse)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_horizon_prints_the_agents_with_the_promised_fields(tmp_path):
    rows = synthetic(agents=2, tasks=40, runs=3)
    for number, row in enumerate(rows):
        row["cheated"] = number % 9 == 0
    path = write(tmp_path / "runs.jsonl", rows)
    plot = tmp_path / "horizon.png"
    dates = tmp_path / "dates.yaml"
    dates.write_text("agent 0: 2024-01-01\nagent 1: 2025-01-01\n")
    document = strict(
        measure(
            "horizon", path, "--json", "--bootstrap", 100, "--seed", 1, "--cheats", "exclude",
            "--sensitivity", "--plot", plot, "--releases", dates,
        )
    )  # fmt: skip
    assert [agent["agent"] for agent in document["agents"]] == ["agent 0", "agent 1"]
    first = document["agents"][0]
    for field in ("slope", "intercept", "p50", "p80", "p50_interval", "p80_interval", "runs"):
        assert first[field] is not None
    assert first["saturated"] is False
    assert first["p50_interval"][0] < first["p50"] < first["p50_interval"][1]
    assert set(document["by_cheats"]["agent 0"]) == {"fail", "exclude", "pass"}
    assert document["trend"]["doubling_days"] > 0
    assert "joint" in document["trend"]["interval_from"]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_horizon_prints_no_nan_where_nothing_can_be_fitted(tmp_path):
    rows = [{"agent": "a", "task": "t", "family": "f", "human_minutes": 5, "score": 1}] * 3
    document = strict(measure("horizon", write(tmp_path / "r.jsonl", rows), "--json"))
    assert document["agents"][0]["p50"] is None and document["agents"][0]["saturated"] is True


def test_a_bad_row_ends_with_status_two_and_names_its_place(tmp_path):
    path = write(
        tmp_path / "runs.jsonl", [{"alias": "a\x1b[31m", "task_id": "t", "human_minutes": -1}]
    )
    error = measure("horizon", path, "--json", code=2)
    assert "runs.jsonl:1" in error and "human_minutes" in error and "Traceback" not in error
    assert "\x1b" not in error
    assert "cannot be read" in measure("horizon", tmp_path / "absent.jsonl", code=2)


def test_names_with_control_characters_and_markup_are_shown_harmlessly(tmp_path):
    rows = [{**row, "alias": "\x1b]0;x\x07[red]$a_b$[/]"} for row in synthetic(1, 1, 20, 2, 5)]
    plot = tmp_path / "p.png"
    shown = measure("horizon", write(tmp_path / "r.jsonl", rows), "--bootstrap", 10, "--plot", plot)
    assert "\x1b]" not in shown and plot.exists()


def test_monitor_prints_area_recall_precision_and_missing_verdicts(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"label": int(a), "score": float(rng.normal() + 2 * a), "weight": 1.5, "note": "extra"}
        for a in rng.random(300) < 0.3
    ]
    path = write(tmp_path / "m.jsonl", [*rows, {"label": 1, "score": None}])
    plot = tmp_path / "roc.svg"
    document = strict(measure("monitor", path, "--json", "--fpr", 0.05, "--plot", plot))
    assert 0.85 < document["auroc"] < 0.97
    assert document["not_observed"] == {"honest": 0, "attacks": 1}
    assert document["at_fpr"][0]["fpr"] <= 0.05
    assert set(document["at_fpr"][0]["precision"]) == {"0.1", "0.01", "0.001"}
    assert plot.read_text().startswith("<?xml")


def test_simulate_reads_json_and_yaml_and_echoes_its_config(tmp_path):
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"name": "d", "runs": 200, "red_team": {"needed": 2}}))
    document = strict(measure("simulate", path, "--json"))
    assert document["deployments"][0]["name"] == "d"
    assert document["config"]["deployments"][0]["red_team"]["needed"] == 2
    plot = tmp_path / "s.png"
    shown = measure("simulate", EXAMPLES / "async-control.yaml", "--plot", plot)
    assert "two attacks are needed" in shown and plot.exists()


def test_every_other_subcommand_prints_strict_json(tmp_path):
    rng = np.random.default_rng(0)
    events = [
        {"event": int(rng.random() < 0.2), "group": "ab"[i % 2], "cluster": str(i % 11)}
        for i in range(300)
    ]
    one = write(tmp_path / "e.jsonl", events)
    rates = strict(measure("rates", one, "--json", "--plot", tmp_path / "f.png"))
    assert len(rates["rates"]) == 2 and len(rates["clustered"]) == 4
    assert rates["comparisons"][0]["p_holm"] <= 1
    direct = strict(measure("rates", "--events", 30, "--n", 30, "--json"))
    assert round(direct["exact"][0], 3) == 0.884
    rise = strict(
        measure("sequential", one, "--baseline", 5, 500, "--json", "--plot", tmp_path / "s.png")
    )
    assert rise["rise"]["risen"] is True and rise["change"]["alarm_at"] > 0
    assert strict(measure("power", "--below", 0.01, "--json"))["n"] == 299
    assert strict(measure("recapture", 30, 25, 15, "--json"))["total"] == 49.375
    pairs = write(tmp_path / "p.jsonl", [{"first": 1, "second": 0}, {"first": 1, "second": 1}])
    assert strict(measure("compare", pairs, "--json"))["difference"] == -0.5
    sample = write(
        tmp_path / "m.jsonl", [{"found": 1, "propensity": 0.5}, {"found": 0, "propensity": 0.1}]
    )
    assert strict(measure("missed", sample, "--population", 50, "--json"))["total"] == 2
    watched = [
        {"scenario": str(i % 3), "watched": bool(i % 2), "event": int(rng.random() < 0.5)}
        for i in range(120)
    ]
    path = write(tmp_path / "w.jsonl", watched)
    assert (
        strict(measure("awareness", path, "--json", "--plot", tmp_path / "a.png"))["scenarios"] == 3
    )
    ratings = [
        {"unit": i, "rater": r, "rating": (i + (i == r)) % 3} for i in range(9) for r in (1, 2)
    ]
    found = strict(measure("agreement", write(tmp_path / "g.jsonl", ratings), "--json"))
    assert [line["coefficient"] for line in found] == ["alpha", "kappa", "fleiss"]
    trials = [{"strength": s, "uncaught": 40 - 10 * s, "attacks": 50} for s in range(5)]
    path = write(tmp_path / "c.jsonl", trials)
    curve = strict(measure("capability", path, "--json", "--plot", tmp_path / "c.png"))
    assert 2 < curve["needed"] < 4
    scored = [
        {"label": i % 2, "scores": {"x": i % 2 + rng.normal(), "y": rng.normal()}}
        for i in range(99)
    ]
    both = strict(measure("ensemble", write(tmp_path / "z.jsonl", scored), "--json"))
    assert len(both["ensembles"]) == 3
    points = [{"agent": f"a{i}", "release_date": f"2024-0{i}-01", "p50": 2.0**i} for i in (1, 2, 3)]
    path = write(tmp_path / "t.jsonl", points)
    assert strict(measure("trend", path, "--json", "--plot", tmp_path / "t.png"))["points"] == 3
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in "fsact")


def test_horizon_runs_without_the_optional_part_and_a_plot_says_what_is_missing(tmp_path):
    path = write(tmp_path / "r.jsonl", synthetic(agents=1, tasks=10, runs=2))
    block = (
        "import sys\n"
        "for name in ('matplotlib', 'sklearn', 'statsmodels', 'pandas'): sys.modules[name] = None\n"
        "from roguewatch.cli import main\n"
        "main()\n"
    )
    base = [sys.executable, "-c", block, "measure"]
    for command in (
        ["horizon", path, "--json", "--bootstrap", "10"],
        ["simulate", EXAMPLES / "availability.yaml", "--json"],
        ["rates", "--events", "1", "--n", "9", "--json"],
    ):
        done = subprocess.run([*base, *command], capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        strict(done.stdout)
    asked = [*base, "horizon", path, "--bootstrap", "0", "--plot", tmp_path / "p.png"]
    done = subprocess.run(asked, capture_output=True, timeout=120, check=False)
    assert done.returncode == 2 and b"roguewatch[measure]" in done.stderr


@pytest.mark.parametrize("command", ["horizon", "monitor", "rates", "awareness", "sequential"])
def test_an_empty_file_is_a_clear_error(tmp_path, command):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    assert "holds no rows" in measure(command, path, code=2)
