"""Coverage of a running gate: looked at again and again, and probed with canaries.

What a source that claims to cover missed becomes a gap in the record; what observers tell
differently becomes a finding (E5). Transcripts are read afterwards, so that what they
lack is not a gap here but in `roguewatch gate coverage`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from roguewatch.events import Event
from roguewatch.gateway.admin import is_admin
from roguewatch.gateway.canary import Canaries
from roguewatch.gateway.coverage import Measured, Observed
from roguewatch.gateway.coverage_sightings import Planted
from roguewatch.gateway.house import House, own_event
from roguewatch.ledger.ledger import Ledger
from roguewatch.ledger.record import decode
from roguewatch.printable import printable

MAX_LIVE = 10_000
"""Sightings kept; the oldest are forgotten."""

MAX_QUEUED = 8_000
"""Events that may wait to be looked at; under a flood more are left to the measurement of
the ledger, and no gap is told of what was before."""

EACH_ROUND = 1000
"""Events looked at in one round: coverage must not slow what it watches."""

MAX_RAW = 4096

RECALLED = 5000
"""Latest events of the ledger, not sealed yet, that are looked at again after a start."""

EVERY_SECONDS = 0.5
CHECK_SECONDS = 10.0
SETTLE_SECONDS = 60.0
"""How long the other sightings of an action may take to come in."""

MOST_GAPS = 20
"""Gaps recorded one by one at a check; the rest are counted in one."""


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How coverage and processes are watched."""

    canary_seconds: float = 900.0
    """Mean time between canaries of a deployment; 0: none are planted."""
    settle_seconds: float = SETTLE_SECONDS
    """Actions younger than this are pending."""
    look_up_providers: bool = True
    """Ask for the addresses of model providers, to know a connection round the relay."""


class CoverageWatch:
    """Measures one house while it runs.

    Args:
        house: the open store.
        url: where the gate listens.
        settings: how it is watched.
    """

    def __init__(
        self,
        house: House,
        url: str,
        settings: WatchSettings | None = None,
    ) -> None:
        self._house = house
        self.canaries = Canaries(house, url)
        settings = settings or WatchSettings()
        self._canary_seconds = settings.canary_seconds
        self._settle = settings.settle_seconds
        self._queue: deque[Event] = deque()
        self._lost = 0
        self._observed = Observed(MAX_LIVE)
        self._measuring = asyncio.Lock()
        self._recalled = False
        self._random = random.SystemRandom()
        self._due: dict[str, float] = {}
        self._open: list[Planted] = []
        self._told: OrderedDict[Hashable, None] = OrderedDict()
        self._since = time.time_ns()
        """Nothing is known of the sightings of older actions."""
        house.watchers.append(self._take)
        self.routes: list[BaseRoute] = [Route("/coverage", self._answer, methods=["GET"])]

    async def run(self) -> None:
        """Watch until cancelled."""
        if not self._recalled:
            self._recalled = True
            async with self._measuring:
                await asyncio.to_thread(self._recall)
        checked = time.monotonic()
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            async with self._measuring:
                await asyncio.to_thread(self._drain)
            await self._plant()
            if time.monotonic() - checked >= min(CHECK_SECONDS, max(self._settle, 0.5)):
                await self.check()
                checked = time.monotonic()

    async def measure(self) -> Measured:
        """Coverage as it is now."""
        register = {entry.name: entry for entry in self._house.live_register.all()}
        now = time.time_ns()
        before = now - int(self._settle * 1e9)
        async with self._measuring:
            await asyncio.to_thread(self._drain)
            return await asyncio.to_thread(self._observed.measure, register, before=before, now=now)

    async def check(self) -> None:
        """Measure, and say what is new."""
        found = await self.measure()
        new = [one for one in found.findings() if self._first(one.id)]
        if new:
            self._house.found(new)
        gaps = []
        for one in found.missed:
            live = one.source != "transcript" and (one.time or 0) > self._since
            if live and self._first((one.event, one.source)):
                said = f"{one.source} did not see {one.tool} {one.call_id}"
                detail = {"code": "unseen", **msgspec.to_builtins(one)}
                gaps.append(own_event("gap", printable(said, 300), detail))
        if len(gaps) > MOST_GAPS:
            more = len(gaps) - MOST_GAPS
            gaps[MOST_GAPS:] = [own_event("gap", f"{more} more calls were not seen")]
        for row in found.coverage:
            key = (row.deployment, row.source, "silent", row.last_seen)
            if row.claimed and row.heartbeat == "silent" and self._first(key):
                self._house.complain(
                    f"{row.deployment}: nothing heard of its {row.source} while others see it act"
                )
        if gaps:
            await self._house.record(gaps)
        self._overdue()

    def _overdue(self) -> None:
        """Complain of canaries that did not come out of every source."""
        late = time.time_ns() - int(self._settle * 1e9)
        for planted in [one for one in self._open if one.time < late]:
            self._open.remove(planted)
            lost = set(planted.sources) - self._observed.canary(planted.call_id)
            if lost:
                self._house.complain(
                    f"{planted.deployment}: a canary did not come out of: {', '.join(sorted(lost))}"
                )

    async def _plant(self) -> None:
        if self._canary_seconds <= 0:
            return
        now = time.monotonic()
        for entry in self._house.live_register.all():
            # Exponential times: however long ago the last one was, the next is as likely.
            pause = self._random.expovariate(1 / self._canary_seconds)
            due = self._due.setdefault(entry.name, now + pause)
            if now >= due and not self._house.live_register.stopped(entry.name):
                self._due[entry.name] = now + pause
                planted = await self.canaries.plant(entry)
                if planted is not None:
                    self._open.append(planted)

    def _recall(self) -> None:
        """Begin from what was seen before the start, so that a restart hides nothing."""
        with Ledger.open(self._house.store, readonly=True) as ledger:
            first = ledger.size() - RECALLED
            for segment in ledger.hot.segments():
                first = max(first, segment.first + segment.count)
            first = max(first, 0)
            while rows := ledger.hot.rows(first, 256):
                first = rows[-1][0] + 1
                for _, _, _, _, record, raw in rows:
                    self._observed.see(decode(record, raw))

    def _take(self, events: Sequence[Event]) -> None:
        room = MAX_QUEUED - len(self._queue)
        self._queue.extend(
            # What a request weighs is not to be held for its few fields.
            msgspec.structs.replace(event, raw=b"") if len(event.raw) > MAX_RAW else event
            for event in events[:room]
        )
        self._lost += max(0, len(events) - room)

    def _drain(self) -> None:
        for _ in range(min(EACH_ROUND, len(self._queue))):
            self._observed.see(self._queue.popleft())
        if self._lost:
            self._observed.forgotten += self._lost
            self._lost = 0
            self._since = time.time_ns()

    def _first(self, key: Hashable) -> bool:
        if key in self._told:
            return False
        self._told[key] = None
        if len(self._told) > MAX_LIVE:
            self._told.popitem(last=False)
        return True

    async def _answer(self, request: Request) -> Response:
        """`GET /coverage`, for the gate's own user."""
        if not is_admin(request, self._house.admin_token):
            return JSONResponse({"error": "for the gate's own user only"}, 403)
        found = await self.measure()
        return Response(msgspec.json.encode(found), media_type="application/json")
