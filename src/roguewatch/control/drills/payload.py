"""The inert payload: leaves a heartbeat file, sleeps, and ends by itself after a minute.

Run as `python -I payload.py BEATS`, where BEATS is a folder of the drill's own scope.
"""

import os
import sys
import time
from pathlib import Path

SECONDS = 60.0


def main(folder: str) -> None:
    """Beat until the minute is over or the drill's folder is gone."""
    beat = Path(folder, str(os.getpid()))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and beat.parent.is_dir():
        beat.write_text(str(time.time()))
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1])
