"""What every test gets: keys, witness and stores of its own, never this user's."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

# A shell starts what runs in its background with SIGINT ignored, and so would be all that tests
# start, some of which they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move the XDG base directories into a temporary folder; subprocesses inherit it."""
    home = tmp_path_factory.mktemp("places")
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(home / variable.lower()))
    for variable in ("ROGUEWATCH_KEYS", "ROGUEWATCH_WITNESS", "ROGUEWATCH_STORE"):
        monkeypatch.delenv(variable, raising=False)
    return home
