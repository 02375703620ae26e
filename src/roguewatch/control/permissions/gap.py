"""The least-privilege gap of one deployment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from roguewatch.control.ownership import sessions_of
from roguewatch.control.permissions.grants import (
    KINDS,
    GrantUse,
    Kind,
    admits,
    assessable,
    covers,
    permits,
    values,
)
from roguewatch.control.permissions.narrowing import narrower_policy, narrower_scope
from roguewatch.control.permissions.usage import Usage, Use
from roguewatch.control.policy import Policy
from roguewatch.detect.engine import Engine
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable
from roguewatch.state.register import Deployment, Scope


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was used, and whether it was granted. Times are ns UTC."""

    kind: Kind
    value: str
    """Printable."""
    used: int
    granted: int
    """Of these uses, those that were granted."""
    why: str
    """Why the others were not; empty where all were."""
    event: str
    """The first use, or the first that was not granted."""
    last: int | None


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The proposed policy and scope, asked about the same actions."""

    actions: int
    """Used and granted."""
    denied: int
    """Of these, denied by the proposal: more than none is a fault of ours."""
    denied_unused: int
    """Of the actions that were used without being granted."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Granted against used."""

    deployment: str
    since: int | None
    sessions: int
    actions: int
    """Carried out, as far as the record tells."""
    tried: int
    """Refused by control."""
    not_granted: int
    """Actions that were carried out without being granted."""
    unbounded: tuple[str, ...]
    """Kinds that the entry's scope does not bound at all."""
    grants: tuple[GrantUse, ...]
    used: tuple[Used, ...]
    scope: Scope
    """Proposed."""
    policy: str
    """Proposed, as Cedar text."""
    policy_digest: str
    replayed: Replayed

    @property
    def never_used(self) -> tuple[GrantUse, ...]:
        """Grants that could be taken away."""
        return tuple(one for one in self.grants if one.state == "never used")

    @property
    def excess(self) -> tuple[Used, ...]:
        """What was used without being granted."""
        return tuple(one for one in self.used if one.granted < one.used)


def measured_gap(
    ledger: Ledger,
    deployments: Iterable[Deployment],
    entry: Deployment,
    engine: Engine | None,
    since: int | None = None,
) -> Gap:
    """The gap of one deployment over a whole ledger.

    Args:
        ledger: open.
        deployments: the register, to tell whose each session is.
        entry: the deployment.
        engine: the detectors; None: policies see no findings.
        since: ns UTC; only actions from then on.

    Raises:
        PolicyError: the policy in force cannot be used.
    """
    sessions = sessions_of(ledger, deployments).of(entry.name)
    usage = Usage(entry, engine)
    uses = [use for name in sessions for use in usage.of(ledger.events(session=name), since)]
    return gap_of(entry, uses, len(sessions), since)


def gap_of(entry: Deployment, uses: Sequence[Use], sessions: int, since: int | None) -> Gap:
    """The gap between an entry and what was used.

    Raises:
        PolicyError: the policy in force cannot be used.
    """
    policy = Policy.load(Path(entry.policy))
    carried_out = [use for use in uses if not use.denied]
    reasons = {use.event: _refusals(entry, policy, use) for use in carried_out}
    granted = [use for use in carried_out if not reasons[use.event]]
    others = [use for use in carried_out if reasons[use.event]]
    scope = narrower_scope(entry.scope, granted)
    text = narrower_policy(policy.text, entry.name, granted)
    proposed = Policy(text, f"{policy.name}, narrowed")
    return Gap(
        deployment=entry.name,
        since=since,
        sessions=sessions,
        actions=len(carried_out),
        tried=len(uses) - len(carried_out),
        not_granted=len(others),
        unbounded=tuple(kind for kind in KINDS if not getattr(entry.scope, kind)),
        grants=tuple(_grants(entry, carried_out)),
        used=tuple(_used(carried_out, reasons)),
        scope=scope,
        policy=text,
        policy_digest=proposed.digest,
        replayed=Replayed(
            actions=len(granted),
            denied=sum(not _let_through(scope, proposed, use, entry) for use in granted),
            denied_unused=sum(not _let_through(scope, proposed, use, entry) for use in others),
        ),
    )


def _let_through(scope: Scope, policy: Policy, use: Use, entry: Deployment) -> bool:
    within = all(admits(scope, kind, value) for kind in KINDS for value in values(use, kind))
    # What is asked about is granted by the person who answers.
    return within and policy.decide(use.request, entry.fail_mode).outcome in ("allow", "ask")


def _refusals(entry: Deployment, policy: Policy, use: Use) -> dict[tuple[str, str], str]:
    """What of a use was not granted, with the reason; empty where all of it was."""
    found: dict[tuple[str, str], str] = {
        (kind, value): "not in the scope"
        for kind in KINDS
        for value in values(use, kind)
        if not admits(entry.scope, kind, value)
    }
    decision = policy.decide(use.request, entry.fail_mode)
    if decision.outcome not in ("allow", "ask"):
        by = ", ".join(decision.policy_ids) or decision.ground
        found["tools", use.tool] = f"the policy denies it: {printable(by, 200)}"
    return found


def _grants(entry: Deployment, uses: Sequence[Use]) -> Iterable[GrantUse]:
    for kind in KINDS:
        for grant in getattr(entry.scope, kind):
            by = [u for u in uses if any(covers(grant, kind, v) for v in values(u, kind))]
            yield _grant(kind, grant, by)
    for permission in entry.permissions:
        if not assessable(permission):
            yield GrantUse(kind="permissions", grant=permission, state="not assessable")
            continue
        yield _grant("permissions", permission, [use for use in uses if permits(permission, use)])


def _grant(kind: Kind, grant: str, uses: Sequence[Use]) -> GrantUse:
    return GrantUse(
        kind=kind,
        grant=grant,
        state="used" if uses else "never used",
        used=len(uses),
        last=max((use.time for use in uses if use.time is not None), default=None),
    )


def _used(uses: Sequence[Use], reasons: dict[str, dict[tuple[str, str], str]]) -> Iterable[Used]:
    by: defaultdict[tuple[Kind, str], list[Use]] = defaultdict(list)
    for use in uses:
        for kind in (*KINDS, "commands"):
            found = values(use, kind) if kind != "commands" else use.request.situation.programs
            for value in found:
                by[kind, value].append(use)  # type: ignore[index]
    for (kind, value), group in sorted(by.items()):
        # A program is granted where nothing of its action was refused.
        refused = [
            (use, why)
            for use in group
            if (why := reasons[use.event].get((kind, value), "")) or (
                kind == "commands" and (why := "; ".join(reasons[use.event].values()))
            )
        ]  # fmt: skip
        first = refused[0][0] if refused else group[0]
        yield Used(
            kind=kind,
            value=printable(value, 1000),
            used=len(group),
            granted=len(group) - len(refused),
            why=refused[0][1] if refused else "",
            event=first.event,
            last=max((use.time for use in group if use.time is not None), default=None),
        )
