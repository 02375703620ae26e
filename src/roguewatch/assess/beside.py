"""Put other assessments beside one: the last of its store, reports, periods, entities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from roguewatch.assess.asking import Period, Request
from roguewatch.assess.comparing import Kind, compare
from roguewatch.assess.document import Cell, Comparison, Fact, Window
from roguewatch.assess.keeping import Kept, kept, load
from roguewatch.assess.measuring import Results, facts_of
from roguewatch.assess.published import kept_digest
from roguewatch.assess.totals import iso
from roguewatch.assess.verdict import verdict
from roguewatch.errors import InputError
from roguewatch.printable import printable_path

OfPeriod = Callable[[Period], Kept]


def beside(
    request: Request,
    store: Path,
    paths: Sequence[str],
    facts: Sequence[Fact],
    cells: Sequence[Cell],
    findings: Sequence[str],
    of_period: OfPeriod,
) -> list[Comparison]:
    """Every comparison that was asked for, after the one with the store's last assessment.

    Args:
        request: what was asked for.
        store: the store that is assessed.
        paths: what this assessment read.
        facts: of this assessment.
        cells: its verdict.
        findings: ids of its findings.
        of_period: what the same store says of another period.

    Raises:
        InputError: something to compare with cannot be used.
    """

    def made(there: Kept, name: str, kind: Kind, source: str, note: str = "") -> Comparison:
        return compare(there, facts, cells, findings, name=name, kind=kind, source=source,
                       note=note)  # fmt: skip

    found = [made(*one) for one in _previous(store, paths)]
    for period in request.periods:
        source = f"{iso(period.since) or 'the start'} to {iso(period.until) or 'now'}"
        found.append(made(of_period(period), period.name, "period", source))
    for path in request.reports:
        if path.is_dir():
            there, source = _last(path)
            found.append(made(there, path.name or str(path), "store", source))
        else:
            there, digest = load(path)
            source = f"{printable_path(path)} sha256:{digest}"
            found.append(made(there, f"report of {there.created[:10]}", "report", source))
    for name, entity in request.entities:
        there, source = _last(entity)
        found.append(made(there, name, "entity", source, "another organisation's own records"))
    return found


def changed_since(store: Path) -> list[str]:
    """A line for the last assessment kept in a store, where its copy is not what was
    committed: it is not compared with."""
    for run, path in kept(store)[:1]:
        if kept_digest(store, run) != load(path)[1]:
            return [
                f"The copy kept of run {run} is not what was committed to the ledger of "
                "reports, so this assessment is not compared with it."
            ]
    return []


Previous = tuple[Kept, str, Kind, str, str]


def _previous(store: Path, paths: Sequence[str]) -> Iterator[Previous]:
    """The last assessment kept in this store, unless its copy was changed since."""
    for run, path in kept(store):
        there, digest = load(path)
        committed = kept_digest(store, run)
        if committed != digest:
            continue  # not what was committed: nothing may rest on it
        other = set(there.paths) != set(paths)
        note = "it read other paths, so counts are not of the same activity" if other else ""
        yield there, "the last assessment", "previous", f"run {run} sha256:{digest}", note
        return


def _last(store: Path) -> tuple[Kept, str]:
    """What a store's last assessment said; where none was kept, what its evidence says now."""
    for run, path in kept(store):
        there, digest = load(path)
        if kept_digest(store, run) == digest:
            return there, f"{printable_path(store)}, run {run} sha256:{digest}"
    if not (store / "ledger").is_dir():
        raise InputError(f"{printable_path(store)}: no store to compare with")
    facts, classes = facts_of(store, Results())
    known = facts.all()
    first = Window(since=None, first=None, last=None)
    there = Kept(run="store", created=max(fact.as_of for fact in known), window=first,
                 facts=tuple(known), verdict=tuple(verdict(facts, classes)))  # fmt: skip
    return there, f"{printable_path(store)}, as its evidence stands now"
