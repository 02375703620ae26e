"""One row of a benchmark, and how rows are printed."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison."""

    name: str
    """What was measured."""
    ours: float
    peer: float | None = None
    peer_name: str = ""
    """The peer with its version, or what the limit is."""
    unit: str
    better: str = "higher"
    """Whether `higher` or `lower` values are better."""
    target: str = ""
    """What it must reach, in words with the number."""
    reached: bool | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the peer; above 1 is better."""
        if not self.peer or not self.ours:
            return None
        return self.ours / self.peer if self.better == "higher" else self.peer / self.ours


def figure(value: float) -> str:
    """Four significant digits, and never an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def report(benchmark: str, rows: list[Row], folder: Path = Path("out/bench")) -> None:
    """Print the rows as a table and write them as JSON."""
    table = Table(title=f"{benchmark} ({platform.machine()}, Python {platform.python_version()})")
    for column in ("what", "ours", "peer", "ratio", "target", "reached"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row.name,
            f"{figure(row.ours)} {row.unit}",
            f"{figure(row.peer)} {row.unit}  {row.peer_name}"
            if row.peer is not None
            else row.peer_name,
            f"{row.ratio:.2f}x" if row.ratio is not None else "",
            row.target,
            {True: "yes", False: "NO", None: ""}[row.reached],
        )
    Console(width=140).print(table)
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "benchmark": benchmark,
        "python": platform.python_version(),
        "rows": [{**msgspec.to_builtins(row), "ratio": row.ratio} for row in rows],
    }
    (folder / f"{benchmark}.json").write_text(json.dumps(document, indent=1) + "\n")
