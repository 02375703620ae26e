"""Options that several commands share, and how they print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])


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


def results_options(command: Command) -> Command:
    """`--horizon`, `--monitor` and `--scenarios`: files with results of trials, as Paths."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for name, made_by in (
        ("scenarios", "evaluate run"), ("monitor", "measure monitor"),
        ("horizon", "measure horizon"),
    ):  # fmt: skip
        command = click.option(
            f"--{name}", type=file, metavar="FILE",
            help=f"What roguewatch {made_by} --json printed.",
        )(command)  # fmt: skip
    return command


def print_json(value: object) -> None:
    """One line of JSON on standard output, as UTF-8 whatever the locale."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")


def console() -> Console:
    """Where tables go: as wide as `COLUMNS` or the terminal; 160 in a file or pipe."""
    from rich.console import Console

    told = os.environ.get("COLUMNS", "")
    if sys.stdout.isatty() or (told.isdecimal() and int(told) > 0):
        return Console()
    return Console(width=160)


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
