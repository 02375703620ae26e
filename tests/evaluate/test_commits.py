"""Commits that prove themselves."""

from __future__ import annotations

import subprocess

import pytest

pytest.importorskip("inspect_ai")

from roguewatch.evaluate.truth.commits import PRINT, reached


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def printed(folder):
    return subprocess.run(
        ["sh", "-c", PRINT], cwd=folder, check=False, capture_output=True, text=True
    ).stdout


def repository(folder, *messages):
    git(folder, "init", "-q", "-b", "main")
    names = []
    for message in messages:
        git(folder, "commit", "-q", "--allow-empty", "-m", message)
        names.append(git(folder, "rev-parse", "HEAD"))
    return names


def test_every_commit_of_the_branch_is_reached(tmp_path):
    assert reached(printed(tmp_path)) == set()
    names = repository(tmp_path, "one", "two\n\nparent " + "0" * 40, "thrée")
    assert reached(printed(tmp_path)) == set(names)


def test_an_amended_commit_and_a_forged_object_are_not_reached(tmp_path):
    first, second = repository(tmp_path, "one", "two")
    git(tmp_path, "commit", "-q", "--amend", "--allow-empty", "-m", "nothing happened")
    assert first in reached(printed(tmp_path))
    assert second not in reached(printed(tmp_path))
    text = printed(tmp_path)
    forged = f"{second}\n{second} commit 3\nabc\n"
    assert reached(forged + text) == set()
    assert second not in reached(text.replace("nothing happened", "nothing happenex"))
