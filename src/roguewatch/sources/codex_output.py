"""What the output of a Codex tool says of itself: exit status, failure, truncation.

A rollout has no field for the exit status; it stands in the text that the model saw,
before the line `Output:`, or in the JSON wrapper of CLI versions before 0.45.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from roguewatch.sources.codex_lines import Part
from roguewatch.sources.values import json_detail, loose_text

_HEADER = 600
_STATUS = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d{1,10})\s*$", re.MULTILINE)
_CUT = re.compile(
    r"Warning: truncated output \(original token count: (\d{1,12})\)"
    r"|^Total output lines: \d+$|… ?\+?\d+ (?:tokens|chars|lines) truncated ?…"
    r"|\[\.\.\. omitted \d+ of \d+ lines \.\.\.\]",
    re.MULTILINE,
)
_FAILURES = ("execution error:", "apply_patch verification failed", "Script failed", "Script error")
_REFUSAL = "rejected by user"
"""Ends every way in which it is said that a person refused: of a patch, a command, a call."""


class _Metadata(msgspec.Struct):
    exit_code: int | None = None


class _Wrapped(msgspec.Struct):
    output: str
    metadata: _Metadata


def result_fields(output: str | list[Part] | dict[str, Any] | None) -> dict[str, Any]:
    """`text`, and `exit_status`, `failed`, `truncated` and `detail` where they are said."""
    success: bool | None = None
    if isinstance(output, dict):
        flag = output.get("success")
        success = flag if isinstance(flag, bool) else None
        text = loose_text(output)
    elif isinstance(output, list):
        text = "\n".join(filter(None, (part.text or _mark(part) for part in output)))
    else:
        text = output or ""
    status: int | None = None
    if text[:1] == "{":
        try:
            wrapped = msgspec.json.decode(text, type=_Wrapped)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass
        else:
            text, status = wrapped.output, wrapped.metadata.exit_code
    header = text[:_HEADER]
    if status is None:
        at = header.find("\nOutput:")
        if found := _STATUS.search(header[:at] if at >= 0 else header[:80]):
            status = int(found[1])
    fields: dict[str, Any] = {"text": text}
    if status is not None:
        fields["exit_status"] = status
        fields["failed"] = status != 0
    elif success is not None:
        fields["failed"] = not success
    elif header.startswith(_FAILURES) or refused(header):
        fields["failed"] = True
    elif header.startswith("Script completed"):
        fields["failed"] = False
    if "truncated" in text or "\nTotal output lines: " in header or "omitted" in text:
        cut = _CUT.search(text)
        if cut is not None:
            fields["truncated"] = True
            if cut[1]:
                fields["detail"] = json_detail({"full_tokens": int(cut[1])})
    return fields


def refused(text: str) -> bool:
    """Whether the output says that a person refused the call."""
    return _REFUSAL in text[:200]


def _mark(part: Part) -> str:
    return part.refusal or ("" if part.type.endswith("text") else f"[{part.type or 'part'}]")
