"""Sessions of a model relay, and which of a request's growing history is new.

Every request repeats the whole conversation. An item's event id is made of the session and
of what the item says, and of its occurrence among equal ones, so the same item repeated in
a later request is the same event; an item that was altered is another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

import msgspec

from roguewatch.events import event_id
from roguewatch.gateway.models.items import Item, Question

MAX_SESSIONS = 4096
MAX_RESPONSES = 65536


class Session:
    """What is known of one session."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        """Ids of the items that are recorded."""
        self.asked: dict[str, tuple[str, str]] = {}
        """Calls that the model asked for: tool and arguments by call id."""
        self.begun_here = False
        """Its first request carried no answer of a model: nothing came before."""
        self.fresh = True
        self.lost = 0
        """How often items were taken for recorded that could not be."""

    def unlearn(self, ids: Iterable[str]) -> None:
        """Items of these ids could not be recorded: they are new when they come again."""
        self.seen.difference_update(ids)
        self.lost += 1


class Sessions:
    """The sessions of one relay, the latest `MAX_SESSIONS`."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()
        self._responses: OrderedDict[tuple[str, str], str] = OrderedDict()

    def name(
        self, deployment: str, question: Question, header: str, begun: str = ""
    ) -> tuple[str, str]:
        """The session of a request, and what tells it.

        What the client names itself comes first, so that other observers of the same
        client give the same name; without any name, conversations are told apart by how
        they begin (`begun`, where that was found before).
        """
        if header:
            return header[:200], "header"
        if question.session:
            return question.session[:200], "request"
        known = self._responses.get((deployment, question.previous))
        if question.previous and known:
            return known, "previous response"
        if question.previous:
            return f"after:{question.previous[:180]}", "previous response"
        return begun or begins(deployment, question.items), "beginning"

    def open(self, deployment: str, name: str) -> Session:
        """The session of that name."""
        key = (deployment, name)
        session = self._sessions.setdefault(key, Session())
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def answered(self, deployment: str, response: str, name: str) -> None:
        """Note which session a response belongs to."""
        if response:
            self._responses[deployment, response] = name
            if len(self._responses) > MAX_RESPONSES:
                self._responses.popitem(last=False)


def begins(deployment: str, items: Iterable[Item]) -> str:
    """The name of a session by how its conversation begins: up to what a user says first."""
    digest = sha256(deployment.encode())
    for item in items:
        if item.kind in ("system_message", "user_message"):
            digest.update(item.kind.encode() + b"\0" + _utf8(item.text) + b"\0")
        if item.kind == "user_message":
            break
    return f"model:{digest.hexdigest()[:32]}"


def item_ids(
    deployment: str, session: str, items: Iterable[Item], times: dict[str, int]
) -> list[str]:
    """The event ids of a history's items, in order.

    Args:
        deployment: whose session it is.
        session: its name.
        items: those that come next in the history.
        times: how often each item stands before them; these are counted as well.
    """
    ids = []
    for item in items:
        id = item_id(deployment, session, item)
        occurrence = times.get(id, 0)
        times[id] = occurrence + 1
        ids.append(event_id(id, occurrence) if occurrence else id)
    return ids


def item_id(deployment: str, session: str, item: Item) -> str:
    """The id of an item's first occurrence: the same whether it came in an answer or was
    repeated by the client later (which strips white space at the ends)."""
    told = item.text.strip()
    if item.kind == "reasoning" and not told:
        told = sha256(item.raw).hexdigest()
    kind, text, tool, call = item.kind.encode(), _utf8(told), _utf8(item.tool), _utf8(item.call_id)
    arguments = _utf8(_canonical(item.arguments))
    # `event_id` of ("model-relay", deployment, session, kind, text, tool, call_id, arguments),
    # whose first three are the same for a whole history.
    whole = b"%b%d:%b%d:%b%d:%b%d:%b%d:%b" % (
        _stem(deployment, session), len(kind), kind, len(text), text, len(tool), tool,
        len(call), call, len(arguments), arguments,
    )  # fmt: skip
    return sha256(whole).hexdigest()[:32]


@lru_cache(maxsize=1024)
def _stem(deployment: str, session: str) -> bytes:
    parts = (b"model-relay", _utf8(deployment), _utf8(session))
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def new_ones(ids: Sequence[str], known: Collection[str]) -> list[int]:
    """Positions of the ids that are not known."""
    return [position for position, id in enumerate(ids) if id not in known]


def _canonical(text: str) -> str:
    if not text:
        return text
    try:
        return msgspec.json.encode(msgspec.json.decode(text), order="sorted").decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
