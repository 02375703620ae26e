"""`roguewatch investigate`, as a person uses it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.run import json_lines, ran, roguewatch, session


def test_a_transcript_alone_is_reconstructed_and_its_limits_are_said(tmp_path: Path) -> None:
    store, page = tmp_path / "store", tmp_path / "page.html"
    (tmp_path / "a.jsonl").write_text(session("s-1", "go", *ran("1", "cat ~/.aws/credentials")))
    roguewatch("assess", "--store", store, tmp_path / "a.jsonl")
    roguewatch("register", "add", "app", "--surface", "claude-code", "--store", store)
    shown = roguewatch("investigate", "app", "--store", store, "--html", page).stdout
    assert "cat ~/.aws/credentials" in shown
    assert "key ~/.aws/credentials" in shown
    assert "only transcript saw" in shown
    assert "cat ~/.aws/credentials" in page.read_text()
    (told,) = json_lines(
        roguewatch("investigate", "app", "--since", "2026-11-16", "--store", store, "--json").stdout
    )
    assert [one["call_id"] for one in told["timeline"] if one["what"] == "call"] == ["toolu_1"]
    assert any(one["findings"] for one in told["timeline"])
    (later,) = json_lines(
        roguewatch("investigate", "app", "--since", "2026-11-17", "--store", store, "--json").stdout
    )
    assert later["timeline"] == []
    assert roguewatch("investigate", "ghost", "--store", store, check=False).returncode == 2
