"""One relay's lines in the daemon: read, decided and answered by a thread of their own.

A call that is relayed waits for the answer, and every change of thread on the way would add
a tenth of a millisecond: so the thread that reads a line takes the deciding thread's place,
commits the record, and answers. The event loop hears of it afterwards. It keeps watch: a
line that takes longer than a decision may is taken from its thread, and answered with the
fail mode.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from roguewatch.control.gate import Gate
from roguewatch.control.recorder import After
from roguewatch.control.ruling import Question, Ruling
from roguewatch.gateway.bodies import RefusedError, held
from roguewatch.gateway.mcp.desk import Decide, Observe, Steps, Verdict
from roguewatch.gateway.mcp.wire import ANSWER, CLIENT, FRAME, HANDED, MAX_LINE, SERVER
from roguewatch.state.register import Deployment

LINE_SECONDS = 10
"""A line that has begun must have come whole."""
AFTER_MILLISECONDS = 1
"""How long the event loop is not told of an answer: whoever has it goes first."""
MOST_DUE = 64
LARGE = 256 << 10
"""A line above this counts among the bodies that are being read."""
REFUSED = b'{"forward":false}'


class Frames:
    """Frames that come on a socket, and answers that go back.

    Args:
        end: a connected Unix socket; from now on this one's.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        end.setblocking(True)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            end.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", LINE_SECONDS, 0))

    def passed(self) -> Frames:
        """Those of the socket that comes along with the first byte.

        Raises:
            RefusedError: none does.
        """
        said, descriptors, _, _ = socket.recv_fds(self._end, 1, 1)
        if said != b"+" or len(descriptors) != 1:
            raise RefusedError(400, "a link without its second socket")
        end = socket.socket(fileno=descriptors[0])
        if (end.family, end.type) != (socket.AF_UNIX, socket.SOCK_STREAM):
            end.close()
            raise RefusedError(400, "a link whose second socket is none of its kind")
        return Frames(end)

    def next(self, *, idle: bool = False, flags: int = 0) -> tuple[int, int, str, bytes] | None:
        """The next frame's kind, count, revision and line; None at the end.

        Args:
            idle: it may take any time to begin.
            flags: as of recv(2).

        Raises:
            RefusedError: it is none, or too large.
            OSError: it does not come whole.
        """
        if not self._has(FRAME.size, idle, flags):
            return None
        kind, said, length, handed = FRAME.unpack_from(self._buffer)
        if kind > HANDED or said > 64 or length > MAX_LINE:
            raise RefusedError(400, "not a frame")
        size = FRAME.size + said + length
        with held() if length > LARGE else contextlib.nullcontext(lambda _: None) as hold:
            hold(length)
            if not self._has(size, False, flags):
                return None
            revision = self._buffer[FRAME.size : FRAME.size + said].decode("ascii", "replace")
            line = bytes(self._buffer[FRAME.size + said : size])
            del self._buffer[:size]
        return kind, handed, revision, line

    def _has(self, size: int, idle: bool, flags: int) -> bool:
        while len(self._buffer) < size:
            try:
                piece = self._end.recv(min(max(size - len(self._buffer), 1 << 16), 1 << 20), flags)
            except BlockingIOError:
                if self._buffer or not idle:
                    raise
                continue
            if not piece:
                return False
            self._buffer += piece
        return True

    def there(self, milliseconds: int) -> bool:
        """Whether something more is there, or comes in time."""
        return bool(self._buffer or self._poll.poll(milliseconds))

    def answer(self, said: bytes) -> None:
        """Send an answer. Where that fails nobody hears it, nor any that would follow: what
        was brought is to be recorded all the same."""
        try:
            self._end.sendall(ANSWER.pack(len(said)) + said)
        except OSError:
            self.end(socket.SHUT_WR)

    def end(self, how: int = socket.SHUT_RDWR) -> None:
        """Nothing more is read or written, or only one of it; wakes who waits for a frame."""
        with contextlib.suppress(OSError):
            self._end.shutdown(how)


class Asked:
    """A step that a line's thread has under way, until it or the loop takes it on from there.

    What it was decided to after `due` (by the monotonic clock) counts no more, even where the
    loop has not looked yet.
    """

    __slots__ = ("_open", "answer", "deployment", "due", "step", "steps")

    def __init__(
        self,
        deployment: Deployment,
        steps: Steps,
        step: Question | Observe,
        answer: Callable[[bytes], None],
        seconds: float,
    ) -> None:
        self.deployment = deployment
        self.steps = steps
        self.step = step
        self.answer = answer
        self.due = time.monotonic() + seconds
        self._open = threading.Lock()

    def gone(self) -> bool:
        """Whether somebody took it, or should have."""
        return self._open.locked() or time.monotonic() > self.due

    def taken(self) -> bool:
        """Whether somebody took it."""
        return self._open.locked()

    def take(self) -> bool:
        """Be the one who goes on with it."""
        return self._open.acquire(blocking=False)


class Line:
    """One link of a relay.

    Args:
        gate: decides.
        end: the socket on which the relay asks.
        begin: the deployment that a line is of now, and the steps that it takes, of whether
            it is the client's, its revision and its bytes; raises `RefusedError` where the
            link's token opens nothing any more.
        say: has the event loop do something.
        refused: is told, on the event loop, why something was refused.
        failed: is told there of a line that could not be recorded.
        took: is told there how long an answer took, in seconds.
        ended: is told there that the link has ended.
    """

    def __init__(
        self,
        gate: Gate,
        end: socket.socket,
        begin: Callable[[bool, str, bytes], tuple[Deployment, Steps]],
        say: Callable[[After], object],
        refused: Callable[[str], object],
        failed: Callable[[str], object],
        took: Callable[[float], object],
        ended: After,
    ) -> None:
        self._gate = gate
        self._asking = Frames(end)
        self._handing: Frames | None = None
        self._count = 0
        """Of the server's lines that were read."""
        self._begin = begin
        self._say = say
        self._refused = refused
        self._failed = failed
        self._took = took
        self._ended = ended
        self._due: list[After] = []
        """What the event loop is still to do."""
        self.asked: Asked | None = None
        self.thread = threading.Thread(target=self._run, name="mcp-line", daemon=True)

    def end(self) -> None:
        """Read nothing more; what is under way is still answered."""
        self._asking.end(socket.SHUT_RD)

    def _run(self) -> None:
        try:
            self._handing = self._asking.passed()
            with contextlib.suppress(OSError):  # the relay is gone, or does not go on
                self._read()
            while self._take(socket.MSG_DONTWAIT):
                continue  # what a relay that was killed had handed over
        except RefusedError as refusal:
            self._due.append(partial(self._refused, str(refusal)))
        except OSError:
            pass  # nothing more is there
        finally:
            self._asking.end()
            if self._handing is not None:
                self._handing.end()
            self._due.append(self._ended)
            self._after()

    def _read(self) -> None:
        """Take frame after frame, until the relay or the gate ends."""
        while True:
            if self._due and not self._asking.there(AFTER_MILLISECONDS):
                self._after()
            if (frame := self._asking.next(idle=True)) is None:
                return
            kind, handed, revision, line = frame
            while self._count < handed:
                self._take()
            if kind == CLIENT:
                self._answer(self._asking, True, revision, line)

    def _take(self, flags: int = 0) -> bool:
        """Take on the next of the server's lines, which is there, or on its way."""
        assert self._handing is not None
        frame = self._handing.next(flags=flags)
        if frame is None or frame[0] != SERVER:
            if flags:
                return False
            raise RefusedError(400, "not what was said to be handed over")
        self._count += 1
        self._answer(self._handing, False, frame[2], frame[3])
        return True

    def _answer(self, frames: Frames, client: bool, revision: str, line: bytes) -> None:
        began = time.perf_counter()
        after: list[After] = []
        try:
            deployment, steps = self._begin(client, revision, line)
            verdict = self._done(deployment, steps, frames.answer, after)
            said = msgspec.json.encode(verdict) if verdict is not None else b""
        except RefusedError as refusal:
            after.append(partial(self._refused, str(refusal)))
            said = REFUSED
        except Exception as error:  # unrecorded: the relay must not pass it
            after.append(partial(self._failed, type(error).__name__))
            said = REFUSED
        if said:
            frames.answer(said)
        self._due += [*after, partial(self._took, time.perf_counter() - began)]
        if len(self._due) > MOST_DUE:
            self._after()

    def _done(
        self,
        deployment: Deployment,
        steps: Steps,
        answer: Callable[[bytes], None],
        after: list[After],
    ) -> Verdict | None:
        """Take the steps of a line; None where the loop has taken them over."""
        gate = self._gate
        ruling: Ruling | None = None
        try:
            while True:
                step = steps.send(ruling)
                seconds = gate.straight.seconds
                if isinstance(step, Decide):
                    question = gate.question(deployment, step.event, step.along)
                    self.asked = asked = Asked(deployment, steps, question, answer, seconds)
                else:
                    self.asked = asked = Asked(deployment, steps, step, answer, seconds)
                try:
                    if isinstance(step, Decide):
                        ruling, then = gate.straight.decide(question, asked)
                    else:
                        ruling, then = None, gate.straight.observe(deployment, step.events, asked)
                except Exception:
                    if not asked.take():
                        return None
                    raise
                if not asked.take():
                    return None
                after += then
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        finally:
            self.asked = None

    def _after(self) -> None:
        """Have the event loop do what comes after answers."""
        due, self._due = self._due, []

        def do() -> None:
            for one in due:
                one()

        # A loop that has ended needs to hear of nothing.
        with contextlib.suppress(RuntimeError):
            self._say(do)


async def take_over(gate: Gate, asked: Asked, rest: Callable[..., Any]) -> None:
    """Go on with what a thread takes too long for.

    Args:
        gate: decides.
        asked: taken from the thread.
        rest: takes the steps that are left, given the deployment, the steps and the ruling.
    """
    try:
        ruling = None
        if isinstance(asked.step, Question):
            ruling = await gate.straight.late(asked.step)
        else:
            await gate.straight.unlooked(asked.deployment, asked.step.events)
        said = msgspec.json.encode(await rest(asked.deployment, asked.steps, ruling))
    except Exception:  # unrecorded: the relay must not pass it
        said = REFUSED
    asked.answer(said)
