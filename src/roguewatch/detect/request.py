"""What people asked for in a session, understood only when somebody wants to know."""

from __future__ import annotations

import re
from collections.abc import Iterable

from roguewatch.detect.deeds import Deed, asked_deeds, delegates

MAX_READ = 1 << 14
"""Characters of one message that are looked at for what it asks."""
MAX_KEPT = 1 << 16
"""Characters of the request that are kept, the latest."""

_WORD = re.compile(r"[a-z][\w.-]{1,40}")


class Request:
    """The wishes of the people of one session."""

    def __init__(self) -> None:
        self._unread: list[tuple[str, bool]] = []
        self._text = ""
        self._words: frozenset[str] = frozenset()
        self._deeds: frozenset[Deed] = frozenset()
        self._delegated = False

    def hear(self, plain: str, message: bool = True) -> None:
        """Take in a person's normalised text.

        Args:
            plain: the text, on one line.
            message: whether it was said by itself, and not as an answer to the agent.
        """
        self._unread.append((plain, message))

    def _read(self) -> None:
        if not self._unread:
            return
        for plain, message in self._unread:
            head = plain[:MAX_READ]
            self._deeds |= asked_deeds(head)
            if message:
                self._text = f"{self._text} {plain}"[-MAX_KEPT:]
                self._words |= frozenset(_WORD.findall(head))
                self._delegated = self._delegated or delegates(plain[:MAX_KEPT])
        self._unread.clear()

    @property
    def text(self) -> str:
        """What people asked, normalised, the latest part."""
        self._read()
        return self._text

    @property
    def words(self) -> frozenset[str]:
        """The words they used."""
        self._read()
        return self._words

    @property
    def delegated(self) -> bool:
        """Whether they told the agent to do what some text says."""
        self._read()
        return self._delegated

    def asks_for(self, deeds: Iterable[Deed]) -> bool:
        """Whether their words speak of any of these deeds."""
        self._read()
        return not self._deeds.isdisjoint(deeds)

    def asks_only_to_read(self) -> bool:
        """Whether they asked for nothing that changes anything."""
        self._read()
        return bool(self._text) and not (self._deeds - {"visit"})
