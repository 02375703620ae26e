"""Sightings: what coverage keeps of an event. Small, whatever the event weighs."""

from __future__ import annotations

import re
import zlib
from array import array
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from roguewatch.events import Event

SOURCES = ("hook", "mcp-relay", "model-relay", "transcript", "otel")
"""The sources that can cover a deployment, in the order in which they are compared."""

MAX_KEYS = 64
MAX_TEXT = 16 << 10
MAX_WORDS = 256
HOOK_FAILURES = (
    "hook_non_blocking_error",
    "hook_error_during_execution",
    "hook_cancelled",
)
"""Attachments with which Claude Code's own transcript says that a hook did not decide."""

_WORD = re.compile(r"\w{3,}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}\Z")

Role = Literal["call", "result", "hook-failure"]


class Seen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One source's sighting of a call, of its result, or of a hook that failed for it."""

    event: str
    """Id of the event."""
    source: str
    role: Role
    session: str
    seq: int
    deployment: str = ""
    """Where the event itself says whose it is."""
    surface: str = ""
    time: int | None = None
    tool: str = ""
    call_id: str = ""
    """The agent's own id of the call; empty where this source has only an id of its own."""
    request_id: str = ""
    prompt_id: str = ""
    arguments: tuple[tuple[str, bytes], ...] = ()
    """Digest of each normalised argument, by key; calls only."""
    digest: bytes = b""
    """Of tool and all arguments."""
    failed: bool | None = None
    words: bytes = b""
    """32-bit digests of the distinct words of a result, sorted, `MAX_WORDS` at most."""
    cut: bool = False
    """Arguments or text were cut, by the source or here: no difference follows from them."""


class Planted(msgspec.Struct, frozen=True):
    """A canary that the gate said it would plant, before it did."""

    call_id: str
    deployment: str
    sources: tuple[str, ...]
    time: int


def planted_of(event: Event) -> Planted | None:
    """The canary that an event of the gate's own announces."""
    if event.sighting != "host" or event.surface != "roguewatch" or event.text != "canary":
        return None
    detail = event.parsed_detail()
    sources = detail.get("sources")
    if not isinstance(sources, list):
        return None
    return Planted(
        str(detail.get("canary")), str(detail.get("deployment")), tuple(map(str, sources)),
        event.time or 0,
    )  # fmt: skip


def source_of(event: Event) -> str:
    """Which source an event is of: what an agent printed is its transcript too."""
    return "transcript" if event.sighting == "stream" else event.sighting


def seen_of(event: Event) -> Seen | None:
    """The sighting that an event is; None where it is none of an action."""
    if source_of(event) not in SOURCES:
        return None
    if event.kind == "tool_call":
        return _call(event)
    if event.kind == "tool_result":
        return _result(event)
    told = event.sighting == "transcript" and event.failed and '"by":"hook"' in event.detail
    if told and event.parsed_detail().get("type") in HOOK_FAILURES:
        return _seen(event, "hook-failure", {})
    return None


def _call(event: Event) -> Seen | None:
    detail = event.parsed_detail() if event.sighting in ("mcp-relay", "model-relay") else {}
    if detail.get("hosted") or detail.get("from_history"):
        return None  # run by the provider; or asked for in an earlier exchange, seen there
    arguments = event.parsed_arguments()
    keys = tuple(
        (key[:200], digest_of(value)) for key, value in sorted(arguments.items())[:MAX_KEYS]
    )
    return _seen(
        event, "call", detail, arguments=keys,
        digest=digest_of([event.tool, arguments]),
        cut=event.truncated or len(arguments) > MAX_KEYS,
    )  # fmt: skip


def _result(event: Event) -> Seen:
    detail = event.parsed_detail() if event.sighting in ("mcp-relay", "model-relay") else {}
    words = sorted({zlib.crc32(word.encode()) for word in _WORD.findall(event.text[:MAX_TEXT])})
    return _seen(
        event, "result", detail, failed=event.failed,
        words=array("I", words[:MAX_WORDS]).tobytes(),
        cut=event.truncated or len(event.text) > MAX_TEXT or len(words) > MAX_WORDS,
    )  # fmt: skip


def _seen(event: Event, role: Role, detail: dict[str, Any], **fields: Any) -> Seen:
    call_id = event.call_id
    if event.sighting == "mcp-relay":
        call_id = str(detail.get("claimed_call_id") or "")
    elif event.sighting == "otel" and _SPAN_ID.match(call_id):
        call_id = ""  # the span's id, in place of a call's
    return Seen(
        event=event.id, source=source_of(event), role=role, session=event.session, seq=event.seq,
        deployment=str(detail.get("deployment") or ""), surface=event.surface, time=event.time,
        tool=event.tool, call_id=call_id, request_id=event.request_id,
        prompt_id=event.prompt_id, **fields,
    )  # fmt: skip


def digest_of(value: Any) -> bytes:
    """Digest of a JSON value; equal for values that two observers may write apart: keys in
    another order, 1 and 1.0, line ends."""
    text = msgspec.json.encode(_normal(value, 0), order="sorted")
    return blake2b(text, digest_size=12).digest()


def _normal(value: Any, depth: int) -> Any:
    if depth > 64:
        return "…"
    if isinstance(value, str):
        return value.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {
            str(_normal(str(key), depth)): _normal(each, depth + 1) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_normal(each, depth + 1) for each in value]
    return value
