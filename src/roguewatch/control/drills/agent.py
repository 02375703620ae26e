"""A scripted agent: what a coding agent's client does around one command, and no model.

Run as `python -I -S agent.py PLAN`, where PLAN is a JSON file with `shown` (the command as
its tool call names it), `run` (what its shell executes), `name` (an argument of that shell,
by which the drill counts it), `session`, `hook` (address of the
gate's hook, empty for a client without hooks), `key`, `transcript` (file below the home, empty
for a client that keeps none) and `final` (what it tells its user). It asks the gate before
and tells it after the call, obeys, writes its session as Claude Code writes it, and then
stays, as clients do. Imports only the standard library; ends by itself after a minute.
"""

import contextlib
import datetime
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 60.0
COMMAND_SECONDS = 3.0


def ask(plan: dict[str, str], name: str, call: str, more: dict[str, object]) -> bool:
    """Whether the gate lets the call pass; a gate that gives no answer does not."""
    if not plan["hook"]:
        return True
    body = {
        "hook_event_name": name, "session_id": plan["session"], "cwd": str(Path.cwd()),
        "permission_mode": "acceptEdits", "tool_name": "Bash", "tool_use_id": call,
        "tool_input": {"command": plan["shown"]}, **more,
    }  # fmt: skip
    headers = {"authorization": f"Bearer {plan['key']}", "content-type": "application/json"}
    request = urllib.request.Request(plan["hook"], json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return b'"deny"' not in response.read(1 << 16)
    except (OSError, urllib.error.URLError):
        return False


def line(plan: dict[str, str], kind: str, content: object, number: int) -> str:
    """One line of a session file."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    message: dict[str, object] = {"role": kind, "content": content}
    if kind == "assistant":
        message |= {"id": f"msg_{plan['session']}_{number}", "type": "message",
                    "model": "scripted", "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    return json.dumps({
        "parentUuid": None, "isSidechain": False, "userType": "external", "cwd": str(Path.cwd()),
        "sessionId": plan["session"], "version": "2.1.0", "type": kind, "message": message,
        "uuid": f"{plan['session']}-{number}", "timestamp": now,
    }) + "\n"  # fmt: skip


def main(file: str) -> None:
    """Do what the plan says, and stay."""
    plan = json.loads(Path(file).read_text())
    call = f"toolu_{plan['session']}"
    written = []
    written.append(line(plan, "user", "Tidy the notes in this folder.", 0))
    use = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": plan["shown"]}}
    written.append(line(plan, "assistant", [use], 1))
    passed = ask(plan, "PreToolUse", call, {})
    if passed:
        shell = subprocess.Popen(
            ["sh", "-c", plan["run"], plan["name"]], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):  # a client's own time limit
            shell.wait(COMMAND_SECONDS)
        ask(plan, "PostToolUse", call, {"tool_response": {"stdout": "", "stderr": ""}})
    result = {"type": "tool_result", "tool_use_id": call, "content": "", "is_error": not passed}
    written.append(line(plan, "user", [result], 2))
    written.append(line(plan, "assistant", [{"type": "text", "text": plan["final"]}], 3))
    if plan["transcript"]:
        transcript = Path.home() / plan["transcript"]
        transcript.parent.mkdir(parents=True, exist_ok=True)
        transcript.write_text("".join(written))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and Path(file).exists():
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1])
