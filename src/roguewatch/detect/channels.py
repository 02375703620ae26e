"""Who left what and who took it up: a join that any order of reading gives the same answer to.

Sessions are read file by file, in whatever order the files have, so a taking may be read long
before the leaving that it rests on. Both sides are therefore kept, and each new one is held
against the other side. Times say what came first; where one of the two has none, the order of
reading is the only order there is, and a taking that was read first rests on nothing.

For every artefact, every session keeps its first leavings and takings, `KEPT` with the latest:
those do not depend on when other sessions are read.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TypeVar

import msgspec

from roguewatch.detect.artefacts import Artefact
from roguewatch.findings import Cause

KEPT = 4
MAX_SESSIONS = 8
"""Sessions of one artefact that are kept; more touch only what is usual."""
MAX_LINKS = 64
"""Links into and out of one session that are kept, to see chains of three."""

T = TypeVar("T")


class Left(msgspec.Struct, frozen=True):
    """An artefact that a session left behind."""

    session: str
    event: str
    seq: int
    time: int | None
    cwd: str


class Took(msgspec.Struct, frozen=True):
    """An artefact that a session took up, with what a finding says of the call."""

    session: str
    event: str
    seq: int
    time: int | None
    cwd: str
    agent: str
    surface: str
    excerpt: str
    sent: bool
    """Whether the call sends it away."""
    cause: Cause
    basis: str
    written: int | None
    """When the session itself last wrote the whole of it; what came before is gone."""


class Link(msgspec.Struct, frozen=True):
    """One session took up what another left."""

    artefact: Artefact
    left: Left
    took: Took
    third: bool = False
    """Whether the leaver had by then taken up something itself."""


class _Sides(msgspec.Struct):
    left: dict[str, list[Left]] = msgspec.field(default_factory=dict)
    took: dict[str, list[Took]] = msgspec.field(default_factory=dict)
    joined: set[tuple[str, str]] = msgspec.field(default_factory=set)


class Channels:
    """Leavings and takings of the artefacts that few sessions touch.

    Args:
        limit: artefacts that are kept; the one touched longest ago goes first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sides: OrderedDict[Artefact, _Sides] = OrderedDict()
        self._into: OrderedDict[str, deque[Link]] = OrderedDict()
        self._out_of: OrderedDict[str, deque[Link]] = OrderedDict()

    def leave(self, artefact: Artefact, left: Left) -> list[Link]:
        """Take in a leaving; the links that it completes, with sessions read before."""
        sides = self._of(artefact)
        if not _keep(sides.left, left.session, left):
            return []
        timed = left.time is not None
        found = [
            link
            for session in list(sides.took)
            if timed and (link := _joined(artefact, sides, left.session, session, timed))
        ]
        return self._chained(found)

    def take(self, artefact: Artefact, took: Took) -> list[Link]:
        """Take in a taking; the links that it completes."""
        sides = self._of(artefact)
        if not _keep(sides.took, took.session, took):
            return []
        found = [
            link
            for session in list(sides.left)
            if (link := _joined(artefact, sides, session, took.session, False))
        ]
        return self._chained(found)

    def forget(self, artefact: Artefact) -> None:
        """It is usual: nothing follows from it."""
        self._sides.pop(artefact, None)

    def _of(self, artefact: Artefact) -> _Sides:
        sides = self._sides.get(artefact)
        if sides is None:
            sides = self._sides[artefact] = _Sides()
            if len(self._sides) > self._limit:
                self._sides.popitem(last=False)
        else:
            self._sides.move_to_end(artefact)
        return sides

    def _chained(self, found: list[Link]) -> list[Link]:
        """The links, and those among all links that thereby become the third of a chain."""
        thirds: dict[Link, None] = {}
        for link in found:
            if link.artefact.sort in ("credential", "host"):
                continue  # what sessions of one project share is no message
            for before in self._into.get(link.left.session, ()):
                if _follows(before, link):
                    thirds[link] = None
            for after in self._out_of.get(link.took.session, ()):
                if _follows(link, after):
                    thirds[after] = None
            _file(self._into, link.took.session, link, self._limit)
            _file(self._out_of, link.left.session, link, self._limit)
        return found + [msgspec.structs.replace(link, third=True) for link in thirds]


def _joined(artefact: Artefact, sides: _Sides, leaver: str, taker: str, timed: bool) -> Link | None:
    """The link between two sessions, where their first fitting leaving and taking make one."""
    if leaver == taker or (leaver, taker) in sides.joined:
        return None
    for took in sides.took.get(taker, ()):
        for left in sides.left.get(leaver, ()):
            if timed and (took.time is None or left.time is None):
                continue
            if _later(left.time, took.time) or _gone(left, took):
                continue
            sides.joined.add((leaver, taker))
            return Link(artefact, left, took)
    return None


def _gone(left: Left, took: Took) -> bool:
    """Whether the taker had written the whole of it anew in between."""
    return took.written is not None and left.time is not None and left.time <= took.written


def _follows(before: Link, after: Link) -> bool:
    """Whether the one who took up then left, and a third session took that up."""
    return (
        before.took.session == after.left.session
        and before.left.session != after.took.session
        and before.took.seq <= after.left.seq
    )


def _later(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one > other


def _keep(side: dict[str, list[T]], session: str, one: T) -> bool:
    kept = side.get(session)
    if kept is None:
        if len(side) >= MAX_SESSIONS:
            return False
        kept = side[session] = []
    if len(kept) >= KEPT:
        kept.pop()
    kept.append(one)
    return True


def _file(links: OrderedDict[str, deque[Link]], session: str, link: Link, limit: int) -> None:
    kept = links.get(session)
    if kept is None:
        kept = links[session] = deque(maxlen=MAX_LINKS)
        if len(links) > limit:
            links.popitem(last=False)
    kept.append(link)
