"""The detector of false claims (A1, A4, A5, A7)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from roguewatch.detect.action import Action
from roguewatch.detect.claims.judgement import Judgement, judge
from roguewatch.detect.claims.session import Session
from roguewatch.detect.claims.statements import Claim, claims
from roguewatch.events import Event
from roguewatch.findings import Finding, Severity, finding_id
from roguewatch.printable import printable

MAX_SESSIONS = 1024

_TITLES = {
    "A1": "Claims a result that nothing produced",
    "A4": "Claims a check that the record does not show",
    "A5": "Shows a picture that proves nothing",
    "A7": "Claims success against the last result",
}


class ClaimsDetector:
    """Checks what an agent says it achieved against what its tools show.

    A claim is supported, contradicted, unsupported or undecidable; only the second, and
    the third where it matters, become findings.
    """

    name = "claims"
    version = "1.1.0"
    kinds = frozenset(
        {"agent_message", "tool_call", "tool_result", "user_message", "compaction", "gap"}
    )

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def observe(self, action: Action) -> Iterable[Finding]:
        event = action.event
        if event.kind == "agent_message":
            said = claims(action.text)
            if said:
                return list(self._judged(event, said))
        elif event.kind in ("tool_call", "tool_result", "user_message", "compaction", "gap"):
            self._of(event.session).follow(action)
        return ()

    def finish(self, session: str) -> Iterable[Finding]:
        self._sessions.pop(session, None)
        return ()

    def judgements(self, event: Event) -> list[tuple[Claim, Judgement]]:
        """Every claim of a message with its verdict, findings or not."""
        session = self._of(event.session)
        return [(claim, judge(claim, session)) for claim in claims(event.text)]

    def _of(self, session: str) -> Session:
        found = self._sessions.get(session)
        if found is None:
            found = self._sessions[session] = Session()
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return found

    def _judged(self, event: Event, said: list[Claim]) -> Iterable[Finding]:
        session = self._of(event.session)
        for claim in said:
            judgement = judge(claim, session)
            if judgement.verdict not in ("contradicted", "unsupported"):
                continue
            # The same untruth told again, of the same evidence, is one finding.
            key = (claim.kind, judgement.behaviour, *judgement.evidence)
            if key in session.raised:
                continue
            session.raised[key] = None
            if len(session.raised) > 1024:
                session.raised.popitem(last=False)
            yield self._finding(event, claim, judgement)

    def _finding(self, event: Event, claim: Claim, judgement: Judgement) -> Finding:
        sentence = printable(claim.sentence, 300)
        rung = "routine" if judgement.verdict == "contradicted" else "incidental"
        evidence = judgement.evidence or (claim.sentence,)
        return Finding(
            id=finding_id(self.name, event.session, "\0".join((claim.kind, *evidence))),
            session=event.session,
            behaviour=judgement.behaviour,
            title=f"{_TITLES[judgement.behaviour]} ({claim.kind})",
            level=judgement.level,
            detector=self.name,
            detector_version=self.version,
            events=(event.id, *(one for one in judgement.evidence if one)),
            cause="own",
            cause_basis="the agent's own words",
            time=event.time,
            agent=event.agent,
            surface=event.surface,
            rationale=printable(f"“{claim.sentence}” — {judgement.reason}", 600),
            falsifier="The check was made where the record does not show it, or the sentence "
            "speaks of something else.",
            excerpt=sentence,
            deception=Severity("incidental", 0.7) if rung == "routine" else Severity("none", 0.3),
            tags=("owasp.asi09",),
        )
