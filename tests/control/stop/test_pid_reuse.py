"""A pid that has come round belongs to somebody else, whatever is known of its first owner.

In a pid namespace with 400 numbers, processes are begun until a dead member's number is a
stranger's. `pid_max` is the namespace's own since Linux 6.14; before, it was the machine's and
is left alone.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VERSION = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs to make a pid namespace"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is missing"),
    pytest.mark.skipif(VERSION < (6, 14), reason="pid_max is not the namespace's own"),
]

COMMON = """
import json, os, subprocess, sys, threading, time
from pathlib import Path
from roguewatch.control.stop.adapters.process import adapter, target_of
from roguewatch.control.stop.process import alive, read_process, send
Path("/proc/sys/kernel/pid_max").write_text("400")

def sleeper():
    return subprocess.Popen(["sleep", "60"])

def advance(wanted):
    # The next number is given out, and given back, until the wanted one has been.
    for _ in range(3000):
        short = subprocess.Popen(["true"])
        short.wait()
        if wanted(short.pid):
            return
    raise SystemExit("the number did not come round")

# Numbers below 300 are given out once and never again (RESERVED_PIDS in the kernel's pid.c).
advance(lambda pid: pid > 310)
"""


def inside(script: str) -> dict[str, object]:
    """Run a script as the first process of a new pid namespace; the last line is JSON."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c",
         COMMON + script],
        capture_output=True, text=True, timeout=55, check=False, cwd=ROOT,
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_stranger_with_a_dead_member_s_number_is_neither_found_nor_signalled() -> None:
    told = inside("""
member = sleeper()
known, target = read_process(member.pid), target_of(member.pid)
member.kill(); member.wait()
advance(lambda pid: pid == member.pid - 1)
stranger = sleeper()
before = read_process(stranger.pid)
sent = send(known, 9)
halted = adapter.stop(target)
probes = [probe.survivors for probe in adapter.probe(target)]
time.sleep(0.1)
print(json.dumps({"same_number": before.pid == known.pid, "same_process":
    before.identity == known.identity, "sent": sent, "found": halted.found,
    "survivors": halted.survivors, "probes": probes, "alive": stranger.poll() is None}))
""")
    assert told == {
        "same_number": True, "same_process": False, "sent": False, "found": 0, "survivors": [],
        "probes": [[], []], "alive": True,
    }  # fmt: skip


def test_a_stranger_s_children_are_not_a_dead_parent_s() -> None:
    """A member's number as parent or session of somebody else makes nobody a member."""
    told = inside("""
member = subprocess.Popen(["sleep", "60"], start_new_session=True)
target = target_of(member.pid)
member.kill(); member.wait()
advance(lambda pid: pid == member.pid - 1)
stranger = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & wait"], start_new_session=True)
time.sleep(0.2)
halted = adapter.stop(target)
session = [p for p in Path("/proc").iterdir() if p.name.isdigit()
           and (q := read_process(int(p.name))) and q.session == stranger.pid and not q.dead]
print(json.dumps({"same": stranger.pid == member.pid, "found": halted.found,
                  "left": len(session), "alive": stranger.poll() is None}))
""")
    assert told == {"same": True, "found": 0, "left": 3, "alive": True}


def test_while_numbers_race_round_no_neighbour_is_hit() -> None:
    """Numbers are handed on as fast as they can be, while every dead process that was ever
    seen is signalled by its identity."""
    told = inside("""
neighbours = [sleeper() for _ in range(20)]
stop, seen, reuse = time.monotonic() + 6, {}, 0
churned = 0
def churn():
    global churned
    while time.monotonic() < stop:
        short = subprocess.Popen(["true"])
        process = read_process(short.pid)
        short.wait()
        churned += 1
        if process is not None:
            seen.setdefault(process.pid, process)
threads = [threading.Thread(target=churn) for _ in range(2)]
[thread.start() for thread in threads]
calls = wrong = 0
while time.monotonic() < stop:
    for process in list(seen.values()):
        now = read_process(process.pid)
        if now is not None and now.identity == process.identity:
            continue  # it still runs, or waits to be reaped
        calls += 1
        wrong += send(process, 9)
    new = sleeper()
    if new.pid in seen:
        reuse += 1  # a neighbour now lives under a dead one's number
    neighbours.append(new)
    if len(neighbours) > 60:
        old = neighbours.pop(20)
        assert old.poll() is None, "a neighbour was hit"
        old.kill(); old.wait()
[thread.join() for thread in threads]
hit = sum(one.poll() is not None for one in neighbours)
print(json.dumps({"hit": hit, "wrong": wrong, "enough": calls > 1000 and reuse > 10 and
                  churned > 400, "calls": calls, "reuse": reuse, "churned": churned}))
""")
    assert (told["hit"], told["wrong"]) == (0, 0)
    assert told["enough"], told
