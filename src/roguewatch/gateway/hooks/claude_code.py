"""Claude Code's hooks, over HTTP or as a command.

Source: the hook output types of the Claude Agent SDK 0.3.329.
"""

from __future__ import annotations

from typing import Any

from roguewatch.control.decision import NEUTRAL_REASON, Decision
from roguewatch.gateway.hooks.hook import Agent, Answer, Hook, body
from roguewatch.gateway.hooks.payload import understand_as


def answer(hook: Hook, decision: Decision) -> Answer:
    """What the agent obeys. An allowed action is left to the agent's own permissions."""
    if decision.outcome == "allow":
        return Answer()
    if decision.outcome == "ask" and hook.name == "PermissionRequest":
        return Answer()  # the agent is asking its user already
    if hook.name == "PreToolUse":
        specific: dict[str, Any] = {
            "hookEventName": "PreToolUse",
            "permissionDecision": "ask" if decision.outcome == "ask" else "deny",
            "permissionDecisionReason": decision.told,
        }
    elif hook.name == "PermissionRequest":
        refusal = {"behavior": "deny", "message": decision.told}
        if decision.outcome == "stop":
            refusal["interrupt"] = True  # type: ignore[assignment]
        specific = {"hookEventName": "PermissionRequest", "decision": refusal}
    else:
        return Answer(body=body({"decision": "block", "reason": decision.told}))
    reply: dict[str, Any] = {"hookSpecificOutput": specific}
    if decision.outcome == "stop":
        reply |= {"continue": False, "stopReason": decision.told}
    return Answer(body=body(reply))


def refuse(name: str) -> Answer:
    """A block that holds for every event, in either form of hook."""
    reply: dict[str, Any] = {"decision": "block", "reason": NEUTRAL_REASON}
    if name in ("", "PreToolUse"):
        reply = {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "deny",
                "permissionDecisionReason": NEUTRAL_REASON,
            }
        }
    return Answer(body=body(reply), exit_status=2, stderr=NEUTRAL_REASON)


agent = Agent("claude-code", understand_as("claude-code"), answer, refuse)
