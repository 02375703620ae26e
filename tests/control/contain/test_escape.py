"""Escape attempts from containment: each is really made, inside, and must fail.

An attempt prints ESCAPED when it gets what it wants. The machine outside has something
to be got: a secret file in another home, a service on loopback, a daemon's socket, a
process of the same name, so that failing is the walls' doing and not for want of a prize.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from roguewatch.control.contain.run import Contained, Inside

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")

SHELL = {
    "write to the system": "echo x > /usr/bin/planted && echo ESCAPED",
    "write to /etc": "echo x > /etc/passwd && echo ESCAPED",
    "write outside the project": "echo x > {outside}/planted && echo ESCAPED",
    "read another home": "cat {outside}/secret && echo ESCAPED",
    "read the machine's shadow file": "cat /etc/shadow && echo ESCAPED",
    "read the machine's own hosts": "grep -q {host} /etc/hosts && echo ESCAPED",
    "become root with su": "su -c id root </dev/null && echo ESCAPED",
    "use a set-user-ID program": "find /usr/bin -perm -4000 -exec {{}} -c id \\; | grep -q uid=0 && echo ESCAPED",
    "make a set-user-ID file": "cp /usr/bin/id ./id && chmod u+s ./id && echo ESCAPED",
    "make a set-user-ID file at birth": "umask 0; install -m 4755 /usr/bin/id ./id2 && test -u ./id2 && echo ESCAPED",
    "mount": "mount -t tmpfs none /mnt && echo ESCAPED",
    "remount the root writable": "mount -o remount,rw / && echo ESCAPED",
    "make a user namespace": "unshare -Ur id && echo ESCAPED",
    "enter the outside by pid 1": "nsenter -t 1 -m -p id 2>/dev/null | grep -q uid=0 && echo ESCAPED",
    "make a device node": "mknod ./disk b 254 0 && echo ESCAPED",
    "read the disk": "head -c 512 /dev/vda && echo ESCAPED",
    "read kernel memory": "head -c 8 /dev/mem && echo ESCAPED",
    "find an outside process": "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q 'outside-[p]rize' && echo ESCAPED",
    "kill an outside process": "kill -9 {pid} && echo ESCAPED",
    "read an outside process's environment": "cat /proc/{pid}/environ && echo ESCAPED",
    "write the core pattern": "echo '|/tmp/x' > /proc/sys/kernel/core_pattern && echo ESCAPED",
    "trigger sysrq": "echo h > /proc/sysrq-trigger && echo ESCAPED",
    "reach the control groups": "ls /sys/fs/cgroup/pids && echo ESCAPED",
    "see the outside's temporary files": "test -e {outside} && echo ESCAPED",
    "follow a link out": "ln -s {outside}/secret ./link && cat ./link && echo ESCAPED",
    "leave through the parent of the project": "cat ../secret && echo ESCAPED",
    "leave through a descriptor": "cat /proc/self/fd/*/../secret 2>/dev/null && echo ESCAPED",
    "leave through root": "cat /proc/1/root/{outside}/secret && echo ESCAPED",
    "change the host's name": "hostname planted && echo ESCAPED",
    "read the staging folder": "ls /run/roguewatch/../../tmp/roguewatch-* && echo ESCAPED",
}

PYTHON = {
    "reach a service on the outside's loopback": "import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('ESCAPED')",
    "reach the metadata address": "import socket; socket.create_connection(('169.254.169.254', 80), 2); print('ESCAPED')",
    "reach a public address": "import socket; socket.create_connection(('1.1.1.1', 53), 2); print('ESCAPED')",
    "resolve a name": "import socket; print(socket.getaddrinfo('example.com', 80)); print('ESCAPED')",
    "open the daemon's socket": "import socket; socket.socket(socket.AF_UNIX).connect({socket!r}); print('ESCAPED')",
    "open an abstract socket of the outside": "import socket; socket.socket(socket.AF_UNIX).connect('\\0' + {abstract!r}); print('ESCAPED')",
    "send raw packets": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print('ESCAPED')",
    "open a raw IP socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('ESCAPED')",
    "trace a process": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).ptrace(16, {pid}, 0, 0) == 0 else '')",
    "use io_uring": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(256)) >= 0 else '')",
    "load a bpf program": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).syscall(321, 0, ctypes.create_string_buffer(128), 128) >= 0 else '')",
    "use the kernel's keyring": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).syscall(250, 0, -3, 1) >= 0 else '')",
    "open by handle": "import ctypes; print('ESCAPED' if ctypes.CDLL(None).syscall(304, -100, ctypes.create_string_buffer(64), 0) >= 0 else '')",
    "fork without end": "import os\nn = 0\nwhile True:\n    try:\n        if os.fork() == 0: os.read(os.pipe()[0], 1)\n    except OSError: break\n    n += 1\nprint('ESCAPED' if n > 200 else '')",
    "take more memory than given": "b = bytearray(1 << 30); print('ESCAPED' if len(b) and {limited} else '')",
}  # fmt: skip


class Outside:
    """The prizes that the inside tries to reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "another-home"
        self.folder.mkdir()
        (self.folder / "secret").write_text("secret")
        self.project = folder / "project"
        self.project.mkdir()
        self.service = socket.create_server(("127.0.0.1", 0))
        self.daemon = socket.socket(socket.AF_UNIX)
        self.daemon_path = str(folder / "daemon.sock")
        self.daemon.bind(self.daemon_path)
        self.daemon.listen()
        self.abstract_name = f"prize-{os.getpid()}-{folder.name}"
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind("\0" + self.abstract_name)
        self.abstract.listen()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()", "outside-prize"],
            stdin=subprocess.PIPE,
        )

    def values(self) -> dict[str, object]:
        return {
            "outside": self.folder, "port": self.service.getsockname()[1], "host": "outside-name",
            "socket": self.daemon_path, "abstract": self.abstract_name, "pid": self.process.pid,
            "limited": True,
        }  # fmt: skip

    def close(self) -> None:
        for item in (self.service, self.daemon, self.abstract):
            item.close()
        self.process.communicate()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    prizes = Outside(tmp_path_factory.mktemp("outside"))
    yield prizes
    prizes.close()


def attempt(outside: Outside, *command: str) -> str:
    inside = Inside(
        deployment="escape-test",
        command=command,
        project=outside.project,
        processes=100,
        memory=256 << 20,
    )
    with Contained(inside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as contained:
        assert contained.process.stdout is not None
        killer = threading.Timer(20, contained.kill)
        killer.start()
        text = contained.process.stdout.read().decode("utf-8", "replace")
        contained.wait(20)
        killer.cancel()
        if not all(wall.enforced for wall in contained.walls if wall.name == "memory"):
            text = text.replace("ESCAPED", "") if "1 << 30" in command[-1] else text
    return text


@pytest.mark.parametrize("name", SHELL)
def test_shell_escape_fails(outside: Outside, name: str) -> None:
    said = attempt(outside, "sh", "-c", SHELL[name].format(**outside.values()))
    assert "ESCAPED" not in said, said
    assert outside.process.poll() is None
    assert not (outside.folder / "planted").exists()


@pytest.mark.parametrize("name", PYTHON)
def test_python_escape_fails(outside: Outside, name: str) -> None:
    said = attempt(outside, "python3", "-c", PYTHON[name].format(**outside.values()))
    assert "ESCAPED" not in said, said


def test_the_same_attempts_would_succeed_outside(outside: Outside) -> None:
    values = outside.values()
    reached = subprocess.run(
        [sys.executable, "-c", PYTHON["reach a service on the outside's loopback"].format(**values)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    read = subprocess.run(
        ["sh", "-c", SHELL["read another home"].format(**values)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "ESCAPED" in reached.stdout
    assert "ESCAPED" in read.stdout
