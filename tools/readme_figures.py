"""Put the measured figures of `out/bench/*.json` into the README, between its marks.

`make bench && python tools/readme_figures.py`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def table(folder: Path) -> str:
    """A Markdown table of every benchmark row."""
    lines = ["| what | ours | peer | ratio | target | reached |", "|---|---|---|---|---|---|"]
    for file in sorted(folder.glob("*.json")):
        for row in json.loads(file.read_text(encoding="utf-8"))["rows"]:
            peer = row["peer_name"]
            if row["peer"] is not None:
                peer = f"{row['peer']:,.4g} {row['unit']} ({peer})"
            ratio = f"{row['ratio']:.2f}x" if row["ratio"] is not None else ""
            reached = {True: "yes", False: "**no**", None: ""}[row["reached"]]
            ours = f"{row['ours']:,.4g} {row['unit']}"
            lines.append(
                f"| {row['name']} | {ours} | {peer} | {ratio} | {row['target']} | {reached} |"
            )
    return "\n".join(lines)


def main(readme: Path, folder: Path) -> int:
    """Rewrite the table; 1 where there is nothing to write or no place for it."""
    text = readme.read_text(encoding="utf-8")
    if not list(folder.glob("*.json")) or BEGIN not in text or END not in text:
        print(
            f"nothing in {folder}, or no {BEGIN} in {readme}: run make bench first", file=sys.stderr
        )
        return 1
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{table(folder)}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path("README.md"), Path("out/bench")))
