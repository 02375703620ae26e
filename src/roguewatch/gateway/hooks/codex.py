"""Codex's hooks: Claude Code's shape, but unknown output fields are refused.

Source: codex-rs/hooks/src/schema.rs. Codex runs a tool whose hook fails in any way but
exit status 2 with something on stderr; so every refusal of ours is that, and the
deployment is still registered as able to fail open.
"""

from __future__ import annotations

from typing import Any

from roguewatch.control.decision import NEUTRAL_REASON, Decision
from roguewatch.gateway.hooks.hook import Agent, Answer, Hook, body
from roguewatch.gateway.hooks.payload import understand_as


def answer(hook: Hook, decision: Decision) -> Answer:
    """What Codex obeys; `ask` is not in all of its versions and becomes a denial."""
    if decision.outcome == "allow":
        return Answer()
    if decision.outcome == "ask" and hook.name == "PermissionRequest":
        return Answer()  # the agent is asking its user already
    if hook.name == "PreToolUse":
        specific: dict[str, Any] = {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": decision.told,
        }
        return Answer(
            body=body({"hookSpecificOutput": specific}), exit_status=2, stderr=decision.told
        )
    reply: dict[str, Any] = {"decision": "block", "reason": decision.told}
    return Answer(body=body(reply), exit_status=2, stderr=decision.told)


def refuse(name: str) -> Answer:
    """Exit status 2 with a reason: the one failure that Codex takes for a block."""
    return Answer(body=b"", exit_status=2, stderr=NEUTRAL_REASON)


agent = Agent("codex", understand_as("codex"), answer, refuse)
