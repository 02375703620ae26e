"""What control answers: allow, ask, deny or stop, and on what grounds."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["allow", "ask", "deny", "stop"]
"""allow: go on. ask: a person decides about this very action. deny: not this action.
stop: not this action, and the deployment is stopped."""

Ground = Literal[
    "policy", "default", "fail-mode", "lease", "stop", "breaker", "approval", "session"
]
"""policy: a policy said so. default: no policy permits it. fail-mode: no sound decision
could be made. lease, stop, breaker, session (it named another deployment's): control said
so before any policy. approval: a person consented."""

Stops = Literal["", "session", "deployment"]
"""What a `stop` stops: the agent's session (the breaker), or all of the deployment."""

PRECEDENCE: dict[Outcome, int] = {"allow": 0, "ask": 1, "deny": 2, "stop": 3}

FailMode = Literal["closed", "open"]
"""What a deployment gets when no sound decision can be made; closed unless its owner
says otherwise in the register."""

NEUTRAL_REASON = "This action is not permitted for this deployment."
NEUTRAL_ASK = "This action needs a person's approval."
NEUTRAL_STOP = "This deployment has been stopped."
NEUTRAL_SESSION_STOP = "This session has been stopped."
"""All that an agent is told. Why a monitor or rule objected never leaves the record: an
agent that reads it evades better the next time (assessment, section 3)."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, as it goes into the record."""

    outcome: Outcome

    policy_ids: tuple[str, ...] = ()
    """The policies that determined it, by their @id."""

    policy_digest: str = ""
    """SHA-256 of the policy text in force."""

    ground: Ground = "policy"

    stops: Stops = ""

    errors: tuple[str, ...] = ()

    nanoseconds: int = 0
    """Time that the decision took."""

    @property
    def told(self) -> str:
        """The one neutral sentence for the agent."""
        if self.outcome == "ask":
            return NEUTRAL_ASK
        if self.outcome == "stop":
            return NEUTRAL_SESSION_STOP if self.stops == "session" else NEUTRAL_STOP
        return NEUTRAL_REASON


def strictest(*decisions: Decision) -> Decision:
    """The one that wins: stop over deny over ask over allow; the first among equals."""
    return max(decisions, key=lambda decision: PRECEDENCE[decision.outcome])
