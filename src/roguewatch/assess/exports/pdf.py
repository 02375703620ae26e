"""The report as PDF: the page printed by a headless Chromium that is on this machine.

The page holds no script and loads nothing; the browser gets a fresh profile, no network and a
time limit. It runs without its own sandbox only where we are root, where it cannot start with.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from roguewatch.assess.document import Assessment
from roguewatch.errors import InputError
from roguewatch.printable import printable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
            "microsoft-edge")  # fmt: skip
"""Programs that can print, in order; `$ROGUEWATCH_BROWSER` comes before them."""
SECONDS = 120


def browser() -> str:
    """The browser that prints.

    Raises:
        InputError: there is none; says what to install.
    """
    asked = os.environ.get("ROGUEWATCH_BROWSER")
    for name in (asked,) if asked else BROWSERS:
        if found := shutil.which(name):
            return found
    raise InputError(
        f"PDF: {printable(asked, 200)!r} ($ROGUEWATCH_BROWSER) is no program"
        if asked
        else "PDF needs Chromium, Chrome or Edge: install one (Debian and Ubuntu: apt install "
        "chromium), name it in ROGUEWATCH_BROWSER, or print assessment.html from a browser"
    )


def pdf(assessment: Assessment) -> bytes:
    """The printed page.

    Raises:
        InputError: there is no browser, or it did not print.
    """
    from roguewatch.assess.rendering import render

    return printed(render(assessment, paper=True))


def printed(page: str) -> bytes:
    """A page of ours as PDF.

    Raises:
        InputError: there is no browser, or it did not print.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="roguewatch-pdf-") as folder:
        source, made = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_bytes(page.encode("utf-8", "backslashreplace"))
        command = [
            program, "--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-extensions", "--no-first-run", "--proxy-server=127.0.0.1:9",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer", "--generate-pdf-document-outline", f"--print-to-pdf={made}",
            *(["--no-sandbox"] if os.geteuid() == 0 else []), source.as_uri(),
        ]  # fmt: skip
        problem = _run(command)
        data = made.read_bytes() if made.is_file() else b""
    if not data.startswith(b"%PDF-"):
        raise InputError(f"PDF: {printable(program, 200)} printed nothing: {problem}")
    return data


def _run(command: list[str]) -> str:
    """Run it to its end, with everything that it started. Returns its last words."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process.pid)
            return f"it did not end within {SECONDS} s"
        except BaseException:
            _kill(process.pid)
            raise
    lines = told.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    return printable(lines[-1], 300)


def _kill(group: int) -> None:
    os.killpg(group, signal.SIGKILL)
