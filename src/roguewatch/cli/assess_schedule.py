"""`roguewatch assess --schedule`: the timer that repeats an assessment, shown or installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path

Command = TypeVar("Command", bound=Callable[..., Any])

NAME = "roguewatch-assess"
CALENDAR = {"daily": "*-*-* 03:17:00", "weekly": "Mon *-*-* 03:17:00"}
CRON = {"daily": "17 3 * * *", "weekly": "17 3 * * 1"}


def schedule_options(command: Command) -> Command:
    """`--schedule` and `--install`, as `schedule: str | None, install: bool`."""
    shown = click.option(
        "--schedule",
        type=click.Choice(list(CALENDAR)),
        help="Show the systemd timer (or cron entry) that repeats this assessment; "
        "nothing is assessed now.",
    )
    installed = click.option(
        "--install", is_flag=True, help="With --schedule: install it for this user."
    )
    return shown(installed(command))


def scheduled(schedule: str | None, *, install: bool) -> None:
    """Show how this very command is repeated, and install that where it is asked for.

    Raises:
        InputError: there is nothing to install, or installing fails; says why.
    """
    if schedule is None:
        raise InputError("--install needs --schedule daily or weekly")
    words = repeated(sys.argv[1:], Path.cwd())
    if _systemd():
        _timer(schedule, words, install=install)
    else:
        _cron(schedule, words, install=install)


def repeated(arguments: Sequence[str], here: Path) -> list[str]:
    """The command without the schedule, which runs the same from any folder.

    Args:
        arguments: as they were given, without the program.
        here: the folder that relative paths in them start from.
    """
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--schedule":
            next(words, None)
        elif word != "--install" and not word.startswith("--schedule="):
            kept.append(word)
    program = [sys.executable, "-m", "roguewatch", *kept]
    if store := os.environ.get("ROGUEWATCH_STORE"):
        program = ["env", f"ROGUEWATCH_STORE={store}", *program]
    return ["/bin/sh", "-c", f"cd {shlex.quote(str(here))} && exec {shlex.join(program)}"]


def units(schedule: str, words: Sequence[str]) -> tuple[str, str]:
    """The systemd service and timer."""
    # systemd.service(5), "Command lines": quotes, backslashes, % and $ have meaning.
    escaped = " ".join(
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
        + '"' for word in words
    )  # fmt: skip
    service = (
        "[Unit]\nDescription=roguewatch: assess the agents of this machine\n\n"
        f"[Service]\nType=oneshot\nExecStart={escaped}\n"
    )
    timer = (
        f"[Unit]\nDescription=roguewatch: assess {schedule}\n\n"
        f"[Timer]\nOnCalendar={CALENDAR[schedule]}\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return service, timer


def cron_line(schedule: str, words: Sequence[str]) -> str:
    """The line of a crontab; cron reads % as a line break, so it is escaped."""
    return f"{CRON[schedule]} {shlex.join(words)}".replace("%", "\\%") + f"  # {NAME}"


def _systemd() -> bool:
    return bool(shutil.which("systemctl")) and Path("/run/systemd/system").is_dir()


def _timer(schedule: str, words: Sequence[str], *, install: bool) -> None:
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    folder = folder / "systemd" / "user"
    service, timer = units(schedule, words)
    for ending, text in (("service", service), ("timer", timer)):
        path = folder / f"{NAME}.{ending}"
        click.echo(f"# {printable_path(path)}\n{text}")
        if install:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise InputError(f"{printable_path(path)}: {error.strerror}") from error
    start = ["systemctl", "--user", "enable", "--now", f"{NAME}.timer"]
    if install:
        _run(["systemctl", "--user", "daemon-reload"])
        _run(start)
        click.echo(f"installed: {NAME}.timer")
    else:
        click.echo(f"Install it with --install, or write these files and run: {shlex.join(start)}")


def _cron(schedule: str, words: Sequence[str], *, install: bool) -> None:
    line = cron_line(schedule, words)
    click.echo(line)
    if not install:
        click.echo("Install it with --install, or add this line with: crontab -e")
        return
    if not shutil.which("crontab"):
        raise InputError("neither systemd nor crontab is here to install this with")
    listed = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    kept = [one for one in listed.stdout.splitlines() if not one.endswith(f"# {NAME}")]
    _run(["crontab", "-"], "\n".join([*kept, line]) + "\n")
    click.echo("installed in this user's crontab")


def _run(words: Sequence[str], given: str = "") -> None:
    done = subprocess.run(list(words), input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{shlex.join(words)}: {printable(done.stderr.strip(), 300)}")
