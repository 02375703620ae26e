"""A store on a read-only mount, as an auditor has it: read as ever, and never written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.run import json_lines, roguewatch, session


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """The folder as one that cannot be written: a mount for root, whom no mode stops."""
    if os.getuid():
        inside = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in inside:
            path.chmod(0o500)
        try:
            yield folder
        finally:
            for path in inside:
                path.chmod(0o700)
        return
    place = folder.with_name(f"{folder.name}-read-only")
    place.mkdir(exist_ok=True)
    bound = subprocess.run(["mount", "--bind", folder, place], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("root, and no mounts may be made here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    (folder / "one.jsonl").write_text(session("one", "hello", ("assistant", "hello")))
    roguewatch("assess", folder / "one.jsonl", "--store", folder / "store", "--out", folder / "o")
    return folder / "store"


def test_readers_say_of_a_read_only_store_what_they_say_of_a_writable_one(store: Path) -> None:
    commands = [
        ["sessions"], ["findings"], ["register", "list"], ["incidents", "list"],
        ["drill", "report"], ["gate", "coverage"], ["ledger", "verify"],
    ]  # fmt: skip
    with read_only(store) as place:
        for command in commands:
            kept = roguewatch(*command, "--json", "--store", store if os.getuid() == 0 else place)
            seen = roguewatch(*command, "--json", "--store", place)
            assert "cannot be opened" not in seen.stderr
            assert (seen.returncode, seen.stdout) == (kept.returncode, kept.stdout), command
        assert [one["session"] for one in json_lines(
            roguewatch("sessions", "--json", "--store", place).stdout
        )] == ["one"]  # fmt: skip


def test_a_writer_is_told_that_the_store_is_read_only(store: Path) -> None:
    with read_only(store) as place:
        done = roguewatch("register", "add", "new", "--owner", "a", "--store", place, check=False)
    assert done.returncode == 2
    assert "is read-only" in done.stderr


def test_a_read_only_store_of_an_older_schema_is_refused_with_what_to_do(
    store: Path, tmp_path: Path
) -> None:
    shutil.copytree(store, tmp_path / "store")
    with sqlite3.connect(tmp_path / "store" / "state.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with read_only(tmp_path / "store") as place:
        done = roguewatch("findings", "--store", place, check=False)
    assert done.returncode == 2
    assert "is read-only, and its schema is 0001" in done.stderr
