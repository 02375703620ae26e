"""Stand-ins for `systemctl`, `docker`, `podman` and `kubectl`, put on the path by tests.

Each keeps to the documented behaviour of the real tool as far as stopping needs it, over real
processes, restarts included: systemd restarts a unit that was killed without being stopped,
and a Kubernetes controller brings deleted pods back while it wants replicas.

Run as one of these names; the state is a folder in `STANDIN`, one JSON file a thing.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(os.environ["STANDIN"])


def load(name: str) -> dict:
    file = STATE / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def save(name: str, value: dict) -> None:
    (STATE / f"{name}.json").write_text(json.dumps(value))


def start() -> int:
    return subprocess.Popen(
        ["sleep", "120"], start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ).pid  # fmt: skip


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def option(words: list, name: str) -> str:
    return next((w.partition("=")[2] for w in words if w.startswith(f"{name}=")), "")


def systemctl(words: list) -> int:
    name = words[-1]
    unit = load(name)
    verb = next(w for w in words if not w.startswith("-"))
    if unit and not unit["stopping"] and not lives(unit["pid"]) and unit["restart"]:
        unit["pid"] = start()  # Restart=always
    if verb == "show":
        runs = bool(unit) and lives(unit["pid"])
        print(f"ActiveState={'active' if runs else 'inactive'}\nControlGroup=")
    elif not unit:
        print(f"Unit {name} not loaded.", file=sys.stderr)
        return 5
    elif verb == "stop":
        unit["stopping"] = True  # --no-block: the job is queued; a deaf unit takes its time
    elif verb == "kill":
        assert option(words, "--signal") == "SIGKILL"
        assert option(words, "--kill-whom") == "all"
        end(unit["pid"])
    if unit:
        save(name, unit)
    return 0


def container(words: list) -> int:
    name = words[-1]
    box = load(name) or next(
        (
            one
            for file in STATE.glob("*.json")
            if (one := json.loads(file.read_text())).get("id") == name
        ),
        {},
    )
    if not box:
        print(f"Error response from daemon: No such container: {name}", file=sys.stderr)
        return 1
    if words[:2] == ["container", "inspect"]:
        form = words[words.index("--format") + 1]
        status = "running" if lives(box["pid"]) else "exited"
        print({"{{.Id}}": box["id"], "{{.State.Status}}": box.get("forced") or status}[form])
    elif words[0] == "update":
        box["restart"] = option(words, "--restart")
    elif words[0] == "kill":
        end(box["pid"])
        if box["restart"] != "no":
            box["pid"] = start()
    save(box["name"], box)
    return 0


def kubectl(words: list) -> int:
    assert "--force" not in words
    words = [w for w in words if not w.startswith(("--request-timeout", "--namespace"))]
    load_ = load("deployment-web")
    verb = words[0]
    what = next(w for w in words[1:] if not w.startswith("-"))
    # The controller's part: what is wanted and not there is started.
    pods = {name: pid for name, pid in load_["pods"].items() if lives(pid)}
    while len(pods) < load_["replicas"]:
        load_["count"] += 1
        pods[f"web-{load_['count']}"] = start()
    load_["pods"] = pods
    status = 0
    if verb == "get" and what == "deployment/web":
        print(json.dumps({"app": "web"}))
    elif verb == "get" and what == "pods":
        assert option(words, "--selector") == "app=web"
        for name in pods:
            print(f"{name} Running")
    elif verb == "scale" and what == "deployment/web":
        load_["replicas"] = int(option(words, "--replicas"))
    elif verb == "delete" and what == "pods":
        assert option(words, "--grace-period") == "1"
        for pid in pods.values():
            end(pid)
    else:
        print(f'Error from server (NotFound): "{what}" not found', file=sys.stderr)
        status = 1
    save("deployment-web", load_)
    return status


TOOLS = {"systemctl": systemctl, "docker": container, "podman": container, "kubectl": kubectl}

if __name__ == "__main__":
    raise SystemExit(TOOLS[Path(sys.argv[0]).name](sys.argv[1:]))
