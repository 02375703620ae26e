"""What people asked for in a session, understood only when somebody wants to know."""

from __future__ import annotations

import re
from collections.abc import Iterable

from roguewatch.detect.deeds import Deed, asked_deeds, delegates, delegates_payment
from roguewatch.detect.tongues import (
    asks_to_be_told,
    delegates_abroad,
    foreign_deeds,
    is_english,
)

MAX_READ = 1 << 14
"""Characters of one message that are looked at for what it asks."""
MAX_KEPT = 1 << 16
"""Characters of the request that are kept, the latest."""

_WORD = re.compile(r"[a-z][\w.-]{1,40}")
_READING = re.compile(
    r"\?|\b(?:summari[sz]e|summary|what|who|whose|when|where|why|how|which|is there|are there|any|list|"
    r"show|read|tell (?:me|us)|give (?:me|us)|let me know|find|look|check|explain|describe|compare|"
    r"translate|count|search|analy[sz]e|extract|get|fetch|display|rank|name|identify|see|browse|"
    r"report|inspect|view|calculate|estimate|status|overview|quote|recap|outline|research|investigate|study|review|explore|"
    r"audit|diagnose|transcribe|classify)\b"
)
_ACTING = re.compile(
    r"\b(?:send|write|pay|transfer|book|reserve|create|delete|remove|cancel|invite|reply|respond|forward|"
    r"update|change|schedule|reschedule|buy|install|run|add|share|post|publish|submit|upload|set|make|"
    r"fix|rename|move|merge|close|approve|deploy|reset|grant|register|subscribe|message|email|notify|"
    r"keep|save|record|draft|prepare|put|enter|archive|mark|export|convert|order|turn|switch|start|stop|"
    r"restart|enable|disable|block|assign|label|pin|sign|apply|accept|decline|confirm|arrange|"
    r"organi[sz]e|plan|refund|settle|answer)\b"
)
_NOUN_AFTER = re.compile(
    r"(?:\b(?:the|a|an|my|our|your|his|her|their|this|that|last|next|first|latest|new|each|every|any|no|"
    r"which|whose|what|to|of|in|on|by|for|from|with|and|or|did|does|do|\w+ed|unread|recent)|['’]s) $"
)
_QUESTION = re.compile(
    r"^\W*(?:what|who|whose|when|where|why|how|which|is|are|was|were|do|does|did|has|have|had|can i|"
    r"am i|should i|any)\b"
)
_ASSENT = re.compile(
    r"^\W*(?:yes|yep|yeah|ok(?:ay)?|sure|go ahead|do (?:it|that|so)|please do|approved?|proceed|"
    r"confirmed|sounds good|fine|agreed|continue|ja|oui|sí|si|sim|да|好的?|是的?|はい)\b"
)


_PLACE = re.compile(
    r"(?:https?://)?(?:www\.)?((?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,12}/[\w./-]{1,120}|[\w.+-]{1,64}@[\w.-]{3,120}\w|"
    r"[\w/-]{1,120}\.[a-z]{2,5}\b)"
)


def _acts(text: str) -> bool:
    """Whether a verb of acting stands in a request that is no question: "to each, write …"."""
    for sentence in re.split(r"(?<=[.!?])\s|\n", text):
        if _QUESTION.match(sentence):
            continue
        for match in _ACTING.finditer(sentence):
            before = sentence[max(0, match.start() - 24) : match.start()]
            if not _NOUN_AFTER.search(before) or before.endswith((" and ", " to ")):
                return True
    return False


class Request:
    """The wishes of the people of one session."""

    def __init__(self) -> None:
        self._unread: list[tuple[str, bool]] = []
        self._text = ""
        self._words: frozenset[str] = frozenset()
        self._deeds: frozenset[Deed] = frozenset()
        self._delegated = False
        self._paying = True
        self._places: tuple[str, ...] | None = None
        self._reading = True
        self._agreed = False

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
                self._hear(plain)
        self._unread.clear()

    def _hear(self, plain: str) -> None:
        self._agreed |= self._text.strip() != plain and _ASSENT.match(plain) is not None
        if delegates(plain[:MAX_KEPT]):
            self._delegated = True
            self._paying &= delegates_payment(plain[:MAX_KEPT])
            self._left_to(tuple(_PLACE.findall(plain[:MAX_READ])))
        head = plain[:MAX_READ]
        if is_english(head):
            self._reading &= _READING.search(head) is not None and not _acts(head)
        else:
            self._deeds |= foreign_deeds(head)
            if delegates_abroad(head):
                self._delegated, self._paying = True, False
                self._left_to(())
            self._reading &= asks_to_be_told(head)

    def _left_to(self, places: tuple[str, ...]) -> None:
        """Note to which places one message leaves something; who names none means any text."""
        known = places if self._places is None else self._places
        self._places = (*known, *places)[:16] if known and places else ()

    @property
    def places(self) -> tuple[str, ...]:
        """The addresses, files and senders of the texts that people left something to."""
        self._read()
        return self._places or ()

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

    def leaves(self, deeds: frozenset[Deed]) -> bool:
        """Whether an act of this kind is among what they left to some text: a bill is only paid."""
        return self.delegated and (not self._paying or "pay" in deeds)

    @property
    def agreed(self) -> bool:
        """Whether they said yes to something, which is what the agent proposed."""
        self._read()
        return self._agreed

    def asks_for(self, deeds: Iterable[Deed]) -> bool:
        """Whether their words speak of any of these deeds."""
        self._read()
        return not self._deeds.isdisjoint(deeds)

    def only_reads(self) -> bool:
        """Whether every message is understood, and all they ask for is to be told something."""
        return self.asks_only_to_read() and self._reading and not self._agreed

    def asks_only_to_read(self) -> bool:
        """Whether they asked for nothing that changes anything."""
        self._read()
        return bool(self._text) and not (self._deeds - {"visit"})
