"""What a deployment's actions used, one action once however many observers saw it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

import msgspec

from roguewatch.control.circumstances import (
    action_of,
    principal_of,
    situation_of,
    toolset_of,
)
from roguewatch.control.permissions.identities import identities_of
from roguewatch.control.situation import LEVEL_NUMBER, Request
from roguewatch.detect.action import Action, normal_path
from roguewatch.detect.engine import Engine
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

HUMAN_SECONDS = 600
"""A person who spoke within this time is present, as the gate has it."""

_NOWHERE = ("/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One action of a deployment and what it touched. Time is ns UTC."""

    event: str
    session: str
    time: int | None
    action: str
    """The policy's word: shell, read, write, …"""
    tool: str
    paths: tuple[str, ...]
    """Absolute where the working directory is known; `~` stays."""
    hosts: tuple[str, ...]
    identities: tuple[str, ...]
    commands: tuple[str, ...]
    cwd: str
    denied: bool
    """Control refused it: it was tried, not used."""
    request: Request
    """What a policy is asked about it."""


class Usage:
    """The uses of one deployment, session by session.

    Args:
        entry: the deployment.
        engine: the detectors, for what policies ask of findings; None: none are asked.
    """

    def __init__(self, entry: Deployment, engine: Engine | None = None) -> None:
        self._entry = entry
        self._engine = engine

    def of(self, events: Iterable[Event], since: int | None = None) -> list[Use]:
        """The actions of one session.

        Args:
            events: of one session, in the ledger's order.
            since: ns UTC; only actions from then on. Earlier events are still looked at,
                for what was found and who spoke.
        """
        found: dict[str, Use] = {}
        refused: set[str] = set()
        behaviours: set[str] = set()
        level = human = 0
        session = ""
        for event in events:
            session = event.session
            if event.kind == "decision":
                if event.text in ("deny", "stop"):
                    refused |= {event.call_id, str(event.parsed_detail().get("action"))} - {""}
                continue
            if event.kind == "user_message" and event.author == "human":
                human = event.time or 0
            findings = self._engine.feed(event, again=True) if self._engine else []
            behaviours |= {one.behaviour for one in findings}
            level = max([level, *(LEVEL_NUMBER[one.level] for one in findings)])
            if event.kind != "tool_call" or (since is not None and (event.time or 0) < since):
                continue
            key = event.call_id or event.id
            present = 0 <= (event.time or 0) - human < HUMAN_SECONDS * 10**9
            use = self._use(event, findings, tuple(sorted(behaviours)), level, present)
            if key in found:
                use = _richer(found[key], use)
            found[key] = use
        if self._engine and session:
            self._engine.finish(session)
        return [
            msgspec.structs.replace(use, denied=True)
            if key in refused or use.event in refused
            else use
            for key, use in found.items()
        ]

    def _use(
        self, event: Event, findings: list[Finding], behaviours: tuple[str, ...], level: int,
        present: bool,
    ) -> Use:  # fmt: skip
        action = Action(event)
        situation = situation_of(
            action,
            findings=findings,
            session_behaviours=behaviours,
            session_level=level,
            human_present=present,
            lease_seconds=int(self._entry.lease_seconds),
        )
        request = Request(
            principal=principal_of(self._entry, event.time or 0),
            action=action_of(action),
            tool=event.tool or event.kind,
            toolset=toolset_of(event.tool),
            situation=situation,
        )
        named = (*action.paths, *action.written)
        if not named and action.commands:
            named = (event.cwd,)  # a command that names no file still works where it stands
        paths = (resolved(path, event.cwd) for path in named)
        return Use(
            event=event.id,
            session=event.session,
            time=event.time,
            action=request.action,
            tool=request.tool,
            paths=tuple(dict.fromkeys(path for path in paths if path)),
            hosts=situation.hosts,
            identities=identities_of(action),
            commands=situation.commands,
            cwd=normal_path(event.cwd),
            denied=False,
            request=request,
        )


def resolved(path: str, cwd: str) -> str:
    """A path as it would be opened; empty for what is no file."""
    if not path or path.startswith(_NOWHERE):
        return ""
    if path.startswith(("/", "~")) or path[1:3] == ":/":
        return normal_path(path)
    return posixpath.normpath(posixpath.join(cwd, path)) if cwd else normal_path(path)


def _richer(one: Use, other: Use) -> Use:
    """Of two sightings of the same call, the one that tells more of it."""
    return max(one, other, key=lambda use: (len(use.commands) + len(use.paths), use is one))
