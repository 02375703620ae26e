"""Every fork and exit on this machine, as the kernel tells them (netlink proc connector).

With them lineage is exact: a child that forked twice, made a session of its own and cleared
its environment within a millisecond still has a known parent. Only root may listen, in the
machine's first pid namespace (Linux, drivers/connector/cn_proc.c).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct

import msgspec

_NETLINK_CONNECTOR, _CN_IDX_PROC, _CN_VAL_PROC = 11, 1, 1
_LISTEN, _FORK, _EXIT = 1, 0x00000001, 0x80000000
_SO_RCVBUFFORCE = 33
_BUFFER = 8 << 20
_HEAD = 16 + 20
"""Bytes of a netlink header and a connector message before the event."""
_EVENT = struct.Struct("=IIQIIII")
"""What, cpu, nanoseconds, and the first four numbers: pid and tgid of parent and child."""
_ANSWER_SECONDS = 1.0


class Birth(msgspec.Struct, frozen=True, order=True, gc=False):
    """One fork or exit of a process; threads are left out."""

    time: int
    """ns since boot: events of several processors come out of order."""
    pid: int
    parent: int
    """0 at an exit."""


class Births:
    """Listens until closed.

    Raises:
        OSError: this user may not, or this kernel does not tell.
    """

    def __init__(self) -> None:
        self.lost = False
        """The kernel had to drop some since the last `drain`."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_CONNECTOR)
        try:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
            self._socket.bind((0, _CN_IDX_PROC))
            self._socket.setblocking(False)
            operation = struct.pack("=I", _LISTEN)
            message = struct.pack("=IIIIHH", _CN_IDX_PROC, _CN_VAL_PROC, 0, 0, len(operation), 0)
            length = 16 + len(message) + len(operation)
            head = struct.pack("=IHHII", length, 3, 0, 0, os.getpid())
            self._socket.send(head + message + operation)
            # Outside the first namespaces the request is ignored in silence.
            if not select.select([self._socket], [], [], _ANSWER_SECONDS)[0]:
                raise OSError(errno.EPERM, "the kernel does not tell of forks here")
        except BaseException:
            self._socket.close()
            raise

    def drain(self) -> list[Birth]:
        """What happened since the last time, in order."""
        self.lost = False
        found: list[Birth] = []
        while True:
            try:
                data = self._socket.recv(1 << 12)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
                continue
            if len(data) < _HEAD + _EVENT.size:
                continue
            what, _, time, one, two, three, four = _EVENT.unpack_from(data, _HEAD)
            if what == _FORK and three == four:
                found.append(Birth(time, four, two))
            elif what == _EXIT and one == two:
                found.append(Birth(time, two, 0))
        found.sort()
        return found

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()
