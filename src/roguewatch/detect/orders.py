"""What ties a call to an order that stands in untrusted output."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from roguewatch.detect.deeds import sentence_deeds, shares_words, tool_deeds
from roguewatch.detect.passages import Order, Passage
from roguewatch.detect.tools import classify
from roguewatch.detect.values import Value, find
from roguewatch.events import Event
from roguewatch.printable import printable


class Ordered(msgspec.Struct, frozen=True):
    """An order in untrusted output, and the value that ties a call to it."""

    passage: Passage
    order: Order
    value: Value

    def basis(self) -> str:
        """In a printable sentence, why the call came from there."""
        said = self.order.sentence
        if find(self.value, said) < 0:
            said = f"{said} {self.order.following}"
        return printable(
            f"the output of {self.passage.tool or 'a tool'} told the agent: "
            f"“{said[:300]}” ({', '.join(self.passage.cues[:3])}); “{self.value.text[:120]}” came from there and "
            "not from the user",
            600,
        )


_HOST = re.compile(r"\b[a-z0-9-]{2,63}\.(?:[a-z0-9-]{1,63}\.){0,4}[a-z]{2,12}(?:[/:]|\b(?!\.))")


FILE_ENDINGS = (
    "py|pyi|js|mjs|cjs|jsx|ts|tsx|json|jsonl|md|mdx|txt|rst|yml|yaml|toml|lock|cfg|ini|conf|html|htm|css|"
    "scss|go|mod|sum|rs|cc|cpp|hpp|java|kt|rb|php|sh|bash|sql|csv|xml|log|ipynb|svg|png|jpg|jpeg|gif|"
    "pdf|zip|gz|tar|env|example|local|test|spec|snap|tmpl|swift|proto|gradle|vue|length|value|name"
)
"""Last parts of names with a dot that are no hosts; alternatives of an expression."""

_ENDING = frozenset(FILE_ENDINGS.split("|"))


@lru_cache(maxsize=4096)
def is_project(tool: str) -> bool:
    """Whether a tool's output is the project's own: its files, its commands, its agents."""
    return classify(tool, {}) in ("shell", "read", "search", "write", "edit", "agent")


def leads_out(value: Value) -> bool:
    """Whether a value names a place outside: an address, a URL, a host."""
    text = value.text
    if "@" in text or "://" in text:
        return True
    if value.weight < 1.0:
        return False
    hosts = (match.group() for match in _HOST.finditer(text))
    return any(
        host.endswith("/") or host.rstrip(":").rpartition(".")[2] not in _ENDING for host in hosts
    )


def holds(order: Order, value: Value) -> bool:
    if value.weight < 0.4:
        if value.text not in order.sentence:
            return False
        # A small number says nothing by itself: it has to be named as what it is.
        word = re.escape(value.key.lower().rpartition("_")[2] or value.key.lower())
        named = rf"(?:\b(?:id|no|number|nr|{word})\b[\W_]{{0,5}}|['\"#]){re.escape(value.text)}\b"
        return re.search(named, order.sentence) is not None
    if find(value, order.sentence) >= 0:
        return True
    return value.weight >= 0.7 and find(value, order.following) >= 0


@lru_cache(maxsize=4096)
def is_coding(tool: str) -> bool:
    """Whether a tool runs commands or changes files: its name says nothing of the act."""
    return classify(tool, {}) in ("shell", "write", "edit")


def speaks_of(order: Order, event: Event, fresh: list[Value]) -> bool:
    """Whether an order speaks of the kind of act that a call is."""
    if order.strength >= 3 and any(value.weight >= 1.0 and value.whole for value in fresh):
        return True  # an address, account or phrase that only the takeover names
    if is_coding(event.tool) and sum(value.weight for value in fresh) >= 0.7:
        return True
    deeds = tool_deeds(event.tool)
    if deeds == {"other"}:
        return shares_words(event.tool, order.sentence)
    if deeds:
        return not deeds.isdisjoint(sentence_deeds(order.sentence))
    return sum(value.weight for value in fresh) >= 0.7
