"""What one line of a Codex rollout holds, as far as we read it.

Fields are those of files of CLI 0.40 to 0.142 and of `codex-rs/history/src` and
`codex-rs/protocol/src` up to 0.169. One struct serves every payload; what is known but
not needed is sliced, not decoded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.sources.drift import NOTHING

Raw = msgspec.Raw


class Part(msgspec.Struct, gc=False):
    """An item of a message's content, a reasoning's summary or an output."""

    type: str = ""
    text: str | None = ""
    image_url: Raw = NOTHING
    refusal: str | None = ""


class Totals(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Tokens; `input_tokens` includes the cached ones, `output_tokens` the reasoning."""

    input_tokens: int | None = 0
    cached_input_tokens: int | None = 0
    cache_write_input_tokens: int | None = 0
    output_tokens: int | None = 0
    reasoning_output_tokens: int | None = 0
    total_tokens: int | None = 0


class TokenInfo(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    total_token_usage: Totals | None = None
    last_token_usage: Totals | None = None
    model_context_window: Raw = NOTHING


class Invocation(msgspec.Struct):
    server: str = ""
    tool: str = ""
    arguments: Raw = NOTHING


class Sandbox(msgspec.Struct, gc=False):
    """`{"mode": …}` until 0.44, `{"type": …}` since."""

    mode: str = ""
    type: str = ""


class Payload(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Any payload. `type` is that of a response item or event message."""

    type: str = ""
    # response items
    id: str | None = ""
    role: str = ""
    name: str = ""
    namespace: str | None = ""
    arguments: str | dict[str, Raw] | None = ""
    call_id: str | None = ""
    content: str | list[Part] | None = None
    output: str | list[Part] | dict[str, Any] | None = None
    summary: str | list[Part] | None = None
    encrypted_content: Raw = NOTHING
    internal_chat_message_metadata_passthrough: Raw = NOTHING
    metadata: Raw = NOTHING
    phase: Raw = NOTHING
    status: str | None = ""
    input: str | None = ""
    action: dict[str, Raw] | None = None
    execution: Raw = NOTHING
    tools: Raw = NOTHING
    result: Any = None
    revised_prompt: Raw = NOTHING
    ghost_commit: Raw = NOTHING
    end_turn: Raw = NOTHING
    author: str | None = ""
    recipient: str | None = ""
    # event messages
    message: Any = ""
    text: str | None = ""
    turn_id: str | None = ""
    info: TokenInfo | None = None
    rate_limits: Raw = NOTHING
    kind: str | None = ""
    images: Raw = NOTHING
    local_images: Raw = NOTHING
    text_elements: Raw = NOTHING
    client_id: Raw = NOTHING
    memory_citation: Raw = NOTHING
    reason: str | None = ""
    completed_at: Raw = NOTHING
    started_at: Raw = NOTHING
    duration_ms: Raw = NOTHING
    time_to_first_token_ms: Raw = NOTHING
    last_agent_message: Raw = NOTHING
    model_context_window: Raw = NOTHING
    collaboration_mode_kind: Raw = NOTHING
    trace_id: Raw = NOTHING
    stdout: str | None = ""
    stderr: str | None = ""
    success: bool | None = None
    changes: dict[str, Raw] | None = None
    auto_approved: bool | None = None
    invocation: Invocation | None = None
    duration: Raw = NOTHING
    query: str | None = ""
    num_turns: Raw = NOTHING
    item: Raw = NOTHING
    command: Any = None
    parsed_cmd: Raw = NOTHING
    aggregated_output: str | None = ""
    formatted_output: Raw = NOTHING
    exit_code: int | None = None
    process_id: Raw = NOTHING
    interaction_input: Raw = NOTHING
    target: Raw = NOTHING
    user_facing_hint: Raw = NOTHING
    review_output: Raw = NOTHING
    codex_error_info: Raw = NOTHING
    saved_path: Raw = NOTHING
    thread_name: Raw = NOTHING
    goal: Raw = NOTHING
    item_id: Raw = NOTHING
    # session_meta
    session_id: str | None = ""
    timestamp: str | None = ""
    cwd: str | None = ""
    originator: str | None = ""
    cli_version: str | None = ""
    instructions: str | None = ""
    source: str | dict[str, Any] | None = None
    thread_source: Raw = NOTHING
    model_provider: Raw = NOTHING
    base_instructions: Any = None
    git: Raw = NOTHING
    forked_from_id: str | None = ""
    parent_thread_id: str | None = ""
    agent_nickname: str | None = ""
    agent_role: str | None = ""
    agent_path: str | None = ""
    memory_mode: Raw = NOTHING
    history_mode: Raw = NOTHING
    dynamic_tools: Raw = NOTHING
    selected_capability_roots: Raw = NOTHING
    multi_agent_version: Raw = NOTHING
    context_window: Raw = NOTHING
    # turn_context
    workspace_roots: Raw = NOTHING
    current_date: Raw = NOTHING
    timezone: Raw = NOTHING
    approval_policy: str | dict[str, Any] | None = ""
    approvals_reviewer: Raw = NOTHING
    sandbox_policy: Sandbox | str | None = None
    permission_profile: Raw = NOTHING
    file_system_sandbox_policy: Raw = NOTHING
    network: Raw = NOTHING
    model: str | None = ""
    comp_hash: Raw = NOTHING
    personality: Raw = NOTHING
    collaboration_mode: Raw = NOTHING
    realtime_active: Raw = NOTHING
    effort: Raw = NOTHING
    user_instructions: Raw = NOTHING
    developer_instructions: Raw = NOTHING
    final_output_json_schema: Raw = NOTHING
    truncation_policy: Raw = NOTHING
    service_tier: Raw = NOTHING
    # compacted
    replacement_history: Raw = NOTHING
    replacement_history_metadata: Raw = NOTHING
    guardian_history: Raw = NOTHING
    retained_context: Raw = NOTHING
    mcp_resource_origins: Raw = NOTHING
    window_number: Raw = NOTHING
    first_window_id: Raw = NOTHING
    previous_window_id: Raw = NOTHING
    window_id: Raw = NOTHING
    compaction_response_id: Raw = NOTHING
    latest_token_usage_record: Raw = NOTHING
    resume_metadata: Raw = NOTHING
    # token_usage_record
    thread_id: str | None = ""
    response_id: str | None = ""
    usage: Totals | None = None


class RolloutLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    timestamp: str | None = ""
    ordinal: Raw = NOTHING
    type: str = ""
    payload: Payload | None = None
    metadata: Raw = NOTHING


class OpaqueLine(msgspec.Struct, gc=False):
    """A line whose payload is another record's own affair."""

    timestamp: str | None = ""
    type: str = ""
    payload: Raw = NOTHING


OPAQUE_TYPES = frozenset(
    (
        "world_state",
        "inter_agent_communication",
        "inter_agent_communication_metadata",
        "security_risk_score",
        "retained_context",
        "realtime_item",
    )
)
"""Line types that are kept as they are: their shapes change within months."""

DUPLICATES = frozenset(("user_message", "agent_message", "agent_reasoning", "context_compacted"))
"""Event messages that repeat what a response item or a compacted line says."""

READ_EVENTS = DUPLICATES | {
    "token_count",
    "patch_apply_end",
    "mcp_tool_call_end",
    "exec_command_begin",
    "exec_command_end",
}
"""Event messages whose fields are known."""

EVENT_TYPES = frozenset(
    """agent_reasoning_raw_content agent_reasoning_section_break agent_message_content_delta
    task_started task_complete turn_started turn_complete turn_aborted thread_rolled_back
    thread_name_updated thread_goal_updated thread_settings_applied web_search_begin
    web_search_end web_search_call_begin web_search_call_end image_generation_end
    view_image_tool_call entered_review_mode exited_review_mode error warning
    item_started item_completed undo_completed shutdown_complete background_event
    collab_agent_spawn_end collab_agent_interaction_end collab_waiting_end collab_close_end
    collab_resume_end sub_agent_activity session_configured model_reroute
    dynamic_tool_call_request dynamic_tool_call_response guardian_assessment
    exec_approval_request apply_patch_approval_request""".split()
)
"""Other event messages: kept, their fields not looked at one by one."""
