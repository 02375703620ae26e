"""Options of `roguewatch assess` that say what is assessed and compared, and their reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roguewatch.cli.options import nanoseconds
from roguewatch.errors import InputError
from roguewatch.printable import printable

if TYPE_CHECKING:
    from roguewatch.assess.asking import Period, Request

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

REQUEST = ("since", "until", "period", "compare", "entity", "questionnaire", "assessor",
           "safety_case")  # fmt: skip
"""Names of the parameters that `request` takes."""


def request_options(command: Command) -> Command:
    """The window, comparisons and questionnaires, as the parameters named in `REQUEST`."""
    for option in reversed((
        click.option("--since", metavar="DATE", help="Only sessions that went on after this."),
        click.option("--until", metavar="DATE",
                     help="Only sessions that began before this; facts as they stood then."),
        click.option("--period", multiple=True, metavar="NAME=FROM..TO",
                     help="Put a period of the same activity beside it; either end may be empty."),
        click.option("--compare", multiple=True, metavar="REPORT|STORE|PERIOD",
                     help="Put an earlier assessment.json, a store or FROM..TO beside it. "
                     "The store's last assessment always is."),
        click.option("--entity", multiple=True, metavar="NAME=STORE",
                     help="Put another entity beside it, by its own store."),
        click.option("--questionnaire", multiple=True, type=_FILE, metavar="FILE",
                     help="Answer your own questionnaire (YAML) too."),
        click.option("--safety-case", type=_FILE, metavar="FILE",
                     help="Template of the safety case (YAML); the control safety case if none."),
        click.option("--assessor", type=_FILE, metavar="FILE",
                     help="What the assessor declares of independence (YAML)."),
    )):  # fmt: skip
        command = option(command)
    return command


def request(
    since: str | None,
    until: str | None,
    period: Sequence[str],
    compare: Sequence[str],
    entity: Sequence[str],
    questionnaire: Sequence[Path],
    assessor: Path | None,
    safety_case: Path | None = None,
) -> Request:
    """What those options ask for.

    Raises:
        InputError: one of them cannot be understood; the message says which.
    """
    from roguewatch.assess.asking import Period, Request

    window = Period(name="", since=_moment(since), until=_moment(until))
    if window.since is not None and window.until is not None and window.since >= window.until:
        raise InputError("--since must be before --until")
    named = {one.name: one for one in map(_period, period)}
    reports: list[Path] = []
    for text in compare:
        if text in named:
            continue
        if ".." in text and not Path(text).exists():
            named[text] = _dates(text, text)
        elif Path(text).exists():
            reports.append(Path(text))
        else:
            raise InputError(
                f"--compare {printable(text, 80)}: no such report, store or period; "
                "expected a path, the name of a --period, or FROM..TO"
            )
    return Request(
        window=window,
        periods=tuple(named.values()),
        reports=tuple(reports),
        entities=tuple(map(_entity, entity)),
        questionnaires=tuple(questionnaire),
        assessor=assessor,
        safety_case=safety_case,
    )


def _moment(text: str | None) -> int | None:
    return None if text is None else nanoseconds(text)


def _period(text: str) -> Period:
    name, mark, dates = text.partition("=")
    if not mark or not name.strip() or ".." not in dates:
        raise InputError(f"--period {printable(text, 80)}: expected NAME=FROM..TO")
    return _dates(name.strip(), dates)


def _dates(name: str, dates: str) -> Period:
    from roguewatch.assess.asking import Period

    first, _, last = dates.partition("..")
    found = Period(
        name=name, since=_moment(first.strip() or None), until=_moment(last.strip() or None)
    )
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise InputError(f"'{printable(dates, 80)}': the period ends before it begins")
    return found


def _entity(text: str) -> tuple[str, Path]:
    name, mark, place = text.partition("=")
    if not mark or not name.strip() or not Path(place).is_dir():
        raise InputError(f"--entity {printable(text, 80)}: expected NAME=STORE, an existing store")
    return name.strip(), Path(place)
