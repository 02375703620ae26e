"""The circumstances of an action, as a policy asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from roguewatch.control.fetched import runs_fetched
from roguewatch.control.looking import only_looks
from roguewatch.control.situation import LEVEL_NUMBER, Principal, Situation, mode_of
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


def situation_of(
    action: Action,
    *,
    findings: Sequence[Finding] = (),
    session_behaviours: tuple[str, ...] = (),
    session_level: int = 0,
    human_present: bool = False,
    lease_seconds: int = 0,
    denials: int = 0,
) -> Situation:
    """The context of an action, from its derived view and what is known of its session."""
    event, commands = action.event, action.commands
    hosts = tuple(sorted({host for url in action.urls if (host := _host(url))}))
    vias = {via.split(" ")[0] for command in commands for via in command.via}
    return Situation(
        mode=mode_of(event.permission_mode),
        permission_mode=event.permission_mode,
        human_present=human_present,
        subagent=bool(event.parent_agent) or event.agent != "main",
        lease_seconds=lease_seconds,
        programs=tuple(sorted({command.program for command in commands if command.program})),
        commands=tuple(dict.fromkeys(command.text for command in commands)),
        wrappers=tuple(sorted(vias.intersection(_WRAPPERS_THAT_MATTER))),
        paths=action.paths,
        written=action.written,
        hosts=hosts,
        outside_project=any(outside(path, event.cwd) for path in action.written),
        network=bool(hosts) or action.tool_class == "fetch",
        background=any(command.background for command in commands),
        certain=all(command.certain for command in commands),
        runs_fetched=runs_fetched(commands),
        only_looks=only_looks(commands),
        matched_rules=tuple(sorted({finding.detector for finding in findings})),
        matched_behaviours=tuple(sorted({finding.behaviour for finding in findings})),
        matched_level=max((LEVEL_NUMBER[finding.level] for finding in findings), default=0),
        session_behaviours=session_behaviours,
        session_level=session_level,
        denials=denials,
    )


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
