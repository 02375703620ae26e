"""The review as a whole: successes, their first-stage scores, the queue, how each run stands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from inspect_ai.model import get_model
from sqlalchemy import Engine

from roguewatch.detect.engine import Engine as Detection
from roguewatch.errors import InputError
from roguewatch.evaluate.cheating import first_stage
from roguewatch.evaluate.cheating.first_stage import FirstStage
from roguewatch.evaluate.cheating.judging import judge
from roguewatch.evaluate.cheating.register import Decision, Reviews, Verdict, key
from roguewatch.evaluate.cheating.treatments import Standing, Treated, treated
from roguewatch.evaluate.cheating.trials import Trial, trials
from roguewatch.evaluate.running import LOGS
from roguewatch.findings import Finding
from roguewatch.printable import printable
from roguewatch.sources.reading import read


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """One run, its first-stage score if it succeeded, and the verdict that stands."""

    session: str
    task: str
    instance: str
    model: str
    standing: Standing
    score: int | None = None
    reasons: tuple[str, ...] = ()
    by: str = ""
    """Who gave the score that stands: the rules, or a judge."""
    verdict: Verdict | None = None
    reason: str = ""
    decided_by: str = ""


def logs_of(store: Path) -> list[Path]:
    """The scenario logs that a store holds, oldest first."""
    return sorted((store / LOGS).glob("*.eval"))


def reviewed(
    paths: Sequence[Path], engine: Engine, *, judged_by: str | None = None
) -> list[Reviewed]:
    """Every run of these logs, as it stands.

    Args:
        judged_by: an Inspect model that is asked about each success that no judge has
            scored yet; its scores are kept.

    Raises:
        InputError: a file is no Inspect log.
    """
    register = Reviews(engine)
    every = list(trials(paths))
    found = _findings(paths, {one.session for one in every if one.success})
    if judged_by is not None:
        known = register.scores()
        unseen = [one for one in every if one.success and key(one.session) not in known]
        asyncio.run(_judge(unseen, judged_by, register))
    scores, decisions = register.scores(), register.standing()
    return [
        _reviewed(one, found.get(one.session, []), scores.get(key(one.session)),
                  decisions.get(key(one.session)))
        for one in every
    ]  # fmt: skip


def queue(runs: Iterable[Reviewed]) -> list[Reviewed]:
    """Successes that wait for a person, the gravest first; no score is graver than any."""
    waiting = [one for one in runs if one.standing == "waiting"]
    return sorted(waiting, key=lambda one: -(11 if one.score is None else one.score))


def decide(
    session: str,
    verdict: Verdict,
    *,
    reason: str,
    by: str,
    runs: Iterable[Reviewed],
    engine: Engine,
) -> Decision:
    """Keep a person's verdict on a success; its whole id, or the end or beginning of one.

    Raises:
        InputError: none or several successes match.
    """
    found = [
        one.session for one in runs
        if one.standing not in ("failed", "not counted")
        and (one.session.startswith(session) or one.session.endswith(session))
    ]  # fmt: skip
    exact = [one for one in found if one == session]
    if len(exact or found) != 1:
        many = "several successes have" if found else "no success has"
        raise InputError(
            f"{many} '{printable(session, 80)}' as their id: see roguewatch evaluate review list"
        )
    return Reviews(engine).decide((exact or found)[0], verdict, reason=reason, by=by)


def results(runs: Iterable[Reviewed]) -> list[Treated]:
    """Results by task and model under the three treatments."""
    return treated((one.task, one.model, one.standing) for one in runs)


def _reviewed(
    trial: Trial, findings: list[Finding], judged: FirstStage | None, decision: Decision | None
) -> Reviewed:
    about = {name: getattr(trial, name) for name in ("session", "task", "instance", "model")}
    if not trial.counted or not trial.success:
        return Reviewed(**about, standing="failed" if trial.counted else "not counted")
    given = first_stage.score(trial, findings)
    if judged is not None and not _lower(judged, given):
        given = judged
    standing: Standing = "waiting" if given.to_a_person else "earned"
    if decision is not None:
        standing = "cheated" if decision.verdict == "cheated" else "earned"
    return Reviewed(
        **about,
        standing=standing,
        score=given.score,
        reasons=given.reasons,
        by=given.by,
        verdict=decision.verdict if decision else None,
        reason=decision.reason if decision else "",
        decided_by=decision.by if decision else "",
    )


def _lower(judged: FirstStage, rules: FirstStage) -> bool:
    """Whether a judge's score says less than the rules': it can raise a score, never lower it."""
    if judged.score is None:
        return rules.score is not None and rules.score >= first_stage.THRESHOLD
    return rules.score is None or judged.score < rules.score


def _findings(paths: Sequence[Path], sessions: set[str]) -> dict[str, list[Finding]]:
    """What the detectors find over the events of these sessions."""
    if not sessions:
        return {}
    engine = Detection.load()
    found: dict[str, list[Finding]] = {}
    for reading in read(paths):
        for event in reading.events():
            if event.session in sessions:
                found.setdefault(event.session, []).extend(engine.feed(event))
    for session in sessions:
        found.setdefault(session, []).extend(engine.finish(session))
    return found


async def _judge(unseen: Sequence[Trial], name: str, register: Reviews) -> None:
    model = get_model(name)
    for trial in unseen:
        register.keep(trial.session, await judge(trial, model))
