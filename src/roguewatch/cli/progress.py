"""How far a long reading is, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from roguewatch.printable import printable


class ReadingProgress:
    """Shows files, megabytes and events so far, and the file that is being read."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, name="", amount="")
        self._name = ""
        self._files = self._bytes = self._events = 0

    def file(self, name: str, size: int) -> None:
        """The next file, with its size in bytes."""
        self._files += 1
        self._bytes += size
        self._name = escape(printable(name[-60:]))
        self._show()

    def events(self, count: int) -> None:
        """That many more events went through."""
        self._events += count
        self._show()

    def _show(self) -> None:
        amount = f"{self._files:,} files  {self._bytes / 1e6:,.0f} MB  {self._events:,} events"
        self._bars.update(self._task, amount=amount, name=self._name)


@contextmanager
def progress() -> Iterator[ReadingProgress]:
    """A progress line that is gone afterwards."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[name]}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield ReadingProgress(bars)
