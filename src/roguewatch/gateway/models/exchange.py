"""One request to a model and its response, as events."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from roguewatch.events import Event, Kind, Origin, event_id
from roguewatch.gateway.models.beginnings import Beginning, Told
from roguewatch.gateway.models.history import Session, begins, item_ids, new_ones
from roguewatch.gateway.models.items import Answer, Item, Question

MAX_TEXT = 4 << 20
MAX_RAW = 16 << 20
_REQUEST_IDS = (b"request-id", b"x-request-id")


class Exchange:
    """The events of one request and response.

    Args:
        deployment: who asks.
        provider: `openai` or `anthropic`.
        path: the endpoint below the provider's base.
        session: the session's name, and what told it.
        told: the request, understood; None where its endpoint is only passed on.
    """

    def __init__(
        self,
        deployment: str,
        provider: str,
        path: str,
        session: tuple[str, str],
        told: Told | None,
    ) -> None:
        self.deployment = deployment
        self.provider = provider
        self.path = path
        self.session, self._basis = session
        self.told = told
        self.question: Question | None = told.question if told else None
        self._asked_at = time.time_ns()
        self._count = 0
        self._times: dict[str, int] | None = None
        """How often each item stands in the request's history, once that was told."""
        self._new: set[str] = set()
        """Ids that are recorded of this exchange for the first time."""
        self._settled = told.settled() if told else (0, 0)
        self._settled_times: dict[str, int] = {}
        """How often each item stands in that much of the history."""
        self.id = os.urandom(16).hex()
        self._origin = Origin(file=f"model-relay:{provider}", offset=0)
        about = {"deployment": deployment, "exchange": self.id, "provider": provider, "path": path}
        self._about = msgspec.json.encode(about)[:-1]
        """How the detail of every event begins."""

    def request_event(self, method: str, body: bytes, query: str) -> Event:
        """The request itself. Its history is recorded by item, not repeated."""
        question = self.question
        detail: dict[str, Any] = {
            "method": method,
            "session_basis": self._basis,
            "bytes": len(body),
            "sha256": sha256(body).hexdigest(),
        }
        if query:
            detail["query"] = query[:1000]
        if question is not None:
            detail["stream"] = question.stream
            known = self.told.known if self.told else None
            detail["items"] = len(question.items) + (known.items if known else 0)
            detail["settings"] = question.settings
            if question.previous:
                detail["previous_response_id"] = question.previous
        return self._event(
            "other",
            event_id(self.id, "request"),
            detail,
            text=f"{method} {self.provider} {self.path}",
            model=question.model if question else "",
            raw=body if question is None and len(body) <= MAX_RAW else b"",
        )

    def history_events(self, session: Session) -> list[Event]:
        """The items of the request that were not seen before, and what contradicts what was."""
        assert self.told is not None
        told, known = self.told, self.told.known
        _, settled = self._settled
        items = told.question.items
        self._times = dict(known.times) if known else {}
        ids = self._ids(items[:settled])
        if settled:
            self._settled_times = dict(self._times)
        ids += self._ids(items[settled:])
        items = tuple(filter(_is_told, items))
        if session.fresh:
            session.fresh = False
            session.begun_here = not any(one.kind == "agent_message" for one in items)
        events = []
        for position in new_ones(ids, session.seen):
            item = items[position]
            ours = item.kind in ("agent_message", "reasoning", "tool_call")
            detail = {"from_history": True} if ours else {}
            events.append(self._item_event(ids[position], item, detail))
            events += self._contradictions(item, session)
        self._learn(session, ids)
        events += self._tools_event(session)
        return events

    def _ids(self, items: Sequence[Item]) -> list[str]:
        assert self._times is not None
        return item_ids(self.deployment, self.session, filter(_is_told, items), self._times)

    def _learn(self, session: Session, ids: Iterable[str]) -> None:
        self._new.update(id for id in ids if id not in session.seen)
        session.seen.update(ids)

    def unrecorded(self, session: Session) -> None:
        """Nothing of it could be recorded: what was new in it will be new again."""
        session.unlearn(self._new)

    def recorded(self, session: Session) -> Beginning | None:
        """The request is recorded: what to remember of its history; None where that is not
        more than what is known."""
        assert self.told is not None
        self._new.clear()
        told, known = self.told, self.told.known
        length, settled = self._settled
        items = told.question.items[:settled]
        if not settled or not (known or any(one.kind == "user_message" for one in items)):
            return None
        name = known.name if known else begins(self.deployment, items)
        return told.begun(length, settled, name, session, self._settled_times)

    def _contradictions(self, item: Item, session: Session) -> list[Event]:
        """Gaps where the client's account of the past is not what passed here."""
        code = ""
        if item.kind == "tool_call" and item.call_id in session.asked:
            code, said = "call_altered", "a call's account differs from what the model asked for"
        elif item.kind == "tool_result" and session.begun_here and item.call_id:
            code, said = "call_not_asked", "a result of a call that no model asked for here"
            code = "" if item.call_id in session.asked or item.detail.get("hosted") else code
        elif item.kind == "agent_message" and session.begun_here:
            code, said = "answer_not_seen", "an answer that no model gave here"
        if not code:
            return []
        id = event_id(self.id, code, item.call_id, self._count)
        detail = {"code": code, "behaviour": "E5"}
        return [self._event("gap", id, detail, text=said, tool=item.tool, call_id=item.call_id)]

    def _tools_event(self, session: Session) -> list[Event]:
        """The tools offered to the model, where they were not the same before."""
        assert self.question is not None
        if not self.question.tools:
            return []
        raw = msgspec.json.encode(self.question.tools)
        digest = sha256(raw).hexdigest()
        id = event_id("model-relay", self.deployment, self.session, "tools", digest)
        if id in session.seen:
            return []
        self._learn(session, (id,))
        detail = {"config": "model_tools", "digest": digest}
        return [self._event("config_change", id, detail, text="tools offered", raw=raw)]

    def response_events(
        self,
        session: Session | None,
        status: int,
        answer: Answer | None,
        raw: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        cut: str,
    ) -> list[Event]:
        """The response as far as it came: the whole of it first, then its items."""
        answer = answer or Answer()
        detail: dict[str, Any] = {"status": status, "stop": answer.stop, "bytes": len(raw)}
        if request_id := _request_id(headers):
            detail["provider_request_id"] = request_id[:200]
        if answer.unknown:
            detail["unknown"] = answer.unknown
        if cut:
            detail["cut"] = cut
        events = [
            self._event(
                "usage" if answer.usage is not None else "other",
                event_id(self.id, "response"),
                detail,
                text=answer.error,
                failed=True if status >= 400 or answer.error or cut else None,
                usage=answer.usage,
                model=answer.model or (self.question.model if self.question else ""),
                request_id=answer.id,
                raw=raw[:MAX_RAW],
                truncated=len(raw) > MAX_RAW,
            )
        ]
        ids = item_ids(self.deployment, self.session, answer.items, self._times or {})
        for id, item in zip(ids, answer.items, strict=True):
            events.append(self._item_event(id, item, {}, part=len(events), response=answer))
            if session is not None:
                self._learn(session, (id,))
                if item.kind == "tool_call" and item.call_id:
                    session.asked[item.call_id] = (item.tool, item.arguments)
        if cut:
            events.append(
                self._event(
                    "gap",
                    event_id(self.id, "cut"),
                    {"code": "response_cut", "by": cut},
                    text=f"the response was cut: {cut}",
                    request_id=answer.id,
                    part=len(events),
                )
            )
        return events

    def _item_event(
        self,
        id: str,
        item: Item,
        detail: dict[str, Any],
        part: int | None = None,
        response: Answer | None = None,
    ) -> Event:
        text = item.text.encode("utf-8", "replace").decode() if item.text else ""
        return self._event(
            item.kind,
            id,
            item.detail | detail if detail else item.detail,
            text=text[:MAX_TEXT],
            truncated=len(text) > MAX_TEXT,
            author=item.author,
            tool=item.tool,
            call_id=item.call_id,
            arguments=item.arguments,
            failed=item.failed,
            raw=item.raw if part is None else b"",
            part=part if part is not None else int(not item.raw),
            request_id=response.id if response else "",
            model=(response.model if response else "")
            or (self.question.model if self.question else ""),
        )

    def _event(self, kind: Kind, id: str, detail: dict[str, Any], **fields: Any) -> Event:
        now = time.time_ns()
        self._count += 1
        more = b"," + msgspec.json.encode(detail)[1:] if detail else b"}"
        return Event(
            id=id,
            session=self.session,
            seq=self._asked_at // 1000 + self._count,
            kind=kind,
            surface=self.provider,
            sighting="model-relay",
            time=now,
            detail=(self._about + more).decode(),
            origin=self._origin,
            **fields,
        )


def _is_told(item: Item) -> bool:
    return item.kind != "reasoning" or bool(item.text)


def _request_id(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The provider's name for the request; empty where it gives none."""
    told = {key: value for key, value in reversed(headers) if key in _REQUEST_IDS}
    return next((told[key].decode("latin-1") for key in _REQUEST_IDS if told.get(key)), "")
