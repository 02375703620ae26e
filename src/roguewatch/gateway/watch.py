"""What the daemon looks after between requests: files that change under it.

Rules and policies are read again when they change; sockets that were deleted are made
anew; settings that lost our hooks are found (E4); a decision that hangs is complained of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from roguewatch.errors import RoguewatchError
from roguewatch.findings import Finding, finding_id
from roguewatch.gateway.house import HANGS_SECONDS, SESSION, House, own_event
from roguewatch.gateway.installed import Installed, fault, installs
from roguewatch.printable import printable

EVERY_SECONDS = 0.5


class Watch:
    """Looks after one house.

    Args:
        house: the house.
        sockets: paths of the Unix sockets that must be there.
        listen_again: makes a deleted socket anew.
    """

    def __init__(
        self, house: House, sockets: Iterable[Path], listen_again: Callable[[Path], None]
    ) -> None:
        self._house = house
        self._sockets = tuple(sockets)
        self._listen_again = listen_again
        self._rules = stamps(house.rules)
        self._faults: dict[str, str] = {}
        self._hanging = False

    async def run(self) -> None:
        """Look, again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        house = self._house
        for path in self._sockets:
            if not path.is_socket():
                house.complain(f"{path.name} was deleted; it is made anew")
                self._listen_again(path)
        if (rules := stamps(house.rules)) != self._rules:
            self._rules = rules
            await house.reload()
        await asyncio.to_thread(self._files)
        hanging = house.worker.busy_seconds() > HANGS_SECONDS
        if hanging and not self._hanging:
            house.complain("a decision hangs; everything is answered with its fail mode")
        self._hanging = hanging
        if due := house.refusals.due():
            house.submit(due)

    def _files(self) -> None:
        house = self._house
        for name in house.policies.used():
            house.policies.named(name)
        try:
            known = installs(house.store)
        except RoguewatchError as error:
            known = []
            self._once("installs", str(error))
        for one in known:
            wrong = fault(Path(one.path), one.marks, one.agent)
            if self._once(one.path, wrong) and wrong:
                self._report(one, wrong)

    def _once(self, key: str, said: str) -> bool:
        if self._faults.get(key, "") == said:
            return False
        self._faults[key] = said
        return True

    def _report(self, one: Installed, wrong: str) -> None:
        """Our hooks are gone from an agent's settings: evidence, a finding, a complaint."""
        house = self._house
        line = f"{one.agent} of {one.deployment}: {printable(one.path, 300)}: {wrong}"
        event = own_event("config_change", line, {"deployment": one.deployment, "path": one.path})
        house.submit([event])
        house.complain(f"hooks are not in force: {line}")
        house.found(
            [
                Finding(
                    id=finding_id("gate-hooks-gone", SESSION, f"{one.path} {event.time}"),
                    session=SESSION,
                    behaviour="E4",
                    title="The gate's hooks are gone from an agent's settings",
                    level="critical",
                    detector="gate-hooks-gone",
                    detector_version="1",
                    events=(event.id,),
                    time=time.time_ns(),
                    surface=one.agent,
                    rationale="Without its hooks the agent acts unseen and undecided.",
                    falsifier="A person changed the settings and meant to.",
                    excerpt=printable(line, 240),
                    maturity="stable",
                )
            ]
        )


def stamps(folders: Iterable[Path]) -> dict[str, tuple[int, int, int]]:
    """What tells that a rule file has changed: time, size and inode of each."""
    found = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*.y*ml"))]:
            try:
                status = path.stat()
            except OSError:
                continue
            found[str(path)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found
