"""What a loaded rule is, apart from how it is written and how it is run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from roguewatch.detect.sigma.expression import Expression
from roguewatch.findings import Level, Severity

CorrelationType = Literal[
    "event_count", "value_count", "value_sum", "value_avg", "temporal", "temporal_ordered"
]
Operator = Literal["eq", "gt", "gte"]


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of itself."""

    id: str
    """`name` where the rule has one, else its UUID: what findings and `--disable` use."""
    uuid: str = ""
    title: str
    file: str
    behaviour: str = ""
    level: Level = "medium"
    unasked: Level | None = None
    """The level where nobody asked for the act or named its server (`escalation.level_of`)."""
    maturity: Literal["stable", "testing", "experimental"] = "testing"
    version: str = ""
    """First 12 hexadecimal digits of SHA-256 over the rule's content."""
    description: str = ""
    falsepositives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    rationale: str = ""
    falsifier: str = ""
    overreach: Severity = Severity("none", 0.0)
    deception: Severity = Severity("none", 0.0)
    must_match: tuple[tuple[dict[str, Any], ...], ...] = ()
    must_not_match: tuple[tuple[dict[str, Any], ...], ...] = ()


class Rule(msgspec.Struct, frozen=True, tag="rule"):
    """A condition on one event."""

    meta: Meta
    condition: Expression
    reports: bool = True
    """False where it only feeds correlations."""


class Correlation(msgspec.Struct, frozen=True, kw_only=True, tag="correlation"):
    """A condition on several events within a span of time."""

    meta: Meta
    kind: CorrelationType
    rules: tuple[str, ...]
    """Ids of the rules or correlations it follows, in their order."""
    seconds: int
    group_by: tuple[str, ...] = ()
    aliases: dict[str, dict[str, str]] = {}
    """Alias: rule id: field."""
    operator: Operator = "gte"
    threshold: int | float = 1
    value_field: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
    """temporal with a boolean condition: any of these sets of rules suffices."""
    reports: bool = True


class RuleSet(msgspec.Struct, frozen=True):
    """Everything in some folders: rules first, correlations after what they follow."""

    rules: tuple[Rule, ...] = ()
    correlations: tuple[Correlation, ...] = ()

    def metas(self) -> list[Meta]:
        """What every rule and correlation says of itself."""
        return [one.meta for one in self.rules] + [one.meta for one in self.correlations]
