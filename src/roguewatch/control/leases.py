"""Leases: a deployment acts only while its lease runs, and silence ends it.

A lease is granted for minutes, on two clocks: the wall clock, and the machine's time
since boot, which no user can set and which counts suspended time. It has ended as soon
as either says so, or as the wall clock runs backwards or differs from the other by more
than `MAX_CLOCK_DRIFT`: a jump ends leases and never extends them. Leases live in the
memory of one daemon; when it dies they end with it, and nothing brings them back but a
new grant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Literal, Protocol

import msgspec

MAX_CLOCK_DRIFT = 2.0
"""Seconds that wall clock and boot clock may differ over the life of one lease; NTP slews
far less in minutes, and a step is a jump."""

DEFAULT_LEASE_SECONDS = 300.0

Ending = Literal["", "expired", "clock", "revoked", "never granted"]
"""Why a lease does not run; empty while it does."""


class Clock(Protocol):
    """What time it is, twice."""

    def wall(self) -> float:
        """Seconds since 1970, UTC. May jump."""

    def boot(self) -> float:
        """Seconds since boot, suspended time included. Never jumps."""


class SystemClock:
    """This machine's clocks."""

    def wall(self) -> float:
        return time.time()

    def boot(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one deployment to act, for a while."""

    deployment: str
    seconds: float
    granted_wall: float
    granted_boot: float
    renewals: int = 0


class Consent(msgspec.Struct, frozen=True):
    """Whether a lease may be granted or renewed, and what stands against it."""

    given: bool
    objections: tuple[str, ...] = ()


Objector = Callable[[str], str]
"""Given a deployment, says in a few words what stands against its lease; empty if nothing
does. One that raises has not consented."""


def consent(deployment: str, objectors: Iterable[Objector]) -> Consent:
    """Ask everyone who may object: an open stop, an invalid owner, an unhealthy source.

    All must be silent. An objector that fails counts as an objection: what cannot be
    checked is not fine.
    """
    objections = []
    for objector in objectors:
        try:
            said = objector(deployment)
        except Exception as error:  # an objector of any kind that fails must not consent
            said = f"{getattr(objector, '__name__', 'a check')} failed: {type(error).__name__}"
        if said:
            objections.append(said)
    return Consent(not objections, tuple(objections))


class Leases:
    """All running leases of one daemon.

    Args:
        objectors: everyone who may object to a grant or renewal.
        clock: the clocks to go by.
    """

    def __init__(self, objectors: Iterable[Objector] = (), clock: Clock | None = None) -> None:
        self._objectors = tuple(objectors)
        self._clock = clock or SystemClock()
        self._leases: dict[str, Lease] = {}
        self._endings: dict[str, Ending] = {}

    def renew(self, deployment: str, seconds: float = DEFAULT_LEASE_SECONDS) -> Consent:
        """Grant a lease, or begin a running one anew, if nobody objects.

        Without consent a running lease is left to run out, except that an objection of
        an open stop revokes it through `revoke`, which the stop itself calls.
        """
        given = consent(deployment, self._objectors)
        if given.given:
            earlier = self._leases.get(deployment)
            self._leases[deployment] = Lease(
                deployment=deployment,
                seconds=seconds,
                granted_wall=self._clock.wall(),
                granted_boot=self._clock.boot(),
                renewals=earlier.renewals + 1 if earlier else 0,
            )
            self._endings.pop(deployment, None)
        return given

    def revoke(self, deployment: str) -> None:
        """End a lease now. Idempotent; also marks one that was never granted."""
        self._leases.pop(deployment, None)
        self._endings[deployment] = "revoked"

    def ending(self, deployment: str) -> Ending:
        """Why the deployment may not act; empty while its lease runs."""
        lease = self._leases.get(deployment)
        if lease is None:
            return self._endings.get(deployment, "never granted")
        by_wall = self._clock.wall() - lease.granted_wall
        by_boot = self._clock.boot() - lease.granted_boot
        if abs(by_wall - by_boot) > MAX_CLOCK_DRIFT or by_boot < 0:
            return self._end(deployment, "clock")
        if max(by_wall, by_boot) >= lease.seconds:
            return self._end(deployment, "expired")
        return ""

    def remaining(self, deployment: str) -> float:
        """Seconds left, the lesser of both clocks; 0 where no lease runs."""
        lease = self._leases.get(deployment)
        if lease is None or self.ending(deployment):
            return 0.0
        spent = max(
            self._clock.wall() - lease.granted_wall, self._clock.boot() - lease.granted_boot
        )
        return max(0.0, lease.seconds - spent)

    def running(self) -> tuple[Lease, ...]:
        """The leases that run now, by deployment."""
        return tuple(lease for name, lease in sorted(self._leases.items()) if not self.ending(name))

    def _end(self, deployment: str, ending: Ending) -> Ending:
        # Ended is ended: a clock that is set back afterwards must not revive it.
        self._leases.pop(deployment, None)
        self._endings[deployment] = ending
        return ending
