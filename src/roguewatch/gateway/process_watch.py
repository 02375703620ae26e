"""The routine watch of processes, run by the gate over every open run of its store.

It looks in a thread of its own, so that no decision waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from roguewatch.control.watch.models import ModelHosts, relayed
from roguewatch.control.watch.watch import ProcessWatch
from roguewatch.events import Event
from roguewatch.findings import LEVELS, Finding
from roguewatch.gateway.house import House
from roguewatch.state.register import Register
from roguewatch.state.runs import Runs

LOUD = LEVELS[LEVELS.index("high") :]
"""Levels that are said on standard error and in the status too."""


class ProcessesWatched:
    """Watches one house's runs until cancelled.

    Args:
        house: the open store.
        upstreams: base addresses of models that the relay leads to.
        look_up: whether to ask for the addresses of model providers (and of those); otherwise
            a connection to one is not known for what it is.
    """

    def __init__(
        self, house: House, upstreams: Sequence[str] = (), *, look_up: bool = True
    ) -> None:
        self._house = house
        self._models = ModelHosts(upstreams) if look_up else None
        self._watching: ProcessWatch | None = None

    async def run(self) -> None:
        """Look, again and again. After an error it may be run again, and tells what it could
        not."""
        watching = self._watching
        if watching is None:
            state = self._house.state
            watching = self._watching = ProcessWatch(
                Runs(state), self._tell, Path.home(), models=self._models,
                relayed=relayed(Register(state)),
            )  # fmt: skip
        try:
            while True:
                await asyncio.to_thread(watching.look)
                await asyncio.sleep(watching.rest)
        except asyncio.CancelledError:
            watching.close()
            raise

    def _tell(self, events: Sequence[Event], findings: Sequence[Finding]) -> None:
        self._house.submit(events, patient=True).result()
        self._house.found(findings)
        for one in findings:
            if one.level in LOUD:
                self._house.complain(f"{one.title}: {one.excerpt}")
