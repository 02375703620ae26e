"""The example organisation, made once in each process that runs tests."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from examples.organisation.making import make

from tests.assess.organisation import keys_of_the_commands
from tests.cli.run import HOME, roguewatch


class Example:
    """The organisation in a folder, assessed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with keys_of_the_commands():
            self.arguments = make(folder, today + timedelta(days=1))
        formats = [part for name in ("md", "xlsx", "oscal") for part in ("--format", name)]
        began = time.monotonic()
        self.done = roguewatch(*self.arguments, *formats)
        self.seconds = time.monotonic() - began
        self.store, self.out = folder / "store", folder / "assessment"

    def again(self, where: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
        """Assess a copy of the store, so that tests do not see each other's runs."""
        shutil.copytree(self.store, where / "store")
        words = [where / "store" if word == self.store else word for word in self.arguments]
        words[words.index("--out") + 1] = where / "out"
        return roguewatch(*words, *more, env=own_witness(where))


def own_witness(where: Path) -> dict[str, str]:
    """An environment with a witness of its own for a copy of a store: what is added to the
    copy, the original has never seen."""
    shutil.copytree(HOME / ".local" / "state", where / "state")
    return {"XDG_STATE_HOME": str(where / "state")}


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """Meridian Parcel, which does not exist."""
    yield Example(tmp_path_factory.mktemp("example") / "organisation")
