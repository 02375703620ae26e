"""How drills recur: a systemd timer or a cron entry, shown, and installed only on request."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

UNIT = "roguewatch-drill"
_CALENDAR = {"daily": "17 3 * * *", "weekly": "17 3 * * 1", "monthly": "17 3 1 * *"}
"""At an hour when a drill disturbs few, off the full hour when much else begins."""
EVERY = tuple(_CALENDAR)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The files that make drills recur."""

    service: str
    timer: str
    cron: str
    """The same as one line of a crontab."""


def schedule(command: tuple[str, ...], every: str) -> Schedule:
    """What to install so that a command recurs.

    Args:
        command: absolute path of the program, and its arguments.
        every: one of `EVERY`.
    """
    # systemd and cron both take % for something of their own.
    line = shlex.join(command)
    return Schedule(
        service=(
            "[Unit]\nDescription=Stop drills of roguewatch\n\n[Service]\nType=oneshot\n"
            f"ExecStart={line.replace('%', '%%')}\n"
            # Exit status 1 is a survivor: the unit fails, and whoever watches units hears of it.
            "Nice=10\nTimeoutStartSec=1h\n"
        ),
        timer=(
            f"[Unit]\nDescription=Stop drills of roguewatch, {every}\n\n[Timer]\n"
            f"OnCalendar={every}\nRandomizedDelaySec=1h\nPersistent=true\n\n"
            "[Install]\nWantedBy=timers.target\n"
        ),
        cron=f"{_CALENDAR[every]} {line.replace('%', chr(92) + '%')}\n",
    )


def install(made: Schedule, folder: Path) -> list[Path]:
    """Write the unit files into a folder of units; they are enabled by whoever wants them.

    Raises:
        OSError: they cannot be written, or another file of that name is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, text in (("service", made.service), ("timer", made.timer)):
        path = folder / f"{UNIT}.{kind}"
        if path.exists() and path.read_text() != text:
            raise FileExistsError(f"{path} is there already, and is another")
        path.write_text(text)
        written.append(path)
    return written
