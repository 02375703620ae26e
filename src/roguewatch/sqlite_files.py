"""How a SQLite file is opened where nothing may be written."""

from __future__ import annotations

import os
from pathlib import Path


def read_only_query(path: Path) -> str:
    """The URI query with which a file that we may not write is read; empty where we may.

    A file in WAL mode needs a shared-memory file beside it. Where that cannot be made, the
    file alone is read (`immutable=1`), which is right only while its log holds nothing; a log
    that is not empty is read through the shared memory that its writer keeps (SQLite 3.22).
    https://www.sqlite.org/wal.html#read_only_databases
    """
    if os.access(path.parent, os.W_OK) and (os.access(path, os.W_OK) or not path.exists()):
        return ""
    log = path.with_name(path.name + "-wal")
    pending = log.exists() and log.stat().st_size > 0
    return "mode=ro" if pending else "mode=ro&immutable=1"
