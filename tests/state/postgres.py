"""A PostgreSQL server of the tests' own, where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_NAMES = count()


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, or None."""
    places = [Path("/usr/lib/postgresql"), Path("/usr/local/pgsql"), Path("/opt/homebrew/opt")]
    found = [path.parent for place in places for path in sorted(place.glob("**/bin/initdb"))]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    return found[-1] if found else None


class Server:
    """A running server that listens on a Unix socket only.

    Args:
        folder: of its data and its socket.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        """What `ROGUEWATCH_STATE_URL` takes."""
        return f"postgresql+psycopg://tests@/{database}?host={self.folder}"

    @contextmanager
    def database(self, template: str) -> Iterator[str]:
        """The URL of a new database, a copy of another, for the length of the block."""
        name = f"t{next(_NAMES)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """Run a statement outside of a transaction."""
        import psycopg

        where = f"host={self.folder} user=tests dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def serving(bin_: Path) -> Iterator[Server]:
    """A server for the length of the block, as another user where this one is root."""
    # A short path: a socket's name holds some hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="rw-pg-"))
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres" if _known("postgres") else "nobody"
        shutil.chown(folder, user)
    data = folder / "data"
    process = None
    try:
        subprocess.run(
            [bin_ / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-N", "-E", "UTF8",
             "--locale=C.UTF-8"],
            check=True, capture_output=True, user=user, cwd=folder,
        )  # fmt: skip
        process = subprocess.Popen(
            [bin_ / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=",
             "-c", "fsync=off", "-c", "max_connections=100"],
            stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb"), user=user, cwd=folder,
        )  # fmt: skip
        _until_ready(process, bin_, folder)
        yield Server(folder)
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _until_ready(process: subprocess.Popen[bytes], bin_: Path, folder: Path) -> None:
    for _ in range(600):
        asked: list[str | Path] = [bin_ / "pg_isready", "-h", folder, "-U", "tests", "-t", "1"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError((folder / "log").read_text())
