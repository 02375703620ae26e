"""Whose a session is: as the record says, else as the register recognises it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from roguewatch.detect.action import normal_path
from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment

OWN_SESSIONS = ("mcp-relay", "model-relay", "otel")
"""Sources that may name sessions in their own way; the others use the agent's name."""

Basis = Literal["", "recorded", "session", "folder", "surface"]
"""recorded: a decision, relay or receiver wrote the deployment down. session, folder: the
entry names it. surface: it is the only entry of that surface, and names no folder. Empty:
no entry accounts for it."""


class Owner(msgspec.Struct, frozen=True):
    """Something that says which deployment a session, or one event, belongs to."""

    deployment: str
    sessions: tuple[str, ...]
    event: str = ""


def owner_of(event: Event) -> Owner | None:
    """What an event says of whose its session is: decisions, hooks, relays and the receiver
    do. None of them takes it from what the agent says."""
    if '"deployment"' not in event.detail or event.surface == "roguewatch":
        return None
    detail = event.parsed_detail()
    deployment = detail.get("deployment")
    trusted = event.kind == "decision" or event.sighting in ("hook", *OWN_SESSIONS)
    if not trusted or not isinstance(deployment, str) or not deployment:
        return None
    sessions = [event.session]
    if detail.get("event") == "otlp_request":
        more = detail.get("sessions")
        sessions += [str(name) for name in more] if isinstance(more, list) else []
    elif event.sighting == "otel" and event.kind != "decision":
        return None  # a log record's own attribute of that name
    return Owner(deployment, tuple(dict.fromkeys(sessions)), str(detail.get("action") or ""))


class SessionTraits(msgspec.Struct, kw_only=True):
    """What is known of one session without reading it again. Times are ns UTC."""

    session: str
    surface: str = ""
    folders: list[str] = []
    """Working directories, in the order in which they were seen."""
    models: list[str] = []
    recorded: list[str] = []
    """Deployments that the record names for it."""
    sightings: list[str] = []
    first: int | None = None
    last: int | None = None
    events: int = 0


MAX_TRAITS = 64
"""Folders or models kept of one session: an agent may invent them without end."""


class Sessions:
    """The sessions of a ledger, and whose each is.

    Args:
        deployments: the register, by name.
    """

    def __init__(self, deployments: Mapping[str, Deployment]) -> None:
        self._deployments = deployments
        self.traits: dict[str, SessionTraits] = {}
        self._recorded: defaultdict[str, list[str]] = defaultdict(list)

    def see(self, event: Event) -> None:
        """Take in one event."""
        if owner := owner_of(event):
            for session in owner.sessions:
                _keep(self._recorded[session], owner.deployment)
        if event.surface == "roguewatch":
            return  # our own notes, not an agent's session
        traits = self.traits.get(event.session)
        if traits is None:
            traits = self.traits[event.session] = SessionTraits(session=event.session)
        traits.events += 1
        traits.recorded = self._recorded[event.session]
        if not traits.surface or event.sighting in ("hook", "transcript"):
            traits.surface = event.surface
        _keep(traits.folders, event.cwd)
        _keep(traits.models, event.model)
        _keep(traits.sightings, event.sighting)
        if event.time is not None:
            traits.first = event.time if traits.first is None else min(traits.first, event.time)
            traits.last = event.time if traits.last is None else max(traits.last, event.time)

    def whose(self, session: str) -> tuple[tuple[str, ...], Basis]:
        """The deployments that a session belongs to, and why. Several: the record names
        several, or entries that fit equally well."""
        recorded = self._recorded.get(session)
        if recorded:
            return tuple(recorded), "recorded"
        traits = self.traits.get(session)
        if traits is None:
            return (), ""
        named = [
            name for name, entry in self._deployments.items()
            if session in entry.recognition.sessions
        ]  # fmt: skip
        if named:
            return tuple(named), "session"
        alike = {
            name: entry for name, entry in self._deployments.items()
            if entry.surface in ("", traits.surface)
        }  # fmt: skip
        depths = {
            name: max((depth(folders_of(entry), folder) for folder in traits.folders), default=0)
            for name, entry in alike.items()
        }
        deepest = max(depths.values(), default=0)
        if deepest:
            return tuple(name for name, each in depths.items() if each == deepest), "folder"
        sole = [name for name, entry in alike.items() if entry.surface == traits.surface]
        if len(sole) == 1 and traits.surface and not folders_of(alike[sole[0]]):
            return (sole[0],), "surface"
        return (), ""

    def of(self, deployment: str) -> dict[str, Basis]:
        """The sessions of a deployment, with why they are."""
        found: dict[str, Basis] = {}
        for session in {**self.traits, **self._recorded}:
            names, basis = self.whose(session)
            if deployment in names:
                found[session] = basis
        return found


def sessions_of(ledger: Ledger, deployments: Iterable[Deployment]) -> Sessions:
    """All sessions of a ledger, read once."""
    sessions = Sessions({entry.name: entry for entry in deployments})
    for event in ledger.events():
        sessions.see(event)
    return sessions


def folders_of(entry: Deployment) -> tuple[str, ...]:
    """The folders that an entry is known to work in; what comes before a wildcard."""
    given = (*entry.recognition.folders, *entry.scope.paths)
    plain = (_before_wildcard(path) for path in given)
    return tuple(path for path in plain if path not in ("", "/", "."))


def depth(folders: Iterable[str], place: str) -> int:
    """How specifically some folders contain a place: the length of the longest that does."""
    if not place:
        return 0
    place = normal_path(place)
    inside = [
        len(folder)
        for folder in map(normal_path, folders)
        if place == folder or place.startswith(folder.rstrip("/") + "/")
    ]
    return max(inside, default=0)


def _before_wildcard(path: str) -> str:
    for index, letter in enumerate(path):
        if letter in "*?[":
            return path[:index].rpartition("/")[0]
    return path


def _keep(kept: list[str], value: str) -> None:
    if value and value not in kept and len(kept) < MAX_TRAITS:
        kept.append(value)
