"""How much of a request's history was read before.

Every request repeats its conversation, and to read all of it again would take longer than
all else that is done with it. So of a long history it is remembered how it began: the digest
of its list's bytes up to some element, and what stood in them. A list that begins with the
same bytes holds the same there, and only its rest is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from roguewatch.errors import InputError
from roguewatch.gateway.models.history import Session
from roguewatch.gateway.models.items import Question, Reading, list_text
from roguewatch.gateway.strict import strict_json

SMALL = 4 << 10
"""Bytes of a list that is read from its beginning each time: it takes no longer."""

LOOSE = 3
"""Elements at the end of a list that are read again: clients change what they sent last, as
those of Anthropic that move their `cache_control` to the newest message."""

MAX_KEPT = 256
MAX_ITEMS = 200_000
"""Beginnings that are kept, and different items in all of them."""

TAIL = 48
"""The last bytes of a beginning, which are compared before a digest is made."""

MOST_TRIED = 4
"""Digests that are made for one request, and places in it that are looked at."""

Place = tuple[str, str, str]
"""Deployment, provider, endpoint."""

_SPACE = b" \t\r\n"


class Beginning(msgspec.Struct, frozen=True, eq=False):
    """How a history began."""

    length: int
    """Bytes of its list's text, from the bracket to the end of an element."""
    tail: bytes
    digest: bytes
    """SHA-256 of all of them."""
    beside: bytes
    """`_beside` of the request."""
    items: int
    """Items in it, with those beside the list."""
    name: str
    """The session's name by how the conversation begins (`history.begins`)."""
    session: Session
    lost: int
    """`session.lost` at that time."""
    times: Mapping[str, int]
    """How often each item stands in it."""

    def seen(self, session: Session) -> bool:
        """Whether all of its items are recorded in a session."""
        return session is self.session and session.lost == self.lost


class Told(msgspec.Struct, frozen=True):
    """A request's history."""

    question: Question
    """With only the items that were not read before."""
    text: bytes = b""
    """The text of its list; empty where that is small, or there is none."""
    known: Beginning | None = None
    """What was read before."""
    hashed: Any = None
    """The hash that has taken in as much of the text."""

    def settled(self) -> tuple[int, int]:
        """What of it will probably be told again as it is: bytes of the list's text, and items
        of the question. (0, 0) where that is not more than what is known."""
        parts = self.question.parts[:-LOOSE]
        if not self.text or not parts:
            return 0, 0
        end = len(self.text) - 1  # past the bracket
        for size, _ in reversed(self.question.parts[-LOOSE:]):
            end = self._before(end) - size
        return self._before(end), self.question.beside + sum(items for _, items in parts)

    def _before(self, end: int) -> int:
        """The end of the element that ends last before `end`."""
        while self.text[end - 1] in b", \t\r\n":
            end -= 1
        return end

    def begun(
        self, length: int, items: int, name: str, session: Session, times: Mapping[str, int]
    ) -> Beginning:
        """What to remember of it, once its items are recorded.

        Args:
            length, items: from `settled`.
            name: by how the conversation begins.
            session: in which they are.
            times: how often each item stands in that much of it.
        """
        text, known = self.text, self.known
        digest = self.hashed.copy() if known else sha256()
        digest.update(memoryview(text)[known.length if known else 0 : length])
        return Beginning(
            length=length,
            tail=text[max(0, length - TAIL) : length],
            digest=digest.digest(),
            beside=known.beside if known else _beside(self.question),
            items=items + (known.items if known else 0),
            name=name,
            session=session,
            lost=session.lost,
            times=times,
        )


class Beginnings:
    """Those that are remembered, the latest. Used within one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Beginning, Place] = OrderedDict()
        self._items = 0

    def of(self, place: Place) -> Sequence[Beginning]:
        """Those of requests to one place, the latest last."""
        return tuple(one for one, where in self._kept.items() if where == place)

    def keep(self, place: Place, new: Beginning, old: Beginning | None) -> None:
        """Remember one, and no longer the one that it goes on from."""
        if old is not None and old in self._kept:
            del self._kept[old]
            self._items -= len(old.times)
        self._kept[new] = place
        self._items += len(new.times)
        while len(self._kept) > MAX_KEPT or self._items > MAX_ITEMS:
            oldest, _ = self._kept.popitem(last=False)
            self._items -= len(oldest.times)


def read(reading: Reading, plain: bytes, beginnings: Sequence[Beginning]) -> Told:
    """A request's body, understood as far as it was not read before.

    Args:
        reading: of its endpoint.
        plain: the body, without content coding.
        beginnings: what may have been.

    Raises:
        AmbiguousError, InputError: it is no JSON object that every parser reads alike.
    """
    text = list_text(plain, reading.history) if len(plain) > SMALL else b""
    alike = (known for known in reversed(beginnings) if _ends_alike(text, known))
    for known in islice(alike, MOST_TRIED):
        hashed = sha256(memoryview(text)[: known.length])
        if hashed.digest() == known.digest:
            question = _rest(reading, plain, text, known)
            if question is not None and _beside(question) == known.beside:
                fresh = question.items[question.beside :]
                question = msgspec.structs.replace(question, items=fresh, beside=0)
                return Told(question, text, known, hashed)
            break
    value = strict_json(plain, surrogates=True)
    if not isinstance(value, dict):
        raise InputError("expected a JSON object")
    return Told(reading.question(value, plain), text if len(text) > SMALL else b"")


def _ends_alike(text: bytes, known: Beginning) -> bool:
    """Whether the list has an element's end where the beginning ends, after the same bytes."""
    length = known.length
    return (
        len(text) > length
        and text[max(0, length - TAIL) : length] == known.tail
        and text[length : length + TAIL].lstrip(_SPACE)[:1] in (b",", b"]")
    )


def _rest(reading: Reading, plain: bytes, text: bytes, known: Beginning) -> Question | None:
    """The request with its list shortened by what is known of it. One number stands for that
    in what is read, and must come out where the list begins: then nothing else was replaced,
    and the request is unambiguous, since what was replaced has been found so before."""
    at = _place(plain, text)
    if at is None:
        return None
    rest = text[known.length :]
    value = strict_json(plain[:at] + b"[0" + rest + plain[at + len(text) :], surrogates=True)
    told: Any = value.get(reading.history) if isinstance(value, dict) else None
    if not isinstance(told, list) or not told or type(told[0]) is not int:
        return None
    del told[0]
    more = rest.lstrip(_SPACE).removeprefix(b",")
    question = reading.question(value, b'{"%b":[%b}' % (reading.history.encode(), more))
    return question if len(question.parts) == len(told) else None


def _place(plain: bytes, text: bytes) -> int | None:
    """Where the list's text stands in the body."""
    at = -1
    for _ in range(MOST_TRIED):
        at = plain.find(text[:TAIL], at + 1)
        if at < 0:
            break
        if plain.startswith(text, at):
            return at
    return None


def _beside(question: Question) -> bytes:
    """What stands beside the list, as far as items are made of it."""
    return b"".join(
        sha256(f"{item.kind}\0{item.text}".encode("utf-8", "surrogatepass")).digest()
        for item in question.items[: question.beside]
    )
