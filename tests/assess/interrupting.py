"""Assess a folder again and again, killed after the 1st, 2nd, 3rd … durable step.

A program of its own, `python -m tests.assess.interrupting WORK STEPS FOLDER…`: the folders
are assessed into one store one after the other, the last of them by a process that kills
itself (SIGKILL) right after its n-th step; then the same command goes on. n = 1, 2, 3 …
until the run ends before the kill comes. STEPS: `files` for fsyncs and renames as well as
SQLite commits, `commits` for these alone. Prints a line of JSON per n with what the
assessment then says, and one with n = 0 for a run that nothing interrupts.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.assess import assessment, pipeline
from roguewatch.assess.assessment import assess, write
from roguewatch.assess.detection import Detectors
from roguewatch.ledger import batches, sealing
from roguewatch.ledger.fsck import fsck

COMPARED = ("sessions", "events", "gaps", "findings", "impactful", "permission_modes",
            "unattended", "activity")  # fmt: skip


class Steps:
    """Counts what a kill cannot undo, and kills this process after one of them."""

    def __init__(self) -> None:
        self.left = 0
        """Steps until the kill; 0: none comes."""

    def __call__(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


STEPS = Steps()


class Committing(sqlite3.Connection):
    """A connection whose commits of something are steps."""

    changes = 0

    def commit(self) -> None:
        super().commit()
        self._committed()

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        cursor = super().execute(sql, *parameters)
        if sql == "COMMIT":
            self._committed()
        return cursor

    def executescript(self, sql: str) -> sqlite3.Cursor:
        cursor = super().executescript(sql)
        STEPS()
        return cursor

    def _committed(self) -> None:
        if self.total_changes != self.changes:
            self.changes = self.total_changes
            STEPS()


def _stepping(function: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*arguments: Any, **options: Any) -> Any:
        done = function(*arguments, **options)
        STEPS()
        return done

    return stepped


def _prepare(files: bool, runs: int) -> None:
    """Count steps from now on; take small bundles and groups, so that there are many."""
    connect = sqlite3.connect
    sqlite3.connect = sqlite3.dbapi2.connect = lambda *arguments, **options: connect(
        *arguments, **{"factory": Committing, **options}
    )
    for name in ("fsync", "replace", "rename") if files else ():
        setattr(os, name, _stepping(getattr(os, name)))
    fresh = [Detectors() for _ in range(runs)]  # taken by runs in forks of this process
    for module, name, value in (
        (pipeline, "BATCH_EVENTS", 4), (pipeline, "BUNDLE_EVENTS", 12),
        (pipeline, "OPEN_SESSIONS", 2),
        (batches, "GROUP_EVENTS", 16), (sealing, "GROUP_EVENTS", 16),
        (assessment, "Detectors", lambda *_: fresh.pop()),
    ):  # fmt: skip
        setattr(module, name, value)


def _assessed(folders: list[Path], store: Path, kill_at: int) -> dict[str, Any]:
    """What an assessment of the folders says; never returns where the kill comes."""
    for folder in folders[:-1]:
        assess([folder], store)
    STEPS.left = kill_at
    made, _ = assess([folders[-1]], store)
    write(made, store.parent / "out", store)
    STEPS.left = 0
    document = msgspec.to_builtins(made)
    said = {key: document[key] for key in COMPARED}
    said["faults"] = [str(fault) for fault in fsck(store)]
    return said


def _forked(work: Callable[[], dict[str, Any]], out: Path) -> int:
    """Do the work in a process of its own; the number of the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            out.write_bytes(msgspec.json.encode(work()))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"failed with status {os.WEXITSTATUS(status)}")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(work: Path, steps: str, folders: list[Path]) -> None:
    _prepare(steps == "files", len(folders))
    result = work / "result.json"
    for n in count():
        place = work / str(n)
        shutil.rmtree(place, ignore_errors=True)
        store = place / "store"
        for name in ("ROGUEWATCH_KEYS", "ROGUEWATCH_WITNESS"):
            os.environ[name] = str(place / name)
        killed = _forked(partial(_assessed, folders, store, n), result)
        if killed:
            _forked(partial(_assessed, folders[-1:], store, 0), result)
        print(msgspec.json.encode({"n": n, "killed": killed}).decode()[:-1] + ',"said":'
              + result.read_text() + "}", flush=True)  # fmt: skip
        shutil.rmtree(place)
        if n and not killed:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [Path(name) for name in sys.argv[3:]])
