"""The state database: made, migrated, shared, and refused when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from roguewatch.errors import StateError
from roguewatch.state.database import connect, newest_revision
from roguewatch.state.tables import metadata


@pytest.mark.new_state
def test_migrations_make_exactly_the_tables_that_the_code_expects(tmp_path: Path) -> None:
    with connect(tmp_path).connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(found, metadata) == []


def test_migrations_are_one_chain_whose_end_is_the_newest_file() -> None:
    config = Config()
    config.set_main_option("script_location", "roguewatch.state:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision()]


@pytest.mark.sqlite
def test_a_new_store_is_private_and_uses_the_write_ahead_log(tmp_path: Path) -> None:
    store = tmp_path / "a" / "store"
    engine = connect(store)
    assert store.stat().st_mode & 0o077 == 0
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.new_state
def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from roguewatch.state.database import connect;"
        "connect(Path(sys.argv[1])).connect().exec_driver_sql('SELECT * FROM findings')"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()


def test_a_database_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    engine = connect(tmp_path)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="another version of roguewatch"):
        connect(tmp_path)


@pytest.mark.sqlite
def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StateError, match=r"state\.sqlite: the state cannot be opened"):
        connect(tmp_path)


def test_a_password_in_the_url_is_never_shown(tmp_path: Path) -> None:
    url = "postgresql+nodriver://user:hunter2@nowhere/db"
    with pytest.raises(StateError) as caught:
        connect(tmp_path, url=url)
    assert "hunter2" not in str(caught.value)
