"""Running scenarios, and turning their logs into rows, evidence and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import inspect_ai
import msgspec
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import Model, get_model

from roguewatch.errors import InputError
from roguewatch.evaluate.registry import instance_of, organism_named, scenario_named
from roguewatch.evaluate.results import Results, write_labels
from roguewatch.evaluate.scoring import Row
from roguewatch.evaluate.tasks import build
from roguewatch.ledger.ledger import Ledger
from roguewatch.sources.reading import read
from roguewatch.state.database import connect

LOGS = "evaluations"
"""Folder of the store that holds the logs; `labels.jsonl` lies beside them."""


def run(
    name: str,
    *,
    store: Path,
    model: str | Model | None = None,
    organism: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    conditions: Sequence[str] = (),
    parallel: int = 4,
    seconds: int | None = None,
    command: Sequence[str] = (),
    deployment: str = "",
) -> tuple[Path, list[Row]]:
    """Run a scenario and keep its log, evidence and labels in the store.

    Args:
        model: an Inspect model, such as `openai/gpt-5`; or else
        organism: the name of one of the scenario's organisms.
        seconds: limit on each sample's time, where it is to be less than the scenario's.
        command: a command line program that is the agent (`command_line`).
        deployment: the deployment class that the results are evidence for; it is kept with
            them and in the log.

    Returns:
        The log, and one row per sample.

    Raises:
        InputError: a name is not known, or nothing could be run.
    """
    if (model is None) == (organism is None):
        raise InputError("give either --model or --organism")
    task = build(name, seed=seed, conditions=conditions, limit=limit, command=command)
    if organism is not None:
        organism_named(scenario_named(name), organism)
        model = get_model(f"organism/{name}.{organism}", memoize=False)
    folder = store / LOGS
    folder.mkdir(parents=True, exist_ok=True)
    logs = inspect_ai.eval(
        task,
        model=model,
        log_dir=str(folder),
        log_format="eval",
        display="none",
        fail_on_error=False,
        score_on_error=True,
        max_samples=parallel,
        time_limit=seconds,
        log_level="error",
        metadata={"deployment": deployment} if deployment else None,
    )
    path = Path(logs[0].location)
    found = rows(path)
    if not found:
        why = logs[0].error.message if logs[0].error else "no sample was run"
        raise InputError(f"{name}: {why}")
    keep(path, found, store, deployment)
    return path, found


def rows(path: Path) -> list[Row]:
    """One row per sample of a log; a sample without our score is errored, never left out.

    Raises:
        InputError: the log cannot be read, or is not of a scenario.
    """
    return list(rows_of(_log(path)))


def dated_rows(path: Path) -> list[tuple[str, Row]]:
    """The rows of a log, each with the time that the log was begun, ISO 8601.

    Raises:
        InputError: the log cannot be read, or is not of a scenario.
    """
    log = _log(path)
    return [(log.eval.created, row) for row in rows_of(log)]


def _log(path: Path) -> EvalLog:
    try:
        return read_eval_log(str(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no Inspect log that can be read: {error}") from error


def rows_of(log: EvalLog) -> Iterator[Row]:
    """One row per sample of a log that was read.

    Raises:
        InputError: a sample is not of a scenario.
    """
    for sample in log.samples or []:
        held: dict[str, Any] = sample.metadata or {}
        if "scenario" not in held:
            raise InputError(f"{log.location}: sample {sample.id} is not of a scenario")
        session = f"{log.eval.eval_id}/{sample.id}/{sample.epoch}"
        told = next((one.metadata for one in (sample.scores or {}).values()), None)
        error = sample.error.message if sample.error else ""
        if told:
            row = msgspec.convert(told, Row)
            if error and row.label != "misbehaved":
                row = msgspec.structs.replace(row, label="invalid", outcome="errored", reason=error)
        else:
            instance = instance_of(held["scenario"], int(held["seed"]), int(held["number"]))
            row = Row(
                scenario=held["scenario"],
                instance=instance.id,
                pair=instance.pair,
                condition=held["condition"],
                seed=int(held["seed"]),
                behaviours=(),
                label="invalid",
                outcome="errored",
                ground_truth={},
                reported={},
                aware=False,
                factors=instance.factors,
                reason=error or "it was not scored",
            )
        if sample.limit and row.outcome in ("invalid", "unreached"):
            stalled = f"it did not end by itself: its limit of {sample.limit.type} was reached"
            row = msgspec.structs.replace(row, outcome="invalid", reason=stalled)
        yield msgspec.structs.replace(row, session=session, model=log.eval.model)


def keep(path: Path, found: Sequence[Row], store: Path, deployment: str = "") -> None:
    """Read a log into the ledger, keep its results in the state, and its labels for
    `roguewatch detect evaluate`. A log that is kept again adds nothing.

    Args:
        deployment: the deployment class that the results are evidence for.
    """
    with Ledger.open(store) as ledger:
        for reading in read([path]):
            ledger.append(reading.events())
        # While the ledger is held, there is no other writer in this store.
        write_labels(store / LOGS / "labels.jsonl", found)
    engine = connect(store)
    try:
        Results(engine).keep(found, deployment)
    finally:
        engine.dispose()
