"""What one observer of a session repeats of another's account of it.

An agent's own session file and what it printed tell the same actions, mostly under the same
call ids. Codex numbers its printed items anew: a command is the same by its text then, a
change of files by their paths. What only one of the two tells is no repetition, nor is a
call under the same id with other arguments: it is looked at, since a session file lies
where the agent can write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec

from roguewatch.events import Event

_QUOTES = re.compile(r"[\"'\\]")
_LAUNCH = re.compile(r"\A(?:(?:\S*/)?(?:bash|sh|zsh|dash)\s+-l?c\s+)+")
"""How a shell is started for a command, which one account may leave out."""
_COMMANDS = ("command", "cmd")
PRINTED = "stream"
"""The sighting of what an agent printed."""


class Repeats:
    """What the fullest account of a session tells.

    Args:
        events: of the whole session.
        teller: whose account is the fullest.
    """

    def __init__(self, events: Iterable[Event], teller: str) -> None:
        self._told = {
            key for event in events if event.sighting == teller for key in _keys(event)
        }  # fmt: skip

    def tells(self, event: Event) -> bool:
        """Whether an event of what was printed is told there too."""
        if event.sighting != PRINTED:
            return False
        told = any(key in self._told for key in _keys(event))
        if told and event.kind == "tool_call":
            self._told.add(_digest("tool_result", event.call_id))
        return told


def _keys(event: Event) -> Iterator[bytes]:
    """By what an event is known again."""
    kind = event.kind
    if kind == "tool_call":
        yield from _keys_of_call(event)
    elif kind == "tool_result":
        if event.call_id:
            yield _digest(kind, event.call_id)
    elif kind == "file_change":
        yield _digest(kind, *_paths(event.parsed_detail()))
    elif kind == "permission_mode":
        yield _digest(kind, event.permission_mode)
    else:
        yield _digest(kind, event.text)


def _keys_of_call(event: Event) -> Iterator[bytes]:
    arguments = event.parsed_arguments()
    if event.call_id:
        said = msgspec.json.encode(arguments, order="sorted").decode()
        yield _digest(event.kind, event.call_id, said if arguments else event.arguments)
    if command := _command(arguments):
        yield _digest(event.kind, command)
    if paths := _paths(arguments):
        yield _digest("file_change", *paths)


def _command(arguments: dict[str, object]) -> str:
    """A command's text without quotes, and without the shell that is started for it."""
    said = next((arguments[key] for key in _COMMANDS if key in arguments), None)
    text = " ".join(map(str, said)) if isinstance(said, list) else said
    if not isinstance(text, str):
        return ""
    return " ".join(_LAUNCH.sub("", _QUOTES.sub("", text).strip()).split())


def _paths(said: dict[str, object]) -> list[str]:
    changes = said.get("changes")
    found = [each.get("path") for each in changes if isinstance(each, dict)] if isinstance(
        changes, list
    ) else []  # fmt: skip
    return sorted(path for path in found if isinstance(path, str))


def _digest(*parts: str) -> bytes:
    return blake2b(msgspec.json.encode(parts), digest_size=16).digest()
