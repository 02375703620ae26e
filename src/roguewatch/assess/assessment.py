"""Make an assessment: run the pipeline, then put together what it says."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Self

import msgspec

from roguewatch import __version__
from roguewatch.assess.asking import Period, Request
from roguewatch.assess.beside import beside, changed_since
from roguewatch.assess.covered import coverage_of
from roguewatch.assess.crosswalk import crosswalks
from roguewatch.assess.detection import Detectors
from roguewatch.assess.document import (
    SCHEMA,
    Assessment,
    Coverage,
    Disclosure,
    LedgerState,
    Window,
)
from roguewatch.assess.evidence import add_context
from roguewatch.assess.facts.fact import Facts, input_of, stamp
from roguewatch.assess.facts.inputs import Looked
from roguewatch.assess.headlines import headlines
from roguewatch.assess.independence import independence
from roguewatch.assess.keeping import Kept, keep, to_keep
from roguewatch.assess.measuring import Results, looked, measure
from roguewatch.assess.observing import Observed, observe
from roguewatch.assess.pipeline import Done, Pipeline, Progress
from roguewatch.assess.pipeline_memory import give_back
from roguewatch.assess.published import commit
from roguewatch.assess.questions import answered, questionnaire, questions, templates
from roguewatch.assess.reminders import reminders
from roguewatch.assess.rendering import LIMITS, render
from roguewatch.assess.safety_case import Document, safety_case, template
from roguewatch.assess.sections import by_behaviour
from roguewatch.assess.steps import steps
from roguewatch.assess.totals import iso
from roguewatch.assess.verdict import verdict
from roguewatch.errors import InputError, LedgerError
from roguewatch.gateway.gate_ledger import evidence
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable_path
from roguewatch.state.database import connect
from roguewatch.state.findings import Findings
from roguewatch.state.sessions import Sessions

WHOLE_STORE = "(all that the store holds)"
"""Stands among the paths where more was assessed than they hold."""


def assess(
    paths: Sequence[Path],
    store: Path,
    *,
    rules: Sequence[Path] = (),
    disabled: Mapping[str, str] | None = None,
    request: Request = Request(),
    results: Results = Results(),
    progress: Progress | None = None,
    whole: bool = False,
) -> tuple[Assessment, Done]:
    """Read what is new under the paths into the store and assess what these paths hold.

    Args:
        paths: files and folders.
        store: where evidence and state are kept; made where it is not there.
        rules: folders of further rules.
        disabled: ids of rules and detectors to switch off, each with a reason.
        request: the window, what to compare with, which questions.
        results: files with results of trials.
        progress: told of every file and batch.
        whole: assess all that the store holds, with what only the gate saw and what earlier
            runs read, and not only what these paths hold.

    Raises:
        RoguewatchError: the store, the rules or something that was asked for cannot be used.
    """
    results.check()
    declared = independence(request.assessor)
    template(request.safety_case)
    for path in request.questionnaires:
        questionnaire(path)
    with _Run(store, rules, disabled or {}, progress, whole=whole) as run:
        run.read(paths)
        names = [*map(printable_path, paths), *([WHOLE_STORE] if whole else [])]
        assessment = run.assessment(names, request, results)
        assessment.ledger = _ledger_state(run.ledger, store)
    assessment.disclosure = Disclosure(
        version="private", of="", redactions=(), independence=declared
    )
    done = run.pipeline.done
    del run
    give_back()  # to write it takes tens of megabytes anew
    return assessment, done


def read(
    paths: Sequence[Path],
    store: Path,
    *,
    rules: Sequence[Path] = (),
    disabled: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Done:
    """Only read what is new into the store, with everything found kept; see `assess`."""
    with _Run(store, rules, disabled or {}, progress) as run:
        run.read(paths)
    return run.pipeline.done


class _Run:
    """One run into one store, which it holds open."""

    def __init__(
        self,
        store: Path,
        rules: Sequence[Path],
        disabled: Mapping[str, str],
        progress: Progress | None,
        *,
        whole: bool = False,
    ) -> None:
        self.store, self.whole = store, whole
        self.name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        self.detectors = Detectors(rules, disabled)
        state = connect(store)
        self.sessions, self.findings = Sessions(state), Findings(state)
        self.ledger = evidence(store)
        self.pipeline = Pipeline(
            self.ledger, self.sessions, self.findings, self.detectors, self.name, progress
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    def read(self, paths: Sequence[Path]) -> None:
        """Read, look again at what is out of date, and seal."""
        self.pipeline.read(paths, self.store)
        if not self.pipeline.done.stopped:
            self.pipeline.analyse_again(whole=self.whole)
            self.ledger.seal()
        self.detectors.rest()
        give_back()

    def assessment(self, paths: list[str], request: Request, results: Results) -> Assessment:
        """Put together what the files of this run say."""
        seen = self._seen(request.window)
        shown = by_behaviour(seen.findings, LIMITS["findings"])
        add_context(self.ledger, [line for behaviour in shown for line in behaviour.shown])
        coverage = coverage_of(paths, self.pipeline.done, self.sessions.readings(self.name))
        facts, classes = measure(
            seen, self.sessions.engine, run=self.name, coverage=coverage, results=results,
            looked=self._looked(seen),
        )  # fmt: skip
        made = self._made(seen, coverage, facts, classes, template(request.safety_case))
        made.questionnaires = [answered(facts, path) for path in request.questionnaires]
        made.notes += changed_since(self.store)
        ids = [line.id for line in seen.findings]
        made.comparisons = beside(
            request, self.store, paths, made.facts, made.verdict, ids,
            lambda period: self._of_period(period, results),
        )  # fmt: skip
        return made

    def _looked(self, seen: Observed) -> Looked:
        return looked(self.detectors, seen)

    def _seen(self, window: Period) -> Observed:
        run = None if self.whole else self.name
        return observe(self.sessions, self.findings, self.ledger, run=run,
                       since=window.since, until=window.until)  # fmt: skip

    def _of_period(self, period: Period, results: Results) -> Kept:
        """The same files in another period, judged as it stood at the period's end."""
        seen = self._seen(period)
        facts, classes = measure(
            seen, self.sessions.engine, run=self.name, results=results.before(period.until),
            looked=self._looked(seen),
        )  # fmt: skip
        return Kept(
            run=self.name, created=stamp(seen.now), window=_window(seen),
            facts=tuple(fact for fact in facts.all() if input_of(fact.id) != "coverage"),
            verdict=tuple(verdict(facts, classes)),
            findings=tuple(line.id for line in seen.findings),
        )  # fmt: skip

    def _made(
        self,
        seen: Observed,
        coverage: Coverage,
        facts: Facts,
        classes: Sequence[str],
        argument: Document,
    ) -> Assessment:
        activity, stopped = seen.activity, self.pipeline.done.stopped
        return Assessment(
            schema=SCHEMA,
            generator=f"roguewatch {__version__}",
            created=stamp(datetime.now(UTC)),
            run=self.name,
            window=_window(seen),
            coverage=coverage,
            events=seen.totals.events,
            sessions=list(seen.lines.values()),
            gaps=seen.totals.gaps(),
            agents=seen.totals.agents(),
            activity=seen.totals.activity(seen.since),
            unattended=activity.unattended,
            permission_modes=activity.modes,
            impactful=activity.impactful,
            findings=seen.findings,
            findings_suppressed=seen.suppressed,
            findings_elsewhere=seen.elsewhere,
            detection=self.detectors.described({line.behaviour for line in seen.findings}),
            facts=facts.all(),
            verdict=verdict(facts, classes),
            safety_case=safety_case(facts, argument),
            questions=questions(facts),
            buyer_questions=questions(facts, templates("buyer.yaml")),
            headlines=headlines(facts),
            steps=steps(facts, classes),
            comparisons=[],
            reminders=reminders(facts.all(), seen.now),
            questionnaires=[],
            crosswalks=crosswalks(facts),
            disclosure=Disclosure(version="private", of="", redactions=(), independence=()),
            ledger=LedgerState(size=0, checkpoint="", checkpoint_digest="", verify=[]),
            notes=[
                *([stopped] if stopped else ()),
                *([_gone(seen.gone)] if seen.gone else ()),
                *([_from_the_gate(seen.unread)] if seen.unread else ()),
            ],
        )


def _gone(count: int) -> str:
    return (
        f"The evidence of {count} sessions that were read earlier is not in the ledger any "
        "more: they are not assessed, and nothing that rests on them is."
    )


def _from_the_gate(count: int) -> str:
    many = "session is" if count == 1 else "sessions are"
    return (
        f"{count} {many} told of by no file: the gate saw what is said of them, and what they "
        "did past it is not known."
    )


def _window(seen: Observed) -> Window:
    return Window(since=iso(seen.since), until=iso(seen.until), first=iso(seen.totals.first),
                  last=iso(seen.totals.last))  # fmt: skip


def write(assessment: Assessment, folder: Path, store: Path | None = None) -> tuple[Path, Path]:
    """Write `assessment.html` and `assessment.json`, each whole or not at all.

    Args:
        assessment: what to write.
        folder: where; made where it is not there.
        store: where the report is committed to the ledger of reports; None: nowhere.

    Raises:
        InputError: the folder cannot be written.
        LedgerError: the report cannot be committed; it is written all the same.
    """
    page = render(assessment).encode("utf-8", "backslashreplace")
    data = msgspec.json.format(msgspec.json.encode(assessment), indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        html = _replace(folder / "assessment.html", page)
        json = _replace(folder / "assessment.json", data + b"\n")
    except OSError as error:
        raise InputError(
            f"{printable_path(folder)}: the assessment cannot be written: {error.strerror}"
        ) from error
    if store is not None:
        try:
            private = assessment.disclosure.version == "private"
            kept = to_keep(assessment) if private else b""
            commit(store, assessment, data + b"\n", sha256(kept).hexdigest() if kept else "")
            if kept:
                keep(store, assessment.run, kept)
        except OSError as error:
            raise LedgerError(f"{printable_path(store)}: {error.strerror}") from error
    return html, json


def _ledger_state(ledger: Ledger, store: Path) -> LedgerState:
    checkpoint = ledger.checkpoint()
    name = printable_path(store)
    return LedgerState(
        size=checkpoint.size,
        checkpoint=checkpoint.note,
        checkpoint_digest=sha256(checkpoint.note.encode()).hexdigest(),
        verify=[
            f"roguewatch ledger verify --store {name}",
            f"roguewatch ledger prove EVENT --store {name} > proof.json",
        ],
    )


def _replace(path: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return path
