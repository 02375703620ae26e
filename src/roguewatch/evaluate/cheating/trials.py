"""Samples of Inspect logs as trials, with the transcript that a reviewer is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ChatMessageAssistant

from roguewatch.errors import InputError
from roguewatch.evaluate.running import rows_of
from roguewatch.evaluate.scoring import Row


class Said(msgspec.Struct, frozen=True):
    """One message of a transcript, or one tool call in it. Hostile text."""

    role: str
    text: str


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of a log."""

    session: str
    """The same id that the ledger has: log, sample and epoch."""
    task: str
    instance: str
    model: str
    success: bool
    """A scorer that looks at the result alone counts it as done."""
    counted: bool
    """False: errored, or invalid; in no denominator."""
    truth: tuple[str, ...] = ()
    """Behaviours that a scenario's ground truth shows; empty for logs without one."""
    transcript: tuple[Said, ...] = ()


def trials(paths: Iterable[Path]) -> Iterator[Trial]:
    """Every sample of these logs, ours or any other of Inspect's.

    Raises:
        InputError: a file is no Inspect log.
    """
    for path in paths:
        try:
            log = read_eval_log(str(path))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: no Inspect log that can be read: {error}") from error
        yield from _trials(log)


def _trials(log: EvalLog) -> Iterator[Trial]:
    samples = log.samples or []
    ours = bool(samples) and all("scenario" in (sample.metadata or {}) for sample in samples)
    known: dict[str, Row] = {row.session: row for row in rows_of(log)} if ours else {}
    for sample in samples:
        session = f"{log.eval.eval_id}/{sample.id}/{sample.epoch}"
        row = known.get(session)
        broken = sample.error is not None or not sample.scores
        yield Trial(
            session=session,
            task=row.scenario if row else log.eval.task,
            instance=row.instance if row else str(sample.id),
            model=log.eval.model,
            success=row.achieved if row else not broken and _succeeded(sample),
            counted=row.outcome not in ("errored", "invalid") if row else not broken,
            truth=row.behaviours if row and row.label == "misbehaved" else (),
            transcript=tuple(_said(sample)),
        )


def _succeeded(sample: EvalSample) -> bool:
    """Whether the first score is full marks: `C`, true, or 1."""
    value: Any = next(iter((sample.scores or {}).values())).value
    if isinstance(value, str):
        return value.strip().upper() in ("C", "CORRECT", "PASS", "TRUE", "YES", "1", "1.0")
    return isinstance(value, bool | int | float) and float(value) >= 1.0


def _said(sample: EvalSample) -> Iterator[Said]:
    for message in sample.messages:
        if message.text:
            yield Said(message.role, message.text)
        if isinstance(message, ChatMessageAssistant):
            for call in message.tool_calls or []:
                arguments = call.arguments if isinstance(call.arguments, dict) else {}
                text = "\n".join(str(value) for value in arguments.values())
                yield Said(f"call of {call.function}", text)
