"""Judges' scores and people's verdicts, kept in the state; none is ever changed.

They are statements of the state's append-only register: a new one about the same run
stands from then on, and the earlier ones stay on record.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine

from roguewatch.errors import InputError
from roguewatch.evaluate.cheating.first_stage import FirstStage
from roguewatch.printable import printable
from roguewatch.state.statements import Statement, Statements

Verdict = Literal["cheated", "legitimate"]
_FOR_EVER = 9_000_000_000_000_000_000  # ns UTC, in 2255: a verdict does not run out


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided of one run."""

    session: str
    verdict: Verdict
    reason: str
    by: str
    decided: int
    """ns UTC."""


class Reviews:
    """The cheating reviews of one store."""

    def __init__(self, engine: Engine) -> None:
        self._statements = Statements(engine)

    def decide(self, session: str, verdict: Verdict, *, reason: str, by: str) -> Decision:
        """Keep a person's verdict.

        Raises:
            InputError: it has no reason.
            StateError: it has no name.
        """
        if not reason.strip():
            raise InputError("a verdict needs a reason: --reason TEXT")
        value = {"session": session, "verdict": verdict, "reason": reason.strip()}
        return _decision(
            self._statements.add(_subject("verdict", session), value, by=by, until=_FOR_EVER)
        )

    def keep(self, session: str, given: FirstStage) -> None:
        """Keep a judge's score; rules need none kept, they give the same again."""
        value = {"session": session, "score": given.score, "reasons": list(given.reasons)}
        self._statements.add(_subject("score", session), value, by=given.by, until=_FOR_EVER)

    def decisions(self) -> list[Decision]:
        """Every verdict ever given, oldest first."""
        return [_decision(one) for one in self._of("verdict")]

    def standing(self) -> dict[str, Decision]:
        """The verdict that stands of each run: the last one."""
        return {_subject("", one.session): one for one in self.decisions()}

    def scores(self) -> dict[str, FirstStage]:
        """The last judge's score of each run."""
        return {
            _subject("", one.value["session"]): FirstStage(
                score=one.value["score"], reasons=tuple(one.value["reasons"]), by=one.by
            )
            for one in self._of("score")
        }

    def _of(self, kind: str) -> Iterable[Statement]:
        return (
            one for one in self._statements.all() if one.subject.startswith(f"cheating/{kind}/")
        )


def key(session: str) -> str:
    """What a run is found by in `standing` and `scores`."""
    return _subject("", session)


def _subject(kind: str, session: str) -> str:
    # A sample's id is any text: hashed, so that cutting or escaping it joins no two.
    clean = printable(session, 5000)
    return f"cheating/{kind}/{sha256(clean.encode('utf-8', 'backslashreplace')).hexdigest()[:32]}"


def _decision(one: Statement) -> Decision:
    value: dict[str, Any] = one.value
    return Decision(
        session=value["session"], verdict=value["verdict"], reason=value["reason"], by=one.by,
        decided=one.created,
    )  # fmt: skip
