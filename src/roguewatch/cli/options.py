"""Options that several commands share, and how they print."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from roguewatch.assess.measuring import Results

Command = TypeVar("Command", bound=Callable[..., Any])


class Group(click.Group):
    """A group of commands whose help tells of each in whole sentences, on as many lines as needed."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, which cuts each help to what is left of one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(limit=500)) for name, one in commands if one]
            )


SHORT = 8
"""Characters that are shown of an id at least."""


def default_store() -> Path:
    """`ROGUEWATCH_STORE`, else the user's data directory (XDG base directories)."""
    if given := os.environ.get("ROGUEWATCH_STORE"):
        return Path(given)
    data = os.environ.get("XDG_DATA_HOME") or ""
    # XDG: a relative path in the variable is invalid and is to be ignored.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "roguewatch"


def store_option(command: Command) -> Command:
    """`--store DIR`, as `store: Path`."""
    return click.option(
        "--store",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_store,
        metavar="DIR",
        help="Where evidence and state are kept.  [default: $ROGUEWATCH_STORE, "
        "else ~/.local/share/roguewatch]",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`, as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")(command)


def look_up_option(command: Command) -> Command:
    """`--look-up-providers`, as `look_up_providers: bool`."""
    return click.option(
        "--look-up-providers/--no-look-up-providers", default=True, show_default=True,
        envvar="ROGUEWATCH_LOOK_UP_PROVIDERS",
        help="While processes are watched, ask the name server once a minute for the addresses of "
        "16 model providers, so that a connection round the relay is known for what it is.",
    )(command)  # fmt: skip


class _ResultFile(click.Path):
    """`FILE` or `CLASS=FILE`, as (class, path); the empty class is the whole entity."""

    name = "[CLASS=]FILE"

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, tuple):
            return value
        name, mark, rest = str(value).partition("=")
        if not mark or Path(str(value)).exists():
            name, rest = "", str(value)
        return name.strip(), super().convert(rest, param, ctx)


def results_options(command: Command) -> Command:
    """`--horizon`, `--monitor`, `--scenarios`: files with results of trials, for `results_of`."""
    for name, made_by in (
        ("scenarios", "evaluate run"), ("monitor", "measure monitor"),
        ("horizon", "measure horizon"),
    ):  # fmt: skip
        command = click.option(
            f"--{name}", type=_ResultFile(), metavar="[CLASS=]FILE", multiple=True,
            help=f"What roguewatch {made_by} --json printed; of one class of deployments alone "
            "with CLASS=.",
        )(command)  # fmt: skip
    return command


def results_of(**given: Sequence[tuple[str, Path]]) -> Results:
    """Those files as the assessment takes them.

    Raises:
        InputError: two files are given for the same.
    """
    from roguewatch.assess.measuring import Results

    by_class: dict[str, dict[str, Path]] = {}
    for option, files in given.items():
        for name, path in files:
            known = by_class.setdefault(name, {})
            if option in known:
                whose = f"the class {printable(name, 80)}" if name else "the whole"
                raise InputError(f"--{option}: two files are given for {whose}")
            known[option] = path

    def of(name: str, classes: Mapping[str, Results]) -> Results:
        files = by_class.get(name, {})
        return Results(
            horizon=files.get("horizon"), monitor=files.get("monitor"),
            scenarios=files.get("scenarios"), of=classes,
        )  # fmt: skip

    return of("", {name: of(name, {}) for name in by_class if name})


def print_json(value: object) -> None:
    """One line of JSON on standard output, as UTF-8 whatever the locale."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")


def console() -> Console:
    """Where tables go: as wide as `COLUMNS` or the terminal; 160 in a file or pipe."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # status 141, not rich's 1: that is a stated limit

    told = os.environ.get("COLUMNS", "")
    asked = sys.stdout.isatty() or (told.isdecimal() and int(told) > 0)
    # What an agent wrote is no markup: `[/x]` would be an error, `:x:` a picture.
    return Screen(width=None if asked else 160, markup=False, emoji=False)


def listing(*columns: str, whole: Collection[str] = (), title: str | None = None) -> Table:
    """A table without frames in which nothing is cut: cells fold, those of `whole` never."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in whole)
    return table


def existing_store(store: Path) -> Path:
    """The store, which must be there already.

    Raises:
        InputError: it is not; the message says how to make one.
    """
    if not store.is_dir():
        raise InputError(
            f"{printable_path(store)}: no store there; "
            "make one with: roguewatch assess --store DIR PATH"
        )
    return store


def nanoseconds(text: str) -> int:
    """A date or time (ISO 8601; UTC where no zone is given) as ns since 1970.

    Raises:
        InputError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"'{printable(text, 40)}': expected a date such as 2026-03-01, "
            "or a time such as 2026-03-01T12:00+01:00"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not 1970 < moment.year < 2262:  # nanoseconds in 64 bits end in April 2262
        raise InputError(f"'{printable(text, 40)}': expected a date between 1971 and 2261")
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def iso(time: int | None) -> str | None:
    """ns since 1970 as ISO 8601 UTC to the second; None stays None."""
    if time is None:
        return None
    try:
        moment = datetime.fromtimestamp(time // 1_000_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    # Not strftime: the C library writes years before 1000 without their zeros.
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def many(count: int, one: str) -> str:
    """A count with what is counted: `1 file`, `12 files`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def beginnings(ids: Iterable[str]) -> dict[str, str]:
    """For each id its shortest beginning, of at least `SHORT` characters, that is no other's."""
    ordered = sorted(set(ids))
    shared = [
        sum(
            1
            for _ in itertools.takewhile(
                lambda pair: pair[0] == pair[1], zip(one, other, strict=False)
            )
        )
        for one, other in itertools.pairwise(["", *ordered, ""])
    ]
    return {
        id: id[: max(SHORT, 1 + max(before, after))]
        for id, (before, after) in zip(ordered, itertools.pairwise(shared), strict=True)
    }
