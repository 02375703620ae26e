"""The circumstances of an action, as a policy asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from roguewatch.control.elsewhere import changes_elsewhere
from roguewatch.control.fetched import runs_fetched
from roguewatch.control.looking import only_looks
from roguewatch.control.situation import FIELDS, LEVEL_NUMBER, Mode, Principal, Situation, mode_of
from roguewatch.detect.action import Action
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

_WRAPPERS_THAT_MATTER = ("sudo", "su", "doas", "pkexec", "ssh", "docker", "kubectl")
_ACTIONS = {"user_message": "prompt", "config_change": "configure", "subagent_start": "agent"}


def action_of(action: Action) -> str:
    """The policy's word for what an event is about to do."""
    if asks_model(action.event):
        return "model"
    return _ACTIONS.get(action.event.kind) or action.tool_class or "other"


def asks_model(event: Event) -> bool:
    """Whether it is a request to a model, seen by the model relay."""
    return event.kind == "other" and event.sighting == "model-relay"


def principal_of(deployment: Deployment, now: int) -> Principal:
    """The deployment as a policy sees it at a time (ns UTC)."""
    return Principal(
        deployment=deployment.name,
        deployment_class=deployment.deployment_class,
        owner=deployment.owner,
        purpose=deployment.purpose,
        stakes=deployment.stakes,
        surface=deployment.surface,
        expired=deployment.expires is not None and deployment.expires <= now,
    )


class Circumstances:
    """The context of one action, each part of it found when somebody asks for it: policies
    ask for a few, and their answer is waited for. The same names as `Situation`'s.

    Args:
        action: what is about to happen.
        findings: what it showed.
        session_behaviours: found in its session before.
        session_level: of those.
        human_present: a person spoke in it lately.
        lease_seconds: says how long the deployment's lease still runs.
        denials: says how many equivalents were denied in the session.
    """

    def __init__(
        self,
        action: Action,
        findings: Sequence[Finding] = (),
        *,
        session_behaviours: tuple[str, ...] = (),
        session_level: int = 0,
        human_present: bool = False,
        lease_seconds: Callable[[], int] = lambda: 0,
        denials: Callable[[], int] = lambda: 0,
    ) -> None:
        self._action = action
        self._event = action.event
        self._findings = findings
        self.session_behaviours = session_behaviours
        self.session_level = session_level
        self.human_present = human_present
        self._lease_seconds = lease_seconds
        self._denials = denials

    @property
    def lease_seconds(self) -> int:
        return self._lease_seconds()

    @property
    def denials(self) -> int:
        return self._denials()

    @property
    def mode(self) -> Mode:
        return mode_of(self._event.permission_mode)

    @property
    def permission_mode(self) -> str:
        return self._event.permission_mode

    @property
    def subagent(self) -> bool:
        return bool(self._event.parent_agent) or self._event.agent != "main"

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(sorted({one.program for one in self._action.commands if one.program}))

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(command.text for command in self._action.commands))

    @property
    def wrappers(self) -> tuple[str, ...]:
        vias = {via.split(" ")[0] for command in self._action.commands for via in command.via}
        return tuple(sorted(vias.intersection(_WRAPPERS_THAT_MATTER)))

    @property
    def paths(self) -> tuple[str, ...]:
        return self._action.paths

    @property
    def written(self) -> tuple[str, ...]:
        return self._action.written

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(sorted({host for url in self._action.urls if (host := _host(url))}))

    @property
    def outside_project(self) -> bool:
        return any(outside(path, self._event.cwd) for path in self._action.written)

    @property
    def network(self) -> bool:
        return self._action.tool_class == "fetch" or any(map(_host, self._action.urls))

    @property
    def background(self) -> bool:
        return any(command.background for command in self._action.commands)

    @property
    def certain(self) -> bool:
        return all(command.certain for command in self._action.commands)

    @property
    def runs_fetched(self) -> bool:
        return runs_fetched(self._action.commands)

    @property
    def only_looks(self) -> bool:
        return only_looks(self._action.commands)

    @property
    def changes_elsewhere(self) -> bool:
        return changes_elsewhere(self._action.commands)

    @property
    def matched_rules(self) -> tuple[str, ...]:
        return tuple(sorted({finding.detector for finding in self._findings}))

    @property
    def matched_behaviours(self) -> tuple[str, ...]:
        return tuple(sorted({finding.behaviour for finding in self._findings}))

    @property
    def matched_level(self) -> int:
        return max((LEVEL_NUMBER[finding.level] for finding in self._findings), default=0)


def situation_of(action: Action, *, findings: Sequence[Finding] = (), **known: Any) -> Situation:
    """All of the context of an action, from its derived view and what is `known` of its
    session: fields of `Situation`."""
    found = Circumstances(action, findings)
    return Situation(**{name: getattr(found, name) for name in FIELDS} | known)


def outside(path: str, project: str) -> bool:
    """Whether a written path lies outside the project; temporary and null files do not count."""
    if path.startswith(("/dev/null", "/dev/std", "/tmp/", "/var/tmp/")):  # noqa: S108
        return False
    if path.startswith(("~", "..")):
        return True
    if not path.startswith("/"):
        return False
    if not project:
        return True
    return path != project and not path.startswith(project.rstrip("/") + "/")


def toolset_of(tool: str) -> str:
    """The MCP server of a tool, or `built-in`."""
    parts = tool.split("__")
    return parts[1] if len(parts) >= 3 and parts[0] == "mcp" else "built-in"


def _host(url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"//{url.rpartition('@')[2]}")
        return (parts.hostname or "").casefold()
    except ValueError:
        return url.casefold()
