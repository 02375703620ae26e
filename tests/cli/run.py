"""Run the command as a user would, and write small transcripts for it to read."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "activity"


HOME = Path(tempfile.mkdtemp(prefix="roguewatch-home-"))
"""Where keys and witnesses of these tests go; gone when the process ends."""
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
HOME.chmod(0o777)
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": str(HOME), "LANG": "C.UTF-8"}


def roguewatch(
    *arguments: str | Path, check: bool = True, env: Mapping[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; with `check`, status 0 or 1 is expected."""
    given = {**ENVIRONMENT, **(env or {})}
    code = "from roguewatch.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, errors="replace", timeout=120, env=given, check=False, **more,
    )  # fmt: skip
    if check:
        assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def session(name: str, *contents: Any, cwd: str = "/home/ada/app", start: int = 0) -> str:
    """A Claude Code session: strings are user messages, tuples (role, content) are as given."""
    lines = []
    for n, content in enumerate(contents):
        role, said = content if isinstance(content, tuple) else ("user", content)
        message: dict[str, Any] = {"role": role, "content": said}
        if role == "assistant":
            message |= {"id": f"msg_{name}_{n}", "type": "message", "model": "claude-test-1"}
            if isinstance(said, str):
                message["content"] = [{"type": "text", "text": said}]
        lines.append({
            "parentUuid": None if not n else f"{name}-{n - 1}", "uuid": f"{name}-{n}",
            "isSidechain": False, "userType": "external", "cwd": cwd, "sessionId": name,
            "version": "2.1.297", "type": role, "message": message,
            "timestamp": f"2026-11-16T08:{(start + n) // 60 % 60:02}:{(start + n) % 60:02}.000Z",
        })  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines)


def ran(name: str, command: str, output: str = "") -> tuple[tuple[str, Any], tuple[str, Any]]:
    """A Bash call and its result, as contents for `session`."""
    call = {
        "type": "tool_use",
        "id": f"toolu_{name}",
        "name": "Bash",
        "input": {"command": command},
    }
    result = {"type": "tool_result", "tool_use_id": f"toolu_{name}", "content": output}
    return ("assistant", [call]), ("user", [result])
