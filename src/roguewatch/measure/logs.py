"""Runs for a time horizon from Inspect logs whose samples carry a human time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.measure.rows import Row
from roguewatch.measure.runs import AGENT, FAMILY, Runs, gather
from roguewatch.printable import printable, printable_path

MINUTES = ("human_minutes", "human_time_minutes", "human_time_min")
"""Sample metadata that gives the human time, in minutes."""

# Inspect's own values of a score: correct, incorrect, partial, no answer.
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


class Gathered(msgspec.Struct, frozen=True):
    """Runs from logs, and what could not be used."""

    runs: Runs
    unscored: int
    """Samples without a score (an error or a limit): not observed, so no run."""
    untimed: int
    """Samples without a human time."""
    unread: int = 0
    """Files of a folder that could not be read as activity of any kind."""


def looks_like_logs(path: Path) -> bool:
    """Whether a path is a log, a folder of logs or a store, rather than rows of runs."""
    return path.is_dir() or path.suffix in (".eval", ".json")


def read_logs(path: Path, scorer: str | None = None) -> Gathered:
    """Runs from an Inspect log, a folder of them, or a store that holds them.

    The task is the sample within its Inspect task, its family the metadata's `task_family`
    (else the Inspect task), the agent the metadata's `alias` or `agent` (else the model),
    the human time one of `MINUTES`, and `cheated` is taken from the metadata.

    Args:
        path: the log, folder or store.
        scorer: whose score counts, where samples have several.

    Raises:
        InputError: no sample has both a score and a human time, or the scorer is unclear.
    """
    unread: list[str] = []
    gathered = runs_of(_events(path, unread), scorer)
    return msgspec.structs.replace(gathered, unread=len(unread))


def _events(path: Path, unread: list[str]) -> Iterator[Event]:
    kinds = ("session_start", "session_end")
    if (path / "ledger").is_dir():
        from roguewatch.ledger.ledger import Ledger

        with Ledger.open(path, create=False, readonly=True) as ledger:
            yield from ledger.events(kinds=kinds)
        return
    from roguewatch.sources.reading import read

    for reading in read([path]):
        if reading.error and path.is_dir():
            unread.append(reading.name)
        elif reading.error:
            raise InputError(f"{reading.name}: {reading.error}")
        else:
            yield from (event for event in reading.events() if event.kind in kinds)


def runs_of(events: Iterable[Event], scorer: str | None = None) -> Gathered:
    """Runs from the starts and ends of Inspect sessions, in any order."""
    started: dict[str, dict[str, Any]] = {}
    ended: dict[str, tuple[str, dict[str, Any]]] = {}
    for event in events:
        if event.surface == "inspect" and event.kind == "session_start":
            started[event.session] = event.parsed_detail()
        elif event.surface == "inspect" and event.kind == "session_end":
            ended[event.session] = (event.model, event.parsed_detail())
    rows = []
    unscored = untimed = 0
    for session, (model, end) in ended.items():
        start = started.get(session, {})
        metadata = start.get("metadata")
        about = Row(f"session {printable(session, 80)}: metadata", _mapping(metadata))
        score = _score(end.get("scores"), scorer, about.place)
        if score is None:
            unscored += 1
        elif about.find(MINUTES) is None:
            untimed += 1
        else:
            rows.append(_row(about, model, start, score))
    if not rows:
        raise InputError(
            f"no sample has both a score and a human time ({unscored} without a score, {untimed} "
            f"without one of {', '.join(MINUTES)} in its metadata)"
        )
    return Gathered(gather(rows), unscored, untimed)


def _row(about: Row, model: str, start: dict[str, Any], score: float) -> Row:
    task = str(start.get("task") or "task")
    fields = {
        "agent": about.text(AGENT[:2]) if about.find(AGENT[:2]) else model or "unknown",
        "task": f"{task}/{start.get('sample')}",
        "family": about.text(FAMILY) if about.find(FAMILY) else task,
        "human_minutes": about.number(MINUTES, above=0.0, expected="minutes above 0"),
        "score": score,
        "cheated": about.flag(("cheated",)),
    }
    return Row(about.place, fields)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _score(scores: Any, scorer: str | None, place: str) -> float | None:
    """The score of a sample in [0, 1]; None where it has none."""
    if not isinstance(scores, dict) or not scores:
        return None
    if "value" in scores:  # old logs hold a single score
        scores = {"": scores}
    if scorer is None and len(scores) > 1:
        names = ", ".join(printable(str(name), 40) for name in scores)
        raise InputError(f"{place}: several scorers ({names}); choose one with --scorer")
    found = scores.get(scorer) if scorer is not None else next(iter(scores.values()))
    value = found.get("value") if isinstance(found, dict) else None
    if isinstance(value, str):
        value = _LETTERS.get(value, _WORDS.get(value.lower(), value))
    if value is None:
        return None
    row = Row(f"{place}: score", {"value": value})
    return row.number(("value",), low=0.0, high=1.0, expected="C, I, P, N or a number from 0 to 1")


def describe(gathered: Gathered, path: Path) -> str:
    """One line on what could not be used; empty where all could."""
    if not gathered.unscored and not gathered.untimed and not gathered.unread:
        return ""
    return (
        f"{printable_path(path)}: left out {gathered.unscored} samples without a score and "
        f"{gathered.untimed} without a human time; {gathered.unread} files could not be read"
    )
