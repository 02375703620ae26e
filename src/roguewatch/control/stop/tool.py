"""Supervisors' own tools, called without a shell and with a time limit."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

from roguewatch.errors import ControlError
from roguewatch.printable import printable

SECONDS = 60.0

# A name that begins with a dash would be an option; a slash could leave a namespace.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@\\-]{0,252}")


def ask(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a tool to its end.

    Args:
        command: program and arguments; the program is looked for in the path.

    Returns:
        Exit status, output, and what it said on standard error.

    Raises:
        ControlError: it is not installed, or did not answer in time.
    """
    program = shutil.which(command[0]) if command else None
    if program is None:
        raise ControlError(
            f"{printable(command[0], 60) if command else 'the command'} is not installed here"
        )
    try:
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ControlError(f"{command[0]} did not answer within {SECONDS:g} s") from error
    except OSError as error:
        raise ControlError(f"{command[0]} cannot be run: {error.strerror}") from error
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return done.returncode, out, err


def check_name(text: str, what: str) -> None:
    """Refuse what could be an option or a path instead of a name.

    Raises:
        ControlError: it is no name.
    """
    if not _NAME.fullmatch(text):
        raise ControlError(f"{printable(text, 80)!r} cannot name a {what} target")
