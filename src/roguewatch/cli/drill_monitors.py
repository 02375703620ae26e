"""The monitors of drills, wired to the gate that they start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roguewatch.control.drills.routine import Routine
    from roguewatch.control.drills.scope import DrillScope
    from roguewatch.control.stop.stop import Stopper
    from roguewatch.state.register import Register
    from roguewatch.state.runs import Runs


def monitors(scope: DrillScope) -> Routine:
    """The routine monitors over a store of their own inside the scope."""
    from roguewatch.control.drills.routine import Routine
    from roguewatch.gateway import client
    from roguewatch.gateway.recorder import record

    return Routine(scope, record, asking_stopper, Path(client.__file__))


def asking_stopper(store: Path, register: Register, runs: Runs, name: str) -> Stopper:
    """A stopper that also asks the gate: are the keys refused, does nothing act any more?"""
    from roguewatch.control.stop.stop import Stopper
    from roguewatch.gateway.recorder import decisions, relay_probe

    return Stopper(
        store, register, runs,
        relay_refuses_key=relay_probe(store, register, name), events_of=decisions(store),
    )  # fmt: skip
