"""One YAML document of a rule file into a rule, a correlation or a filter."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
)
from sigma.exceptions import SigmaConditionError, SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaDetection, SigmaRule

from roguewatch.behaviours import behaviours
from roguewatch.detect.fields import field
from roguewatch.detect.sigma.conditions import (
    Unsupported,
    alternatives,
    check_items,
    expression,
)
from roguewatch.detect.sigma.expression import Expression, Or
from roguewatch.detect.sigma.rule import Correlation, Meta, Rule
from roguewatch.errors import RuleError
from roguewatch.findings import Level, Severity
from roguewatch.printable import printable

SigmaDocument = SigmaRule | SigmaCorrelationRule | SigmaFilter

_MATURITY = {"stable": "stable", "test": "testing", "experimental": "experimental"}
_TYPES = {"event_count", "value_count", "value_sum", "value_avg", "temporal", "temporal_ordered"}
_OPERATORS = {"eq", "gt", "gte"}


class Extras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands under `roguewatch:` in a rule file."""

    overreach: Severity = Severity("none", 0.0)
    deception: Severity = Severity("none", 0.0)
    rationale: str = ""
    falsifier: str = ""
    unasked: Level | None = None
    must_match: tuple[dict[str, Any] | tuple[dict[str, Any], ...], ...] = ()
    must_not_match: tuple[dict[str, Any] | tuple[dict[str, Any], ...], ...] = ()


class Document:
    """A parsed YAML document with the place that its errors name.

    Raises:
        RuleError: naming file, key and reason.
    """

    def __init__(self, content: dict[str, Any], file: str) -> None:
        self.file = file
        self.content = content
        self.where = f"{file}: {printable(str(content.get('title', 'rule without title')), 80)}"
        extras = content.get("roguewatch", {})
        try:
            self.extras = msgspec.convert(extras, Extras)
        except msgspec.ValidationError as error:
            raise self.refuse("roguewatch", str(error)) from error
        self.sigma = self._parse({k: v for k, v in content.items() if k != "roguewatch"})

    def refuse(self, key: str, reason: str) -> RuleError:
        return RuleError(f"{self.where}: {key}: {printable(reason, 400)}")

    def _parse(self, content: dict[str, Any]) -> SigmaDocument:
        kind = (
            SigmaCorrelationRule
            if "correlation" in content
            else SigmaFilter
            if "filter" in content
            else SigmaRule
        )
        if "action" in content:
            raise self.refuse(
                "action", "is of Sigma 1; write each rule in full, in its own document"
            )
        detection = content.get("detection")
        if isinstance(detection, dict):
            if "timeframe" in detection:
                raise self.refuse(
                    "detection.timeframe", "is of Sigma 1; write a correlation with a timespan"
                )
            content = {**content, "detection": _spelled(detection)}
        try:
            parsed: SigmaDocument = kind.from_dict(content)
            if isinstance(parsed, SigmaRule):
                # Parsed only here, so that a bad condition is refused with its file.
                for condition in parsed.detection.parsed_condition:
                    condition.parse()
        except SigmaError as error:
            raise self.refuse(_place(content, error), str(error)) from error
        except (TypeError, AttributeError, ValueError, KeyError, RecursionError) as error:
            raise self.refuse("rule", f"is no valid Sigma rule: {error}") from error
        if not isinstance(parsed, SigmaCorrelationRule):
            source = parsed.logsource
            if source.product != "ai-agent" or source.category or source.service:
                raise self.refuse(
                    "logsource", "expected exactly `product: ai-agent`; rules of other products "
                    "speak of fields that agents do not have"
                )  # fmt: skip
        return parsed

    @property
    def id(self) -> str:
        """Its name, else its UUID, else its title in lower case with hyphens."""
        sigma = self.sigma
        words = "".join(c if c.isalnum() else " " for c in sigma.title.lower()).split()
        return str(sigma.name or sigma.id or "-".join(words))

    def meta(self) -> Meta:
        """What the rule says of itself, checked."""
        sigma = self.sigma
        tags = tuple(str(tag) for tag in sigma.tags)
        codes = [tag.removeprefix("behaviour.").upper() for tag in tags if "behaviour." in tag]
        for code in codes:
            if code not in behaviours():
                raise self.refuse("tags", f"behaviour {code} is not in the taxonomy (A1 to F3)")
        status = sigma.status.name.lower() if sigma.status else "test"
        if status not in _MATURITY:
            raise self.refuse("status", f"{status} rules are not run; use stable, test, …")
        canonical = msgspec.json.encode(self.content, order="deterministic", enc_hook=str)
        return Meta(
            id=self.id,
            uuid=str(sigma.id or ""),
            title=printable(sigma.title, 200),
            file=self.file,
            behaviour=codes[0] if codes else "",
            level=sigma.level.name.lower() if sigma.level else "medium",  # type: ignore[arg-type]
            unasked=self.extras.unasked,
            maturity=_MATURITY[status],  # type: ignore[arg-type]
            version=sha256(canonical).hexdigest()[:12],
            description=sigma.description or "",
            falsepositives=tuple(str(note) for note in sigma.falsepositives),
            tags=tuple(tag for tag in tags if not tag.startswith("behaviour.")),
            rationale=self.extras.rationale,
            falsifier=self.extras.falsifier or "; ".join(map(str, sigma.falsepositives)),
            overreach=self.extras.overreach,
            deception=self.extras.deception,
            must_match=_sequences(self.extras.must_match),
            must_not_match=_sequences(self.extras.must_not_match),
        )

    def rule(self, reports: bool) -> Rule:
        """The event rule; filters must have been applied to `sigma` before."""
        sigma = self.sigma
        assert isinstance(sigma, SigmaRule)
        try:
            for name, detection in sigma.detection.detections.items():
                check_items(name, detection)
            conditions = [
                self._condition(parsed.parse()) for parsed in sigma.detection.parsed_condition
            ]
        except Unsupported as refused:
            raise self.refuse(*refused.args) from refused
        except SigmaError as error:
            raise self.refuse("detection.condition", str(error)) from error
        condition = conditions[0] if len(conditions) == 1 else Or(tuple(conditions))
        return Rule(self.meta(), condition, reports)

    @staticmethod
    def _condition(parsed: Any) -> Expression:
        if parsed is None:
            raise Unsupported("detection.condition", "is empty")
        return expression(parsed)

    def correlation(self, ids: dict[str, str], reports: bool) -> Correlation:
        """The correlation, its references resolved by `ids` (name or UUID to id)."""
        sigma = self.sigma
        assert isinstance(sigma, SigmaCorrelationRule)
        kind = sigma.type.name.lower()
        if kind not in _TYPES:
            raise self.refuse("correlation.type", f"{kind} is not supported")
        resolve = self._resolver(ids)
        choices: tuple[tuple[str, ...], ...] = ()
        if isinstance(sigma.condition, SigmaExtendedCorrelationCondition):
            if kind != "temporal":
                raise self.refuse("correlation.condition", f"a boolean condition with {kind}")
            try:
                raw = alternatives(sigma.condition.parsed)
            except Unsupported as refused:
                raise self.refuse(*refused.args) from refused
            choices = tuple(tuple(resolve(name) for name in choice) for choice in raw)
            rules = tuple(dict.fromkeys(name for choice in choices for name in choice))
        else:
            rules = tuple(resolve(reference.reference) for reference in sigma.rules or ())
        if not rules:
            raise self.refuse("correlation.rules", "names no rule")
        operator, threshold, fields = self._threshold(sigma.condition, kind, len(rules))
        aliases = {
            alias.alias: {resolve(ref.reference): name for ref, name in alias.mapping.items()}
            for alias in sigma.aliases
        }
        self._check_fields(tuple(sigma.group_by or ()), aliases, fields, rules)
        return Correlation(
            meta=self.meta(),
            kind=kind,  # type: ignore[arg-type]
            rules=rules,
            seconds=sigma.timespan.seconds,
            group_by=tuple(sigma.group_by or ()),
            aliases=aliases,
            operator=operator,  # type: ignore[arg-type]
            threshold=threshold,
            value_field=fields,
            alternatives=choices,
            reports=reports,
        )

    def _resolver(self, ids: dict[str, str]) -> Any:
        def resolve(reference: str) -> str:
            if str(reference) not in ids:
                raise self.refuse("correlation.rules", f"there is no rule {reference}")
            return ids[str(reference)]

        return resolve

    def _threshold(
        self,
        condition: SigmaCorrelationCondition | SigmaExtendedCorrelationCondition,
        kind: str,
        rules: int,
    ) -> tuple[str, int | float, tuple[str, ...]]:
        key = "correlation.condition"
        if isinstance(condition, SigmaExtendedCorrelationCondition) or (
            kind.startswith("temporal") and "condition" not in self.content["correlation"]
        ):
            return "gte", rules, ()
        operator = condition.op.name.lower()
        if operator not in _OPERATORS:
            raise self.refuse(key, f"`{operator}` could only be decided when a window ends")
        if kind == "temporal_ordered" and (operator, condition.count) != ("gte", rules):
            raise self.refuse(key, "temporal_ordered asks for all of its rules")
        if kind == "event_count" and condition.count < 1:
            raise self.refuse(key, "a count below 1 is always reached")
        value = condition.fieldref or ()
        fields = (value,) if isinstance(value, str) else tuple(value)
        return operator, condition.count, fields

    def _check_fields(
        self,
        group_by: tuple[str, ...],
        aliases: dict[str, dict[str, str]],
        value_fields: tuple[str, ...],
        rules: tuple[str, ...],
    ) -> None:
        for name, mapping in aliases.items():
            missing = set(rules) - set(mapping)
            if missing:
                raise self.refuse("correlation.aliases", f"{name} says nothing of {min(missing)}")
        inner = tuple(name for mapping in aliases.values() for name in mapping.values())
        for name in (*(n for n in group_by if n not in aliases), *inner, *value_fields):
            if field(name) is None:
                raise self.refuse("correlation", f"there is no field {name}")


def _place(content: dict[str, Any], error: SigmaError) -> str:
    """The key that pySigma's error is about, which it does not always say."""
    detections = content.get("detection")
    if isinstance(error, SigmaConditionError):
        return "detection.condition" if detections else "correlation.condition"
    if isinstance(detections, dict):
        for name, definition in detections.items():
            if name == "condition":
                continue
            items = definition.items() if isinstance(definition, dict) else [("", definition)]
            for key, value in items:
                try:
                    SigmaDetection.from_definition({key: value} if key else value)
                except SigmaError:
                    return f"detection.{name}.{key}".rstrip(".")
    named = type(error).__name__.removeprefix("Sigma").removesuffix("Error").lower() or "rule"
    return _KEYS.get(named, named)


_KEYS = {
    "correlationrule": "correlation",
    "correlationcondition": "correlation.condition",
    "correlationtype": "correlation.type",
    "timespan": "correlation.timespan",
}
"""Keys of the parts that pySigma's errors are named after."""


def _spelled(detection: Any) -> Any:
    """A detection with `utf16le` as pySigma spells it: `wide`."""
    if isinstance(detection, list):
        return [_spelled(one) for one in detection]
    if not isinstance(detection, dict):
        return detection
    return {
        key.replace("|utf16le", "|wide") if isinstance(key, str) else key: (
            _spelled(value) if isinstance(value, dict | list) else value
        )
        for key, value in detection.items()
    }


def _sequences(
    examples: tuple[dict[str, Any] | tuple[dict[str, Any], ...], ...],
) -> tuple[tuple[dict[str, Any], ...], ...]:
    return tuple(one if isinstance(one, tuple) else (one,) for one in examples)
