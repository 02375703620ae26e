"""A person's answer to a question, as it is asked of the daemon and kept in the record."""

from __future__ import annotations

import msgspec

from roguewatch.control.approvals import Approval
from roguewatch.events import Event, Origin, event_id


class Consented(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the command line sends to the admin socket."""

    id: str
    name: str
    passphrase: str
    approve: bool
    looked_seconds: float


def approval_event(approval: Approval) -> Event:
    """Who answered what, when, after how long a look, and what they had before their eyes."""
    return Event(
        id=event_id("approval", approval.id, approval.answer, approval.answered or 0),
        session=approval.session,
        seq=(approval.answered or 0) // 1000,
        kind="approval",
        surface="roguewatch",
        sighting="hook",
        time=approval.answered,
        author="human",
        text=approval.answer,
        detail=msgspec.json.encode(
            {
                "decision": approval.answer,
                "by": approval.answered_by,
                **msgspec.to_builtins(approval),
            }
        ).decode(),
        origin=Origin(file="gate", offset=0),
    )
