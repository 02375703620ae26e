"""The fifteen due-diligence questions, answered where facts answer them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import yaml

from roguewatch.assess.document import Question
from roguewatch.assess.facts import Facts
from roguewatch.printable import printable

_PLACE = re.compile(r"\{([a-z0-9_.-]+)\}")


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question as `questions.yaml` holds it."""

    id: str
    question: str
    facts: tuple[str, ...]
    answer: str
    missing: tuple[str, ...] = ()


@cache
def templates() -> tuple[Template, ...]:
    """The questions, in order."""
    text = files("roguewatch.assess").joinpath("questions.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), tuple[Template, ...])


def answer(facts: Facts, template: Template) -> Question:
    """One question from facts.

    Its state is `answered` only when every fact that it needs has a value and nothing is
    missing besides; an answer that data cannot give stays `unassessed`.
    """
    known = tuple(id for id in template.facts if facts[id] is not None)
    if not known:
        state = "unassessed"
    elif len(known) < len(template.facts) or template.missing:
        state = "partial"
    else:
        state = "answered"
    text = _PLACE.sub(lambda match: shown(match[1], facts[match[1]]), template.answer)
    return Question(
        id=template.id,
        question=template.question,
        state=state,  # type: ignore[arg-type]
        answer=text if known else "",
        facts=known,
        missing=template.missing,
        as_of=facts.as_of if known else "",
        expires=facts.expires if known else "",
        verified_by="roguewatch, from the files read" if known else "",
    )


def questions(facts: Facts) -> list[Question]:
    """All of them."""
    return [answer(facts, template) for template in templates()]


def shown(id: str, value: Any) -> str:
    """A fact's value in a sentence."""
    if value is None:
        return "not known"
    if id.endswith(("share", ".rate")) or id.startswith("modes."):
        if isinstance(value, dict):
            ordered = sorted(value.items(), key=lambda item: -(item[1] or 0))
            return ", ".join(f"{name} {percent(share)}" for name, share in ordered[:8])
        return percent(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_number(count)}" for name, count in list(value.items())[:8])
    if isinstance(value, list):
        names = ", ".join(printable(str(name), 80) for name in value[:8])
        return names + (f" and {len(value) - 8} more" if len(value) > 8 else "") or "none named"
    return _number(value)


def percent(share: float | None) -> str:
    """A share for reading; never rounds something to nothing or to everything."""
    if share is None:
        return "not known"
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.999 < share < 1:
        return "over 99.9%"
    return f"{share:.1%}".replace(".0%", "%")


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return printable(str(value), 200)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
