"""Every test of the state runs on SQLite and, where there is a server, on PostgreSQL."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from roguewatch.state.database import connect
from roguewatch.state.tables import metadata
from tests.state.postgres import Server, programs, serving


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite: about the file itself; not run on PostgreSQL")
    config.addinivalue_line("markers", "new_state: begins without any table")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = ["sqlite", "postgresql"]
    if metafunc.definition.get_closest_marker("sqlite"):
        kinds = ["sqlite"]
    if "state_kind" in metafunc.fixturenames:
        metafunc.parametrize("state_kind", kinds, indirect=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server with a migrated database, `migrated`, to copy."""
    bin_ = programs()
    if bin_ is None:
        pytest.skip("PostgreSQL's programs (initdb, postgres) are not installed")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("the optional part [postgres] (psycopg) is not installed")
    with serving(bin_) as running:
        running.run("CREATE DATABASE migrated")
        connect(tmp_path_factory.mktemp("migrated"), url=running.url("migrated")).dispose()
        yield running


@pytest.fixture(autouse=True)
def state_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where `connect` keeps the state of this test."""
    kind: str = request.param
    if kind == "sqlite":
        yield kind
        return
    running: Server = request.getfixturevalue("server")
    new = request.node.get_closest_marker("new_state")
    with running.database("template1" if new else "migrated") as url:
        monkeypatch.setenv("ROGUEWATCH_STATE_URL", url)
        yield kind


@pytest.fixture
def emptied(state_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Engine]:
    """An engine over a state without rows, each time it is called."""

    def engine() -> Engine:
        made = connect(tmp_path_factory.mktemp("store"))
        if state_kind == "postgresql":
            with made.begin() as connection:
                names = ", ".join(table.name for table in metadata.sorted_tables)
                connection.exec_driver_sql(f"TRUNCATE {names}")
        return made

    return engine
