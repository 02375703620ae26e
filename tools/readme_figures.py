"""Put the measured figures of `out/bench/*.json` into the README and docs/figures.md.

`make bench && python tools/readme_figures.py`. The README gets the rows that have a
target, without those of `DETAILED`; docs/figures.md gets every row of every benchmark.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.report import figure

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
HEAD = ["| what | ours | peer | ratio | target | reached |", "|---|---|---|---|---|---|"]

DETAILED = {"coverage", "cause"}
"""Benchmarks of many cases, each with a target; the README points to docs/figures.md."""

ALL = """# Figures

Every row of every benchmark, from `make bench` on a machine of two cores; written by
`tools/readme_figures.py`. Absolute times are noisy, ratios less so. A row whose target was
missed says so.
"""


def line(row: dict[str, Any]) -> str:
    """One row of a Markdown table."""
    peer = row["peer_name"]
    if row["peer"] is not None:
        peer = f"{figure(row['peer'])} {row['unit']} ({peer})"
    ratio = f"{row['ratio']:.2f}x" if row["ratio"] is not None else ""
    reached = {True: "yes", False: "**no**", None: ""}[row["reached"]]
    ours = f"{figure(row['ours'])} {row['unit']}"
    cells = [row["name"], ours, peer, ratio, row["target"], reached]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def main(readme: Path, figures: Path, folder: Path) -> int:
    """Rewrite both; 1 where there is nothing to write or no place for it."""
    text = readme.read_text(encoding="utf-8")
    files = sorted(folder.glob("*.json"))
    if not files or BEGIN not in text or END not in text:
        print(
            f"nothing in {folder}, or no {BEGIN} in {readme}: run make bench first", file=sys.stderr
        )
        return 1
    aimed: list[str] = []
    every = [ALL]
    for file in files:
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        if file.stem not in DETAILED:
            aimed += [line(row) for row in rows if row["reached"] is not None]
        every += [f"\n## {file.stem}\n", *HEAD, *(line(row) for row in rows)]
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join([*HEAD, *aimed])
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    figures.write_text("\n".join(every) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path("README.md"), Path("docs/figures.md"), Path("out/bench")))
