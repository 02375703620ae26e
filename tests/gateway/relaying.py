"""A running daemon to relay through, and what it recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register, TokenPurpose

ROGUEWATCH = [sys.executable, "-m", "roguewatch"]


class Daemon:
    """A daemon process over a store."""

    def __init__(self, store: Path, *options: str, environment: Mapping[str, str] = {}) -> None:
        self.store = store
        self.process = subprocess.Popen(
            [
                *ROGUEWATCH,
                "gate",
                "serve",
                "--store",
                str(store),
                "--listen",
                "127.0.0.1:0",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=(store / "stderr").open("ab"),
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (store / "stderr").read_text()
        self.ready = json.loads(line)
        self.url = f"http://{self.ready['listen']}"

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and wait until it has ended."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def errors(self) -> str:
        """What it wrote to standard error."""
        return (self.store / "stderr").read_text()


@contextmanager
def daemon(store: Path, *options: str, **environment: str) -> Iterator[Daemon]:
    """A daemon that is ended at the end of the block, if it was not before."""
    running = Daemon(store, *options, environment=environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def enrolled(
    store: Path, policy: str = "observe", purpose: TokenPurpose = "relay", name: str = "builder"
) -> str:
    """Enter a deployment; a token of it."""
    store.mkdir(parents=True, exist_ok=True)
    engine = connect(store)
    register = Register(engine)
    register.put(Deployment(name=name, policy=policy), "test")
    token = register.issue_token(name, purpose)
    engine.dispose()
    return token


def recorded(store: Path, *kinds: str) -> list[Event]:
    """Events of these kinds in the store, in ledger order; all without kinds."""
    with Ledger.open(store, readonly=True) as ledger:
        return [event for event in ledger.events() if not kinds or event.kind in kinds]
