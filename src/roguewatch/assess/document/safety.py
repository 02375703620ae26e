"""The safety case: claims, arguments and evidence as a tree (goal structuring notation)."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["goal", "strategy", "solution", "context", "assumption", "justification"]
NodeState = Literal["supported", "stated", "given", "undeveloped", "defeated"]


class Defeater(msgspec.Struct, frozen=True, kw_only=True):
    """What would show a node to be wrong."""

    text: str
    """In words."""
    state: Literal["answered", "open", "holds"]
    """`answered`: measured, and it is not so; `open`: not known; `holds`: it defeats the node."""
    facts: tuple[str, ...]
    """Ids of the facts that decide it."""


class CaseNode(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the tree."""

    id: str
    """Its id in the template."""
    under: str
    """Id of the node above; empty for the top."""
    kind: Kind
    """What it is in goal structuring notation."""
    title: str
    """A few words, for the drawing."""
    text: str
    """The whole of it, with the values of its facts."""
    state: NodeState
    """`supported` by measurements; only `stated` by a person; `given` by whoever wrote the
    template; `undeveloped` where something is not known or not known well enough; `defeated`."""
    why: str
    """What makes it undeveloped or defeated; empty otherwise."""
    facts: tuple[str, ...]
    """Ids of the facts that it rests on itself."""
    expires: str
    """When the first fact at or under it lapses; empty where none has a value."""
    defeaters: tuple[Defeater, ...] = ()
    """What would show it to be wrong."""


class SafetyCase(msgspec.Struct, frozen=True, kw_only=True):
    """A safety case, generated from a template and the facts."""

    name: str
    """What the template calls itself."""
    source: str
    """Where the argument comes from."""
    digest: str
    """SHA-256 of the template."""
    state: NodeState
    """State of the top goal."""
    expires: str
    """When it lapses."""
    nodes: tuple[CaseNode, ...]
    """Every node, each after the one that it is under."""
