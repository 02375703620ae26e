"""GitHub Copilot CLI sessions, `~/.copilot/session-state/<session>/events.jsonl`.

One JSON object a line, `{type, data, id, timestamp, parentId}`; types are dotted names.
Unlike others it records permission requests with their outcome and the hooks that ran.
Types and fields are those of files of CLI 1.0.64 and of the public SDK up to autumn 2026.
Sessions of versions before 1.0 are read by `copilot_history`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.events import Event, Usage, event_id
from roguewatch.sources.copilot_history import EXIT, is_history, read_history
from roguewatch.sources.drift import NOTHING, raw_text, understand
from roguewatch.sources.jsonl import first_objects
from roguewatch.sources.lines import Line, lines
from roguewatch.sources.prompts import author_of_prompt
from roguewatch.sources.source import Document, Source, environment_path
from roguewatch.sources.tally import Tally
from roguewatch.sources.times import time_of
from roguewatch.sources.values import json_detail, json_object_text, loose_text, tokens

SURFACE = "copilot-cli"
Raw = msgspec.Raw
_KNOWN = frozenset(
    """session.start session.resume session.shutdown session.error session.idle session.info
    session.warning session.model_change session.mode_changed session.permissions_changed
    session.plan_changed session.workspace_file_changed session.handoff session.truncation
    session.snapshot_rewind session.usage_info session.compaction_start
    session.compaction_complete session.task_complete session.title_changed
    session.context_changed session.remote_steerable_changed session.background_tasks_changed
    session.skills_loaded session.tools_updated session.mcp_servers_loaded
    session.custom_agents_updated session.schedule_created session.schedule_cancelled
    user.message pending_messages.modified assistant.turn_start assistant.intent
    assistant.reasoning assistant.reasoning_delta assistant.message assistant.message_start
    assistant.message_delta assistant.streaming_delta assistant.turn_end assistant.usage abort
    tool.user_requested tool.execution_start tool.execution_partial_result
    tool.execution_progress tool.execution_complete skill.invoked subagent.started
    subagent.completed subagent.failed subagent.selected subagent.deselected hook.start
    hook.end system.message system.notification permission.requested permission.completed
    user_input.requested user_input.completed elicitation.requested elicitation.completed
    external_tool.requested external_tool.completed command.queued command.execute
    command.completed exit_plan_mode.requested exit_plan_mode.completed
    session.auto_mode_resolved auto_mode_switch.requested auto_mode_switch.completed
    assistant.fusion_phase_completed assistant.fusion_phase_failed
    assistant.fusion_phase_started assistant.idle assistant.server_tool_progress
    assistant.tool_call_delta assistant.turn_retry capabilities.changed commands.changed
    factory.run_settled factory.run_started factory.run_updated hook.progress
    mcp.headers_refresh_completed mcp.headers_refresh_required mcp.oauth_completed
    mcp.oauth_required mcp.prompts.list_changed mcp.resources.list_changed
    mcp.tools.list_changed mcp_app.tool_call_complete model.call_failure model.call_finished
    sampling.completed sampling.requested session.autopilot_objective_changed
    session.binary_asset session.canvas.closed session.canvas.opened session.canvas.recorded
    session.canvas.registry_changed session.canvas.removed session.canvas.unavailable
    session.completion_receipt session.context_cleared session.custom_notification
    session.extensions.attachments_pushed session.extensions_loaded
    session.fusion_commit_started session.fusion_completed session.fusion_handoff
    session.fusion_resolved session.fusion_route_failed session.fusion_route_started
    session.import_legacy session.managed_settings_enforced session.managed_settings_resolved
    session.mcp_server_status_changed session.mode_notice_delivered session.schedule_rearmed
    session.session_limits_changed session.todos_changed session.usage_checkpoint
    session_limits_exhausted.completed session_limits_exhausted.requested subagent.configured
    tool_search.activated ui.ephemeral_query""".split()
)


class _Data(msgspec.Struct, gc=False):
    """What events say of themselves, as far as we read it; each type has its own fields."""

    sessionId: Any = ""  # noqa: N815
    copilotVersion: Any = None  # noqa: N815
    producer: Any = None
    selectedModel: Any = None  # noqa: N815
    newModel: Any = None  # noqa: N815
    newMode: Any = None  # noqa: N815
    mode: Any = None
    inputOrigin: Any = None  # noqa: N815
    context: Any = None
    content: Any = ""
    role: Any = ""
    source: Any = None
    model: Any = None
    messageId: Any = None  # noqa: N815
    interactionId: Any = None  # noqa: N815
    apiCallId: Any = None  # noqa: N815
    serviceRequestId: Any = None  # noqa: N815
    reasoningText: Any = None  # noqa: N815
    outputTokens: Any = None  # noqa: N815
    toolCallId: Any = None  # noqa: N815
    parentToolCallId: Any = None  # noqa: N815
    toolName: Any = None  # noqa: N815
    mcpServerName: Any = None  # noqa: N815
    arguments: Raw = NOTHING
    success: Any = None
    result: Any = None
    error: Any = None
    hookType: Any = None  # noqa: N815
    output: Any = None
    allowAllPermissions: Any = None  # noqa: N815
    permissionRequest: Any = None  # noqa: N815
    kind: Any = None
    modelMetrics: Any = None  # noqa: N815
    agentName: Any = None  # noqa: N815
    agentDisplayName: Any = None  # noqa: N815
    message: Any = None
    reason: Any = None
    summaryContent: Any = None  # noqa: N815


class _CopilotLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: str = ""
    data: _Data | None = None
    id: str = ""
    timestamp: str | None = ""
    parentId: str | None = ""  # noqa: N815
    ephemeral: Raw = NOTHING
    agentId: str | None = ""  # noqa: N815


class _Reader:
    """One reading of one session."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.tally = Tally(document, SURFACE)
        self.cwd = self.model = self.mode = ""
        self.output_told: dict[str, int] = {}

    def events(self) -> Iterator[Event]:
        decode = msgspec.json.Decoder(_CopilotLine).decode
        for line in lines(self.document):
            self.tally.counts.lines += 1
            record: _CopilotLine | None
            try:
                record = decode(line.data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                record, gaps = understand(line, _CopilotLine, self.tally)
                yield from gaps
                if record is None:
                    continue
            yield from self.record(line, record)
        yield from self.tally.unanswered()

    def record(self, line: Line, record: _CopilotLine) -> Iterator[Event]:
        """The events of one line."""
        tally, said = self.tally, record.data or _Data()
        if record.type in ("session.start", "session.resume") and isinstance(said.sessionId, str):
            tally.session = said.sessionId
        elif not tally.session:
            tally.session = f"copilot-{sha256(line.data).hexdigest()[:16]}"
        if record.type not in _KNOWN:
            yield tally.unknown_type(record.type, line.offset, line.data, id=record.id)
            return
        if record.id:
            id = event_id(SURFACE, record.id, line.data)
        else:
            id = tally.line_id(tally.session, line.data)
        if not tally.first_time(id):
            return
        told = self.told(record.type, said)
        agent = record.agentId or _text(said.parentToolCallId) or "main"
        yield from tally.tell(
            told,
            line,
            id,
            time=time_of(record.timestamp),
            agent=agent,
            parent_agent="" if agent == "main" else "main",
            parent=record.parentId or "",
            prompt_id=_text(said.interactionId),
            cwd=self.cwd,
            model=_text(said.model) or self.model,
            permission_mode=self.mode,
        )

    def told(self, type_: str, said: _Data) -> list[dict[str, Any]]:
        """The fields of the events of a line of a known type."""
        match type_:
            case "session.start" | "session.resume":
                return [self.start(said)]
            case "session.model_change":
                self.model = _text(said.newModel) or self.model
            case "session.permissions_changed":
                flagged = "allow-all" if said.allowAllPermissions is True else "ask"
                self.mode = _text(said.mode) or flagged
                return [{"kind": "permission_mode", "permission_mode": self.mode}]
            case "session.mode_changed":
                self.mode = _text(said.newMode) or self.mode
                return [{"kind": "permission_mode", "permission_mode": self.mode}]
            case "session.shutdown":
                return [{"kind": "session_end", "detail": _metrics(said.modelMetrics)}]
            case "session.compaction_complete" | "session.truncation":
                return [{"kind": "compaction", "text": loose_text(said.summaryContent)}]
            case "user.message":
                text = loose_text(said.content)
                harness = _text(said.source) not in ("", "user")
                author = "harness" if harness else author_of_prompt(text)
                if said.inputOrigin:  # only what is no person's names its origin
                    author = "agent"
                return [{"kind": "user_message", "author": author, "text": text}]
            case "system.message":
                text = loose_text(said.content)
                return [{"kind": "system_message", "author": "harness", "text": text}]
            case "system.notification":
                return [self.notification(said)]
            case "assistant.message":
                return self.message(said)
            case "assistant.reasoning":
                text = loose_text(said.content)
                return [{"kind": "reasoning", "author": "agent", "text": text}]
            case "tool.execution_start" | "tool.execution_complete":
                return [self.tool(type_, said)]
            case "permission.requested" | "permission.completed":
                return [_permission(type_, said)]
            case "subagent.started":
                name = _text(said.agentName) or _text(said.agentDisplayName)
                detail = json_detail({"name": name})
                call_id = _text(said.toolCallId)
                return [{"kind": "subagent_start", "call_id": call_id, "detail": detail}]
            case "hook.end":
                blocked = isinstance(said.output, dict) and (
                    said.output.get("permissionDecision") or said.output.get("decision")
                )
                hook = {"by": "hook", "hook_event": said.hookType, "decision": blocked or None}
                kind = "decision" if blocked else "other"
                failed = None if said.success is None else said.success is not True
                return [{"kind": kind, "failed": failed, "detail": json_detail(hook)}]
        about = {"type": type_, "hook_event": said.hookType, "model": said.newModel}
        text = loose_text(said.message) or loose_text(said.error) or _text(said.reason)
        failed = True if type_ in ("session.error", "subagent.failed", "abort") else None
        return [{"kind": "other", "text": text, "failed": failed, "detail": json_detail(about)}]

    def start(self, said: _Data) -> dict[str, Any]:
        self.model = _text(said.selectedModel) or self.model
        context = said.context if isinstance(said.context, dict) else {}
        self.cwd = _text(context.get("cwd"))
        detail = {
            "version": said.copilotVersion,
            "producer": said.producer,
            "repository": context.get("repository"),
        }
        return {"kind": "session_start", "detail": json_detail(detail)}

    def notification(self, said: _Data) -> dict[str, Any]:
        """The harness tells the agent something, such as that a shell has ended."""
        fields: dict[str, Any] = {"kind": "user_message", "author": "harness"}
        fields["text"] = loose_text(said.content)
        if isinstance(said.kind, dict):
            fields["detail"] = json_detail(said.kind)
            code = said.kind.get("exitCode")
            fields["exit_status"] = code if type(code) is int else None
        return fields

    def message(self, said: _Data) -> list[dict[str, Any]]:
        """Reasoning and text; the calls come as events of their own."""
        told: list[dict[str, Any]] = []
        request = _text(said.apiCallId) or _text(said.serviceRequestId)
        if text := loose_text(said.reasoningText):
            told.append({"kind": "reasoning", "author": "agent", "text": text})
        text = loose_text(said.content)
        if text or not told:
            told.append({"kind": "agent_message", "author": "agent", "text": text})
        key = request or _text(said.messageId)
        output = tokens(said.outputTokens)
        if output > self.output_told.get(key, 0):
            told[0]["usage"] = Usage(output=output - self.output_told.get(key, 0))
            self.output_told[key] = output
        for fields in told:
            fields["request_id"] = request
        return told

    def tool(self, type_: str, said: _Data) -> dict[str, Any]:
        call_id = _text(said.toolCallId).strip()
        if type_ == "tool.execution_start":
            return {
                "kind": "tool_call",
                "tool": _text(said.toolName),
                "call_id": call_id,
                "arguments": json_object_text(raw_text(said.arguments)),
                "detail": json_detail({"server": said.mcpServerName}),
            }
        text = loose_text(said.result) or loose_text(said.error)
        fields: dict[str, Any] = {
            "kind": "tool_result",
            "author": "tool",
            "tool": self.tally.tool_of(call_id),
            "call_id": call_id,
            "text": text,
            "failed": None if said.success is None else said.success is not True,
        }
        if found := EXIT.search(text[-200:]):
            fields["exit_status"] = int(found[1] or found[2])
        if "Output too large" in text[:400] or "<output too long" in text:
            fields["truncated"] = True
        return fields


def _permission(type_: str, said: _Data) -> dict[str, Any]:
    """A permission was asked for, or decided. Who decided is not said beyond its kind."""
    request = said.permissionRequest if isinstance(said.permissionRequest, dict) else {}
    call_id = _text(said.toolCallId) or _text(request.get("toolCallId"))
    if type_ == "permission.requested":
        detail = {"type": type_, "kind": request.get("kind"), "intention": request.get("intention")}
        text = loose_text(request.get("fullCommandText"))
        return {"kind": "other", "call_id": call_id, "text": text, "detail": json_detail(detail)}
    outcome = _text(said.result.get("kind")) if isinstance(said.result, dict) else ""
    by = "human"
    if "rule" in outcome or "policy" in outcome or "hook" in outcome:
        by = "policy"
    elif "unavailable" in outcome or "no-approval" in outcome:
        by = "harness"
    decision = "allow" if outcome.startswith("approved") else "deny"
    detail = {"decision": decision, "by": by, "outcome": outcome}
    return {"kind": "approval", "call_id": call_id, "detail": json_detail(detail)}


def _metrics(metrics: Any) -> str:
    """Tokens by model over the whole session, as the shutdown says them: a check, not a sum."""
    if not isinstance(metrics, dict):
        return ""
    return json_detail({"tokens": {str(name): _usage(each) for name, each in metrics.items()}})


def _usage(metric: Any) -> Any:
    return metric.get("usage") if isinstance(metric, dict) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _recognise(head: bytes) -> bool:
    """A line with a dotted type, its own id, and an object of data."""
    for fields in first_objects(head):
        kind = fields.get("type")
        if isinstance(kind, str) and kind in _KNOWN and isinstance(fields.get("data"), dict):
            return "parentId" in fields or "timestamp" in fields or "id" in fields
    return is_history(head)


def _read(document: Document) -> Iterator[Event]:
    if is_history(document.head()):
        return read_history(document)
    return _Reader(document).events()


def _places(environment: Mapping[str, str], home: Path) -> list[Path]:
    root = environment_path(environment, "COPILOT_HOME", home / ".copilot")
    if "XDG_STATE_HOME" in environment and "COPILOT_HOME" not in environment:
        return [root / "session-state", Path(environment["XDG_STATE_HOME"]) / ".copilot"]
    return [root / "session-state", root / "history-session-state"]


def _beside(path: Path) -> bool:
    """What lies beside a session's events: its plan, checkpoints, database, locks."""
    return any((folder / "events.jsonl").is_file() for folder in list(path.parents)[:2])


source = Source(
    name=SURFACE,
    title="GitHub Copilot CLI sessions (events.jsonl; before 1.0 session_*.json)",
    recognise=_recognise,
    read=_read,
    places=_places,
    beside=_beside,
)
