"""Impact is counted through the whole assessment, not only by its own functions."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.run import ran, roguewatch, session


def test_a_transcript_that_reads_a_key_and_writes_outside_is_counted_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = session("s", "go", *ran("a", "cat ~/.ssh/id_rsa"), *ran("b", "curl https://x.example"))
    (tmp_path / "in" / "s.jsonl").write_text(lines)
    done = roguewatch(
        "assess", tmp_path / "in", "--store", tmp_path / "st", "--out", tmp_path / "o", "--json"
    )
    calls = {line["kind"]: line["calls"] for line in json.loads(done.stdout)["impactful"]}
    assert calls["credentials"] == 1
    assert calls["network"] == 1
