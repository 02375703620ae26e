"""The inert payload: leaves a heartbeat file, sleeps, and ends by itself after a minute.

Run as `python -I -S payload.py BEATS [URL KEY]`, where BEATS is a folder of the drill's own
scope. With a URL it beats only while that address, asked with the key, lets it: a gate's
hook, a lease, or a provider. Imports only the standard library.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 60.0
PAUSE = 0.05
ASKING_PAUSE = 0.2


def allowed(url: str, key: str, session: str) -> bool:
    """Whether the address answers, and does not refuse."""
    call = {
        "hook_event_name": "PreToolUse", "session_id": session, "tool_name": "Read",
        "tool_use_id": f"drill-{time.time_ns()}", "tool_input": {"file_path": "README.md"},
        "permission_mode": "default", "deployment": "drill",
    }  # fmt: skip
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(call).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            return b'"deny"' not in response.read(1 << 16)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def main(folder: str, url: str = "", key: str = "") -> None:
    """Beat until the minute is over or the drill's folder is gone."""
    beat = Path(folder, str(os.getpid()))
    # The drill's own: a gate holds a session to the deployment that it began with.
    session = f"drill-payload {Path(folder).parent.parent.name}"
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and beat.parent.is_dir():
        if not url or allowed(url, key, session):
            beat.write_text(str(time.time()))
        time.sleep(ASKING_PAUSE if url else PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:4])
