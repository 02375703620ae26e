"""A hook call, whoever's agent it comes from, and the answer to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from roguewatch.control.decision import Decision
from roguewatch.errors import InputError
from roguewatch.events import Author, Event, Kind, Origin, event_id
from roguewatch.gateway.arguments import arguments_of as arguments_of
from roguewatch.printable import printable

MAX_TEXT = 1 << 20
"""Characters of a tool's output that are kept from a hook; the transcript has the rest."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to the agent: a body for its stdout or HTTP response, an exit status
    for its process client, and one sentence for its stderr."""

    body: bytes = b"{}"
    exit_status: int = 0
    stderr: str = ""


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a hook, understood."""

    event: Event
    name: str
    """The agent's own name of the hook's event."""
    awaits: bool
    """A decision is awaited: this call comes before the action and can block it."""
    can_ask: bool = False
    """The agent can put `ask` to its own user."""
    more: tuple[Event, ...] = ()
    """What else the call tells of: tasks and schedules that go on after the turn."""


class Agent(msgspec.Struct, frozen=True):
    """One agent's hooks."""

    name: str
    understand: Callable[[bytes, str], Hook]
    """Given the body and the hook's name as the installed command says it (may be empty).
    Raises `InputError` where it cannot; the caller answers with `refuse`."""
    answer: Callable[[Hook, Decision], Answer]
    refuse: Callable[[str], Answer]
    """The block for a call that could not be understood or recorded."""


def decoded(raw: bytes) -> dict[str, Any]:
    """A hook's JSON object.

    Strict where two readers could each see another action: UTF-8 and nothing else, no NaN,
    no key twice in any object, no two names at the top that differ only in case. Lone
    surrogates, which agents do send, become U+FFFD, as they do in a shell's arguments.

    Raises:
        InputError: it is no such object.
    """
    try:
        text = raw.decode("utf-8")
        if "\\ud" in text or "\\uD" in text:
            strict = _decoder.decode(text)
            text = json.dumps(strict, ensure_ascii=False)
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the hook's body is not JSON: {printable(str(error), 200)}") from error
    if not isinstance(value, dict):
        raise InputError(f"the hook's body is a JSON {type(value).__name__}, expected an object")
    if len({key.casefold() for key in value}) != len(value):
        raise InputError("the hook's body has two names that differ only in case")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InputError("the hook's body has a key twice in one object")
    return value


def _refused(constant: str) -> Any:
    raise InputError(f"the hook's body has {constant}, which is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refused)


def name_of(said: str, named: str) -> str:
    """The hook's name from the body and from the installed command, which must agree.

    Raises:
        InputError: there is none, or they differ.
    """
    if said and named and said != named:
        raise InputError(
            f"the body is of {printable(said, 60)}, the hook is installed for {printable(named, 60)}"
        )
    if not (name := said or named):
        raise InputError("the body does not say which hook it is of")
    return name


def need_tool(name: str, tool: str) -> None:
    """A call that asks for a decision must say of which tool.

    Raises:
        InputError: it does not.
    """
    if not tool:
        raise InputError(f"{printable(name, 60)} without the name of a tool")


def text_of(payload: Mapping[str, Any], *keys: str) -> str:
    """The first of `keys` that is there, as text; other JSON is kept as JSON."""
    for key in keys:
        value = payload.get(key)
        if value is not None:
            return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return ""


def hook_event(
    raw: bytes,
    *,
    surface: str,
    name: str,
    kind: Kind,
    session: str,
    agent: str = "main",
    call_id: str = "",
    text: str = "",
    author: Author = "",
    detail: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """The event of a hook call, sighted now.

    Its id derives from the agent's own ids where the call has one; a hook without any
    (a permission request, a prompt) is one sighting per arrival.
    """
    now = time.time_ns()
    own = call_id or f"{now}"
    return Event(
        id=event_id(surface, "hook", session, name, own, sha256(raw).digest()),
        session=session or "unknown",
        seq=now // 1000,
        kind=kind,
        surface=surface,
        sighting="hook",
        time=now,
        agent=agent or "main",
        parent_agent="main" if agent not in ("", "main") else "",
        author=author,
        call_id=call_id.strip(),
        text=text[:MAX_TEXT],
        truncated=len(text) > MAX_TEXT,
        detail=msgspec.json.encode({"hook": name, **(detail or {})}).decode(),
        raw=raw,
        origin=Origin(file=f"hook:{surface}", offset=0),
        **fields,
    )


def owned(event: Event, deployment: str) -> Event:
    """The event with whose it is, for the record. What is decided needs none: the decision
    says it."""
    detail = {**event.parsed_detail(), "deployment": deployment}
    return msgspec.structs.replace(event, detail=msgspec.json.encode(detail).decode())


def body(value: Mapping[str, Any]) -> bytes:
    """JSON for the agent."""
    return msgspec.json.encode(value)
