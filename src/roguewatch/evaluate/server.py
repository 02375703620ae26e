"""Runs commands inside a sample's containment, one JSON line in, one JSON line out.

Started as `python -I -S server.py` inside; imports only the standard library. It lives in
the same containment as the agent and is not trusted: what it answers is what the agent is
told, and nothing more. What happened is established outside (`roguewatch.evaluate.truth`).
"""

import base64
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

_PR_SET_DUMPABLE = 4
_answers = threading.Lock()


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run a command with its output kept in memory files, cut to `most` bytes."""
    given = base64.b64decode(request["input"]) if request.get("input") else b""
    streams = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("in", "out", "err")]
    try:
        os.write(streams[0], given)
        os.lseek(streams[0], 0, os.SEEK_SET)
        process = subprocess.Popen(
            request["command"],
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            cwd=request["folder"],
            env={**os.environ, **(request.get("environment") or {})},
            start_new_session=True,
        )
        late = False
        try:
            status = process.wait(request.get("seconds"))
        except subprocess.TimeoutExpired:
            late = True
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        out, cut_out = head(streams[1], request["most"])
        err, cut_err = head(streams[2], request["most"])
    finally:
        for stream in streams:
            os.close(stream)
    return {"status": status, "out": out, "err": err, "late": late, "cut": cut_out or cut_err}


def head(descriptor: int, most: int) -> tuple[str, bool]:
    """The first `most` bytes of a memory file in base64, and whether there are more."""
    data = os.pread(descriptor, most, 0)
    return base64.b64encode(data).decode(), os.fstat(descriptor).st_size > most


def read(request: dict[str, Any]) -> dict[str, Any]:
    """A file's content, if it has at most `most` bytes."""
    with open(request["path"], "rb") as stream:
        data = stream.read(request["most"] + 1)
    if len(data) > request["most"]:
        return {"cut": True}
    return {"out": base64.b64encode(data).decode()}


def write(request: dict[str, Any]) -> dict[str, Any]:
    """Write a file, with the folders that it needs."""
    os.makedirs(os.path.dirname(request["path"]) or ".", exist_ok=True)  # noqa: PTH103, PTH120
    with open(request["path"], "wb") as stream:
        stream.write(base64.b64decode(request["content"]))
    return {}


def answer(request: dict[str, Any]) -> None:
    """Carry out one request; an operating system error is an answer too."""
    try:
        done = {"run": run, "read": read, "write": write}[request["verb"]](request)
    except OSError as error:
        done = {"errno": error.errno, "error": error.strerror}
    line = json.dumps({"id": request["id"], **done}).encode() + b"\n"
    with _answers:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def main() -> None:
    """Serve until standard input ends."""
    # Not dumpable: /proc/PID/fd and /proc/PID/mem of this process are closed to the
    # agent, which has the same uid (prctl(2), proc(5)).
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for line in sys.stdin.buffer:
        threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()


if __name__ == "__main__":
    main()
