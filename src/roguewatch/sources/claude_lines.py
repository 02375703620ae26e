"""What one line of a Claude Code session file holds, as far as we read it.

Fields are those seen in files of CLI 2.0.64 to 2.1.62, those that the third-party schema
`oneryalcin/agent-schemas` (v2.1.144) declares, and those that public readers of files up
to 2.1.293 list. What is known but not needed is sliced, not decoded. The order is that of
the files: msgspec looks fields up in it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.sources.drift import NOTHING

Raw = msgspec.Raw


class Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An item of a tool result's content."""

    type: str = ""
    text: str = ""
    source: Raw = NOTHING
    tool_name: str = ""
    title: str | None = ""
    url: str = ""
    error_code: str = ""
    stdout: str = ""
    stderr: str = ""
    return_code: int | None = None
    encrypted_content: Raw = NOTHING
    page_age: Raw = NOTHING
    content: Raw = NOTHING
    citations: Raw = NOTHING
    cache_control: Raw = NOTHING
    file_id: Raw = NOTHING
    retrieved_at: Raw = NOTHING
    stop_reason: Raw = NOTHING
    name: Raw = NOTHING
    uri: Raw = NOTHING
    description: Raw = NOTHING
    mimeType: Raw = NOTHING  # noqa: N815
    server: Raw = NOTHING
    meta: Raw = msgspec.field(default=NOTHING, name="_meta")


class Block(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A content block of a message."""

    type: str = ""
    id: str = ""
    tool_use_id: str = ""
    name: str = ""
    input: Raw = NOTHING
    text: str = ""
    thinking: str = ""
    signature: Raw = NOTHING
    content: str | list[str | Part] | Part | None = ""
    is_error: bool | None = None
    caller: Raw = NOTHING
    source: Raw = NOTHING
    data: Raw = NOTHING
    citations: Raw = NOTHING
    cache_control: Raw = NOTHING
    server_name: str = ""
    tool_name: str = ""
    title: Raw = NOTHING
    context: Raw = NOTHING


class Tokens(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Usage as the API reports it; `input_tokens` excludes what came from the cache."""

    input_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation: Raw = NOTHING
    output_tokens: int | None = 0
    service_tier: Raw = NOTHING
    inference_geo: Raw = NOTHING
    server_tool_use: Raw = NOTHING
    iterations: Raw = NOTHING
    speed: Raw = NOTHING
    output_tokens_details: Raw = NOTHING


class Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    model: str | None = ""
    id: str = ""
    type: Raw = NOTHING
    role: str = ""
    content: str | list[Block] = ""
    stop_reason: Raw = NOTHING
    stop_sequence: Raw = NOTHING
    stop_details: Raw = NOTHING
    usage: Tokens | None = None
    context_management: Raw = NOTHING
    container: Raw = NOTHING
    diagnostics: Raw = NOTHING
    input_transformations: Raw = NOTHING


class Outcome(msgspec.Struct, gc=False):
    """What `toolUseResult` says besides the text; its shape is each tool's own."""

    interrupted: Any = None
    truncated: Any = None
    persistedOutputPath: Any = None  # noqa: N815
    persistedOutputSize: Any = None  # noqa: N815
    backgroundTaskId: Any = None  # noqa: N815
    agentId: Any = None  # noqa: N815
    status: Any = None
    code: Any = None
    exitCode: Any = None  # noqa: N815
    stdout: Raw = NOTHING


class Origin(msgspec.Struct, gc=False):
    kind: str = ""


class Attachment(msgspec.Struct, gc=False):
    """Besides the type, what hooks and queued prompts say."""

    type: str = ""
    hookName: Any = None  # noqa: N815
    hookEvent: Any = None  # noqa: N815
    toolUseID: Any = None  # noqa: N815
    toolName: Any = None  # noqa: N815
    toolInput: Raw = NOTHING  # noqa: N815
    decision: Any = None
    exitCode: Any = None  # noqa: N815
    command: Any = None
    durationMs: Any = None  # noqa: N815
    blockingError: Any = None  # noqa: N815
    message: Any = None
    content: Any = None
    stdout: Any = None
    stderr: Any = None
    prompt: Any = None
    commandMode: Any = None  # noqa: N815
    isMeta: Any = None  # noqa: N815
    origin: Any = None
    filename: Any = None
    snippet: Any = None
    taskId: Any = None  # noqa: N815
    status: Any = None
    description: Any = None
    text: Any = None
    reason: Any = None
    messages: Any = None
    response: Any = None
    systemPrompt: Any = None  # noqa: N815


class Nested(msgspec.Struct, gc=False):
    """A subagent's line inside its parent's `agent_progress` line."""

    type: str = ""
    uuid: str = ""
    timestamp: str = ""
    requestId: str = ""  # noqa: N815
    message: Message | None = None
    toolUseResult: Outcome | str | list[Any] | None = None  # noqa: N815


class Progress(msgspec.Struct, gc=False):
    """Besides the type, what hooks, subagents and MCP servers say."""

    type: str = ""
    hookEvent: Any = None  # noqa: N815
    hookName: Any = None  # noqa: N815
    command: Any = None
    agentId: Any = None  # noqa: N815
    message: Nested | None = None
    serverName: Any = None  # noqa: N815
    toolName: Any = None  # noqa: N815
    status: Any = None
    query: Any = None
    taskDescription: Any = None  # noqa: N815


class SessionLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Any line. Every type has its fields here; `type` tells which it is."""

    parentUuid: str | None = ""  # noqa: N815
    logicalParentUuid: Raw = NOTHING  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815
    userType: str | None = ""  # noqa: N815
    cwd: str | None = ""
    sessionId: str | None = ""  # noqa: N815
    version: str | None = ""
    gitBranch: Raw = NOTHING  # noqa: N815
    agentId: str | None = ""  # noqa: N815
    slug: Raw = NOTHING
    promptId: str | None = ""  # noqa: N815
    type: str = ""
    data: Progress | None = None
    subtype: str | None = ""
    message: Message | None = None
    requestId: str | None = ""  # noqa: N815
    toolUseID: str | None = ""  # noqa: N815
    parentToolUseID: str | None = ""  # noqa: N815
    isMeta: bool | None = False  # noqa: N815
    uuid: str = ""
    timestamp: str | None = ""
    toolUseResult: Outcome | str | list[Any] | None = None  # noqa: N815
    thinkingMetadata: Raw = NOTHING  # noqa: N815
    todos: Raw = NOTHING
    permissionMode: str | None = ""  # noqa: N815
    sourceToolAssistantUUID: Raw = NOTHING  # noqa: N815
    sourceToolUseID: Raw = NOTHING  # noqa: N815
    sourceToolUseId: Raw = NOTHING  # noqa: N815
    isCompactSummary: bool | None = False  # noqa: N815
    isVisibleInTranscriptOnly: bool | None = False  # noqa: N815
    isApiErrorMessage: bool | None = False  # noqa: N815
    planContent: Raw = NOTHING  # noqa: N815
    origin: Origin | str | None = None
    source: str | None = ""
    promptSource: str | None = ""  # noqa: N815
    sessionKind: Raw = NOTHING  # noqa: N815
    entrypoint: str | None = ""
    content: str | list[Any] | None = ""
    level: Raw = NOTHING
    summary: str | None = ""
    leafUuid: Raw = NOTHING  # noqa: N815
    messageId: Raw = NOTHING  # noqa: N815
    snapshot: Raw = NOTHING
    isSnapshotUpdate: Raw = NOTHING  # noqa: N815
    operation: str | None = ""
    attachment: Attachment | None = None
    compactMetadata: Raw = NOTHING  # noqa: N815
    microcompactMetadata: Raw = NOTHING  # noqa: N815
    hookCount: Raw = NOTHING  # noqa: N815
    hookInfos: Raw = NOTHING  # noqa: N815
    hookErrors: Raw = NOTHING  # noqa: N815
    hookAdditionalContext: Raw = NOTHING  # noqa: N815
    preventedContinuation: bool | None = False  # noqa: N815
    stopReason: str | None = ""  # noqa: N815
    hasOutput: Raw = NOTHING  # noqa: N815
    durationMs: Raw = NOTHING  # noqa: N815
    messageCount: Raw = NOTHING  # noqa: N815
    error: Raw = NOTHING
    errorDetails: Raw = NOTHING  # noqa: N815
    apiErrorStatus: Raw = NOTHING  # noqa: N815
    cause: Raw = NOTHING
    url: Raw = NOTHING
    retryInMs: Raw = NOTHING  # noqa: N815
    retryAttempt: Raw = NOTHING  # noqa: N815
    maxRetries: Raw = NOTHING  # noqa: N815
    teamName: Raw = NOTHING  # noqa: N815
    agentName: Raw = NOTHING  # noqa: N815
    agentColor: Raw = NOTHING  # noqa: N815
    agentSetting: Raw = NOTHING  # noqa: N815
    imagePasteIds: Raw = NOTHING  # noqa: N815
    mcpMeta: Raw = NOTHING  # noqa: N815
    sidechainParentUuid: Raw = NOTHING  # noqa: N815
    advisorModel: Raw = NOTHING  # noqa: N815
    attributionAgent: Raw = NOTHING  # noqa: N815
    attributionPlugin: Raw = NOTHING  # noqa: N815
    attributionSkill: Raw = NOTHING  # noqa: N815
    forkedFrom: Raw = NOTHING  # noqa: N815
    prNumber: Raw = NOTHING  # noqa: N815
    prUrl: str = ""  # noqa: N815
    prRepository: Raw = NOTHING  # noqa: N815
    customTitle: Raw = NOTHING  # noqa: N815
    aiTitle: Raw = NOTHING  # noqa: N815
    lastPrompt: Raw = NOTHING  # noqa: N815
    tag: Raw = NOTHING
    mode: str | None = ""
    bridgeSessionId: Raw = NOTHING  # noqa: N815
    lastSequenceNum: Raw = NOTHING  # noqa: N815
    worktreeSession: Raw = NOTHING  # noqa: N815
    # since 2.1.145
    session_id: Raw = NOTHING
    effort: Raw = NOTHING
    apiBlockIndex: Raw = NOTHING  # noqa: N815
    perTurnEffort: Raw = NOTHING  # noqa: N815
    wireToolInputs: Raw = NOTHING  # noqa: N815
    wireIngestContext: Raw = NOTHING  # noqa: N815
    serverClassifierRequest: Raw = NOTHING  # noqa: N815
    serverClassifierContext: Raw = NOTHING  # noqa: N815
    thinkingDurationMs: Raw = NOTHING  # noqa: N815
    attributionMcpServer: Raw = NOTHING  # noqa: N815
    attributionMcpTool: Raw = NOTHING  # noqa: N815
    isAbortedMidStream: Raw = NOTHING  # noqa: N815
    quotaLimits: Raw = NOTHING  # noqa: N815
    truncatedAfterOutput: Raw = NOTHING  # noqa: N815
    apiError: Raw = NOTHING  # noqa: N815
    healsDistinctCarrier: Raw = NOTHING  # noqa: N815
    turnOrigin: str | None = ""  # noqa: N815
    turnPosition: Raw = NOTHING  # noqa: N815
    turnCompanion: Raw = NOTHING  # noqa: N815
    toolEndsTurn: Raw = NOTHING  # noqa: N815
    toolDenialKind: str | None = ""  # noqa: N815
    toolDenialEndsTurn: Raw = NOTHING  # noqa: N815
    userFeedback: str | None = ""  # noqa: N815
    interruptedMessageId: Raw = NOTHING  # noqa: N815
    interruptedByShutdown: Raw = NOTHING  # noqa: N815
    queueSkipAttachments: Raw = NOTHING  # noqa: N815
    queueTranscriptOnly: Raw = NOTHING  # noqa: N815
    queuePriority: Raw = NOTHING  # noqa: N815
    queueOrigin: Raw = NOTHING  # noqa: N815
    scheduledTaskId: str | None = ""  # noqa: N815
    scheduledFireId: Raw = NOTHING  # noqa: N815
    summarizeMetadata: Raw = NOTHING  # noqa: N815
    classifierMetaLines: Raw = NOTHING  # noqa: N815
    classifierBoundary: Raw = NOTHING  # noqa: N815
    rendered: Raw = NOTHING
    renderedRole: Raw = NOTHING  # noqa: N815
    renderedInHumanTurn: Raw = NOTHING  # noqa: N815
    pendingBackgroundAgentCount: Raw = NOTHING  # noqa: N815
    pendingWorkflowCount: Raw = NOTHING  # noqa: N815
    preventContinuation: Raw = NOTHING  # noqa: N815
    hookLabel: Raw = NOTHING  # noqa: N815
    totalDurationMs: Raw = NOTHING  # noqa: N815
    budgetTokens: Raw = NOTHING  # noqa: N815
    budgetLimit: Raw = NOTHING  # noqa: N815
    costUSD: Raw = NOTHING  # noqa: N815
    budgetNudges: Raw = NOTHING  # noqa: N815
    commandRun: Raw = NOTHING  # noqa: N815
    commands: Raw = NOTHING
    usageReport: Raw = NOTHING  # noqa: N815
    upgradeNudge: Raw = NOTHING  # noqa: N815
    writtenPaths: Raw = NOTHING  # noqa: N815
    trigger: Raw = NOTHING
    direction: Raw = NOTHING
    scope: Raw = NOTHING
    originalModel: str | None = ""  # noqa: N815
    fallbackModel: str | None = ""  # noqa: N815
    apiRefusalCategory: str | None = ""  # noqa: N815
    apiRefusalExplanation: Raw = NOTHING  # noqa: N815
    retractedMessageUuids: Raw = NOTHING  # noqa: N815
    refusedUserMessageUuid: Raw = NOTHING  # noqa: N815
    taskId: Raw = NOTHING  # noqa: N815
    cron: Raw = NOTHING
    prompt: Raw = NOTHING
    relocatedCwd: str | None = ""  # noqa: N815
