"""First process of the agent's inside: brings the way out, starts the command, reaps.

Runs inside the sandbox as
`python -I -S init.py LIFELINE READY SILENCE [PORT=SOCKET …] -- COMMAND…`
and imports only the standard library. READY is the descriptor of a pipe on which it says
that it lives; it starts nothing before it is answered on LIFELINE. Each PORT on the sandbox's own loopback is forwarded to
a Unix socket that the outside put in place; there is no other network. LIFELINE is the
descriptor of a pipe that the supervisor holds open: when it closes, however the supervisor
died, this process ends, and with it the namespace, whose first process it is. It ends as
well when nothing is heard on it for SILENCE seconds (0: for ever): a supervisor that hangs
renews no lease.
"""

import os
import select
import signal
import socket
import sys
import threading

PIECE = 1 << 16


def pump(source: socket.socket, target: socket.socket) -> None:
    """Copy one direction until it ends, then pass the end on."""
    try:
        while piece := source.recv(PIECE):
            target.sendall(piece)
    except OSError:
        source.close()
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


def forward(listener: socket.socket, path: str) -> None:
    """Accept connections for ever and join each to the Unix socket at `path`."""
    while True:
        inner, _ = listener.accept()
        outer = socket.socket(socket.AF_UNIX)
        try:
            outer.connect(path)
        except OSError:
            inner.close()
            outer.close()
            continue
        for pair in ((inner, outer), (outer, inner)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def serve(forwards: list[str]) -> None:
    """Listen on every port, then serve them all; called in a process of its own."""
    for entry in forwards:
        port, path = entry.split("=", 1)
        listener = socket.create_server(("127.0.0.1", int(port)), backlog=64)
        threading.Thread(target=forward, args=(listener, path)).start()


def end_with(lifeline: int, silence: float) -> None:
    """Wait for the supervisor's end or silence, then take the namespace along."""
    while select.select([lifeline], [], [], silence or None)[0] and os.read(lifeline, 4096):
        continue
    os._exit(137)


def main(arguments: list[str]) -> int:
    """Start forwarder and command; return the command's status as a shell would give it."""
    lifeline, ready_to_say, silence = int(arguments[0]), int(arguments[1]), float(arguments[2])
    split = arguments.index("--")
    forwards, command = arguments[3:split], arguments[split + 1 :]
    os.set_inheritable(lifeline, False)
    try:
        os.write(ready_to_say, b"1")
    except BrokenPipeError:
        return 137
    os.close(ready_to_say)
    if not os.read(lifeline, 1):
        return 137
    if forwards:
        ready, release = os.pipe()
        if os.fork() == 0:
            os.close(ready)
            serve(forwards)
            os.write(release, b"1")
            os.close(release)
            signal.pause()
        os.close(release)
        if os.read(ready, 1) != b"1":
            print("roguewatch: the way out could not be opened", file=sys.stderr)
            return 125
        os.close(ready)
    child = os.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)  # noqa: S606
        except OSError as error:
            print(f"roguewatch: {command[0]!r}: {error.strerror}", file=sys.stderr)
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
    threading.Thread(target=end_with, args=(lifeline, silence), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda received, frame: os.kill(child, received))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(sys.argv[1:]))
