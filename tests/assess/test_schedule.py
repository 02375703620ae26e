"""Repeating an assessment: what is shown, and that nothing is installed unasked."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from roguewatch.cli.assess_schedule import cron_line, repeated, units
from tests.cli.run import HOME, roguewatch


def test_the_schedule_is_shown_and_nothing_is_read_or_installed(tmp_path: Path) -> None:
    done = roguewatch("assess", tmp_path, "--store", tmp_path / "s", "--schedule", "weekly")
    assert "roguewatch" in done.stdout
    assert "--install" in done.stdout
    assert "--schedule" not in done.stdout
    assert not (tmp_path / "s").exists()
    assert not (HOME / ".config" / "systemd").exists()


def test_install_without_a_schedule_is_an_input_error() -> None:
    done = roguewatch("assess", "--install", check=False)
    assert done.returncode == 2
    assert "--schedule" in done.stderr


def test_the_crontab_line_is_installed_once_and_leaves_other_lines_alone(tmp_path: Path) -> None:
    tab = tmp_path / "tab"
    tab.write_text("5 5 * * * keep me\n")
    fake = tmp_path / "bin" / "crontab"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nif [ "$1" = -l ]; then cat {tab}; else cat > {tab}; fi\n')
    fake.chmod(0o755)
    if Path("/run/systemd/system").is_dir():
        return  # this machine would get a timer instead
    path = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    for _ in range(2):
        roguewatch("assess", "in", "--schedule", "daily", "--install", env=path)
    lines = tab.read_text().splitlines()
    assert lines[0] == "5 5 * * * keep me"
    assert len(lines) == 2
    assert lines[1].startswith("17 3 * * * ")


def test_words_with_spaces_quotes_and_percent_signs_arrive_whole(tmp_path: Path) -> None:
    evil = ['it\'s 100% "$HOME"; touch x', "--schedule", "daily", "--install"]
    words = repeated(evil, tmp_path)
    # What cron gives to sh: the line after the five fields, with \% as %.
    line = cron_line("daily", words).replace("\\%", "%").split(" ", 5)[5]
    shown = line.replace(shlex.quote(sys.executable), "printf '%s\\n'")
    told = subprocess.run(["/bin/sh", "-c", line.replace(sys.executable, "/usr/bin/printf %s/")],
                          capture_output=True, text=True, check=False, cwd=tmp_path)  # fmt: skip
    assert shown
    assert 'it\'s 100% "$HOME"; touch x' in told.stdout
    assert not (tmp_path / "x").exists()
    service, timer = units("weekly", words)
    assert "100%%" in service
    assert "$$HOME" in service
    assert "OnCalendar=Mon" in timer
