"""How often one and the same call was made in a session, and how often it failed."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from roguewatch.events import Event

MAX_CALLS = 4096


class Attempts:
    """Counts calls by tool and arguments: what is repeated to no effect is a malfunction."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[bytes, list[int]] = OrderedDict()
        """By digest of a call, how often it was made and how often it failed."""
        self._calls: OrderedDict[str, bytes] = OrderedDict()

    def called(self, event: Event) -> bool:
        """Take in a call; whether it is new."""
        if event.call_id and event.call_id in self._calls:
            return False
        digest = blake2b(
            f"{event.tool}\0{event.arguments}".encode("utf-8", "surrogatepass"), digest_size=12
        ).digest()
        if event.call_id:
            self._calls[event.call_id] = digest
            if len(self._calls) > MAX_CALLS:
                self._calls.popitem(last=False)
        attempt = self._attempts.setdefault(digest, [0, 0])
        attempt[0] += 1
        self._attempts.move_to_end(digest)
        if len(self._attempts) > MAX_CALLS:
            self._attempts.popitem(last=False)
        return True

    def failed(self, call_id: str) -> None:
        """Take in that a call came to nothing."""
        digest = self._calls.get(call_id)
        if digest is not None and digest in self._attempts:
            self._attempts[digest][1] += 1

    def repeats(self, call_id: str) -> str:
        """In words, how a call repeats itself; empty where it does not."""
        digest = self._calls.get(call_id)
        calls, failures = self._attempts.get(digest, (0, 0)) if digest else (0, 0)
        if calls >= 3 and failures >= 2:
            return f"the same call was made {calls} times and failed {failures} times"
        if calls >= 8:
            return f"the same call was made {calls} times"
        return ""
