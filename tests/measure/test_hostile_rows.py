"""Whatever the rows hold, a command prints strict JSON or one clear error: never a NaN, a
warning or a traceback."""

from __future__ import annotations

import json
import random
import warnings

import pytest
from click.testing import CliRunner

from roguewatch.cli import cli
from roguewatch.errors import RoguewatchError

USUAL = {
    "alias": ["a", "b"], "task_id": ["t", "u", "v"], "task_family": ["f"],
    "human_minutes": [1, 5, 30, 1e4], "score_binarized": [0, 1, 0.5], "cheated": [True, False],
    "label": [0, 1], "score": [0, 1, 0.3], "weight": [1, 2], "event": [0, 1],
    "group": ["g", "h"], "cluster": ["c", "d", "e"], "scenario": ["s", "t"],
    "watched": [True, False], "stratum": ["x", "y"], "population": [100, 50],
    "reviewed": [10, 20], "found": [0, 1], "propensity": [0.5, 0.1], "unit": [1, 2, 3, 4],
    "rater": ["r", "q"], "rating": [1, 2, 3], "strength": [1, 2, 3], "uncaught": [1, 3],
    "attacks": [5, 9], "scores": [{"m": 1, "n": 0.5}, {"m": 0, "n": 0.1}], "agent": ["a", "b"],
    "release_date": ["2024-01-01", "2025-01-01"], "p50": [1, 5], "low": [0.5], "high": [9],
    "first": [0, 1], "second": [0, 1],
}  # fmt: skip
STRANGE = [None, True, -1, 0, 1e308, 5e-324, 10**30, "", "C", [1], {}, "1", "\u202e\x1b[2J"]
COMMANDS = {
    "horizon": (["alias", "task_id", "task_family", "human_minutes", "score_binarized", "cheated"],
                ["--bootstrap", "20", "--sensitivity"]),
    "monitor": (["label", "score", "weight"], []),
    "rates": (["event", "group", "cluster"], []),
    "awareness": (["scenario", "watched", "event"], []),
    "missed": (["found", "propensity"], ["--population", "100"]),
    "sequential": (["event"], ["--baseline", "1", "50"]),
    "agreement": (["unit", "rater", "rating"], []),
    "capability": (["strength", "uncaught", "attacks"], []),
    "ensemble": (["label", "scores"], []),
    "trend": (["agent", "release_date", "p50", "low", "high"], []),
    "compare": (["first", "second"], []),
}  # fmt: skip


def refuse(name):
    raise AssertionError(f"{name} in the JSON")


@pytest.mark.parametrize("command", COMMANDS)
def test_any_rows_give_strict_json_or_a_clear_error(command, tmp_path):
    seed = 20_251_121
    rng, runner = random.Random(f"{command} {seed}"), CliRunner()
    fields, options = COMMANDS[command]
    path = tmp_path / "rows.jsonl"
    printed = refused = 0
    for _ in range(60):
        strange, absent = rng.choice([(0, 0), (0.03, 0), (0, 0.05)])
        rows = [
            {
                field: rng.choice(STRANGE if rng.random() < strange else USUAL[field])
                for field in fields
                if rng.random() >= absent
            }
            for _ in range(rng.choice([1, 2, 5, 40]))
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            done = runner.invoke(cli, ["measure", command, str(path), "--json", *options])
        if done.exit_code == 0:
            json.loads(done.stdout, parse_constant=refuse)
            printed += 1
        else:
            assert isinstance(done.exception, RoguewatchError), (seed, rows, done.exception)
            assert "\x1b" not in str(done.exception)
            refused += 1
    assert printed and refused
