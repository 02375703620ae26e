"""What an adapter is: the three verbs by which anything that runs can be stopped."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Protocol

import msgspec

from roguewatch.control.stop.evidence import Evidence
from roguewatch.control.stop.probes import Probe
from roguewatch.errors import ControlError
from roguewatch.printable import printable


class Halted(msgspec.Struct, frozen=True, kw_only=True):
    """What stopping one run came to."""

    found: int
    """How many things (processes, containers, units) were stopped."""
    survivors: tuple[str, ...]
    evidence: Evidence | None = None
    frozen_seconds: float | None = None
    """From the beginning until nothing moved; None where it cannot be frozen."""
    dead_seconds: float = 0.0
    notes: tuple[str, ...] = ()


class Adapter(Protocol):
    """Stops one kind of run. Targets are the adapter's own JSON text."""

    name: str

    def describe(self, target: str) -> str:
        """What the target is, in one printable line.

        Raises:
            ControlError: the text is no target of this adapter.
        """

    def stop(self, target: str) -> Halted:
        """Freeze, preserve, kill. Reports survivors, never assumes.

        Raises:
            ControlError: it cannot even be tried (the tool is missing, no permission).
        """

    def probe(self, target: str) -> list[Probe]:
        """Look afresh whether anything of it still runs."""


def adapters() -> dict[str, Adapter]:
    """The installed adapters by name."""
    return {point.name: point.load() for point in entry_points(group="roguewatch.adapters")}


def adapter_for(name: str) -> Adapter:
    """The adapter of a name.

    Raises:
        ControlError: there is none.
    """
    known = adapters()
    if name not in known:
        raise ControlError(
            f"no adapter {printable(name, 40)!r} is installed; there are: {', '.join(sorted(known))}"
        )
    return known[name]
