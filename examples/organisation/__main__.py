"""`python -m examples.organisation FOLDER`: make the example organisation, and say what next.

The same end and seed give the same activity and records. The end is today unless given,
because facts lapse: an organisation of last year would have none that still holds.
"""

from __future__ import annotations

import argparse
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

from examples.organisation.making import make

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the example organisation.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--end", help="last day of the second period, as 2026-11-21")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    day = datetime.fromisoformat(given.end) if given.end else datetime.now(UTC)
    last = day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC) + timedelta(
        days=1 if given.end else 0
    )
    if given.folder.exists():
        parser.error(f"{given.folder} is there already: expected a folder to be made")
    print(shlex.join(["roguewatch", *map(str, make(given.folder, last, given.seed))]))
