"""What is about to happen, as a policy sees it: principal, action, resource, context."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from roguewatch.control.circumstances import Circumstances

Mode = Literal["ask", "auto", "skip"]

LEVEL_NUMBER = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}

# Each agent's own words, sorted by who consents to an action before it runs.
_SKIP = (
    "bypasspermissions", "danger-full-access", "dangerously", "yolo", "skip", "full-auto",
    "allow-all", "autopilot",
)  # fmt: skip
MAX_KNOWN_MODE = 64
_AUTO = ("acceptedits", "dontask", "auto", "never", "on-failure", "auto_edit")


def mode_of(permission_mode: str) -> Mode:
    """Who consents by default under an agent's own permission mode.

    Returns:
        `skip`: nobody, nothing is checked. `auto`: the harness consents to some or all
        actions by itself. `ask`: a person does; also for modes that are not known.
    """
    # Agents have a handful of modes, each in every call; what one invents is not kept.
    known = len(permission_mode) <= MAX_KNOWN_MODE
    return _mode_of(permission_mode) if known else _mode_of.__wrapped__(permission_mode)


@lru_cache(maxsize=256)
def _mode_of(permission_mode: str) -> Mode:
    word = permission_mode.casefold()
    if any(mark in word for mark in _SKIP):
        return "skip"
    return "auto" if any(mark in word for mark in _AUTO) else "ask"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The deployment that acts, as the register has it."""

    deployment: str
    deployment_class: str = "default"
    owner: str = ""
    purpose: str = ""
    stakes: Literal["low", "medium", "high"] = "medium"
    surface: str = ""
    expired: bool = False


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """The context of one action: the fields of `schema.cedarschema`, all always present."""

    mode: Mode = "ask"
    permission_mode: str = ""
    human_present: bool = False
    subagent: bool = False
    lease_seconds: int = 0
    programs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    outside_project: bool = False
    network: bool = False
    background: bool = False
    certain: bool = True
    runs_fetched: bool = False
    only_looks: bool = False
    changes_elsewhere: bool = False
    matched_rules: tuple[str, ...] = ()
    matched_behaviours: tuple[str, ...] = ()
    matched_level: int = 0
    session_behaviours: tuple[str, ...] = ()
    session_level: int = 0
    denials: int = 0


FIELDS = Situation.__struct_fields__


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a policy."""

    principal: Principal
    action: str
    """shell, read, write, edit, fetch, search, agent, mcp, other, model, configure, prompt."""
    tool: str
    toolset: str = "built-in"
    situation: Situation | Circumstances = Situation()

    def cedar(self, fields: frozenset[str] | None = None) -> dict[str, Any]:
        """The request in Cedar's JSON form; entity ids are structured, never spliced.

        Args:
            fields: those of the context that the policy asks for: reading the others takes
                Cedar longer than deciding. None: all.
        """
        context = {
            name: getattr(self.situation, name)
            for name in FIELDS
            if fields is None or name in fields
        }
        return {
            "principal": {"type": "Deployment", "id": self.principal.deployment},
            "action": {"type": "Action", "id": self.action},
            "resource": {"type": "Tool", "id": self.tool},
            "context": msgspec.json.encode(context).decode(),
        }

    def entities(self) -> list[dict[str, Any]]:
        """Principal and tool with their attributes and parents, in Cedar's JSON form."""
        who = self.principal
        attributes = {
            "owner": who.owner, "purpose": who.purpose, "stakes": who.stakes,
            "surface": who.surface, "expired": who.expired,
        }  # fmt: skip
        return [
            {
                "uid": {"type": "Deployment", "id": who.deployment},
                "attrs": attributes,
                "parents": [{"type": "Class", "id": who.deployment_class}],
            },
            {
                "uid": {"type": "Tool", "id": self.tool},
                "attrs": {},
                "parents": [{"type": "Toolset", "id": self.toolset}],
            },
        ]
