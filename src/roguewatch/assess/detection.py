"""The detectors of an assessment, and what they are, for the record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch import __version__
from roguewatch.assess.document import Detection
from roguewatch.assess.impact import Kind, impacts
from roguewatch.behaviours import taxonomy
from roguewatch.detect.action import Action
from roguewatch.detect.detectors import detectors
from roguewatch.detect.engine import Engine
from roguewatch.detect.provenances import Provenances
from roguewatch.detect.sigma.rule import RuleSet
from roguewatch.events import Event
from roguewatch.findings import Finding


class Reach:
    """Notes which kinds of impact the current call has; reports nothing.

    It is a detector so that the action's derived view is computed once for all.
    """

    name = "assess-reach"
    version = "2"
    kinds = ("tool_call",)
    """The kinds of event that the engine shows it."""

    def __init__(self) -> None:
        self.impacts: tuple[Kind, ...] = ()

    def observe(self, action: Action) -> Iterable[Finding]:
        """Classify a call."""
        self.impacts = impacts(action)
        return ()

    def finish(self, session: str) -> Iterable[Finding]:
        """Nothing is kept."""
        return ()


class Detectors:
    """The engine with everything that an assessment says of it.

    Args:
        folders: folders of rules besides the pack.
        disabled: ids of rules and detectors that are off, each with a reason.
    """

    def __init__(self, folders: Sequence[Path] = (), disabled: Mapping[str, str] = {}) -> None:
        engine = Engine.load(folders, disabled)
        self._rules, self._disabled = engine.rules, engine.disabled
        self._detectors = [(one.name, one.version) for one in engine.detectors]
        self._behaviours: set[str] = {
            code for one in engine.detectors for code in getattr(one, "behaviours", ())
        }
        self._reach = Reach()
        engine.detectors.append(self._reach)
        self._engine: Engine | None = engine

    def feed(self, event: Event) -> tuple[list[Finding], tuple[Kind, ...]]:
        """Findings on an event, and the kinds of impact of a call."""
        self._reach.impacts = ()
        return self._running().feed(event), self._reach.impacts

    def finish(self, session: str) -> list[Finding]:
        """What only the session's end can tell."""
        return self._running().finish(session)

    def rest(self) -> None:
        """All activity has been looked at: let go of what was kept to look at more, and only
        describe from now on."""
        self._engine = None

    def _running(self) -> Engine:
        assert self._engine is not None, "the detectors rest"
        return self._engine

    def across(self) -> Engine:
        """A fresh engine with only what looks across sessions: detectors that say so
        (`across_sessions`) and correlations that do not group by session."""
        whole = self._rules
        reporting = [one for one in whole.correlations if "session" not in one.group_by]
        names = {name for one in reporting for name in (one.meta.id, *one.rules)}
        followed = []
        for one in reversed(whole.correlations):  # those that it follows come before it
            if one.meta.id in names:
                names.update(one.rules)
                reports = one.reports and one in reporting
                followed.append(msgspec.structs.replace(one, reports=reports))
        rules = [one for one in whole.rules if one.meta.id in names]
        silent = [msgspec.structs.replace(one, reports=False) for one in rules]
        provenances = Provenances()
        looking = [
            one for one in detectors(provenances)
            if one.name not in self._disabled and getattr(one, "across_sessions", False)
        ]  # fmt: skip
        off = {name: why for name, why in self._disabled.items() if name in names}
        return Engine(RuleSet(tuple(silent), tuple(reversed(followed))), looking, off, provenances)

    def still_on(self, finding: Finding) -> bool:
        """Whether the detector that found it is on and unchanged.

        One that is may rest on another session (a correlation), so that looking at its own
        session again does not find it again.
        """
        if finding.detector in self._disabled:
            return False
        rules = {meta.id: meta.version for meta in self._rules.metas()}
        if finding.detector in rules:
            return rules[finding.detector] == finding.detector_version
        # Rules are versioned by twelve digits of their digest; one that is gone is off.
        return not re.fullmatch("[0-9a-f]{12}", finding.detector_version)

    def rests_elsewhere(self, finding: Finding) -> bool:
        """Whether it is still on, and may rest on more than its own session's events: of what
        looks across sessions, or of an observer that is no detector of ours."""
        across = self.across()
        names = {one.meta.id for one in across.rules.correlations if one.reports}
        names |= {one.name for one in across.detectors}
        own = {meta.id for meta in self._rules.metas()} | {name for name, _ in self._detectors}
        return self.still_on(finding) and finding.detector not in own - names

    @property
    def digest(self) -> str:
        """Names this set of detectors: sessions seen by another set are looked at again."""
        on = sorted(
            (meta.id, meta.version) for meta in self._rules.metas() if meta.id not in self._disabled
        )
        record = [__version__, on, sorted(self._detectors), Reach.version]
        return sha256(msgspec.json.encode(record)).hexdigest()

    def described(self, found: Iterable[str] = ()) -> Detection:
        """For the record.

        Args:
            found: behaviours that there are findings of; what was found can be found.
        """
        off = self._disabled
        metas = [meta for meta in self._rules.metas() if meta.id not in off]
        covered = {meta.behaviour for meta in metas} | self._behaviours | set(found)
        codes = [behaviour.code for behaviour in taxonomy().behaviours]
        return Detection(
            digest=self.digest,
            detectors=len(metas) + len(self._detectors),
            disabled=[{"rule": rule, "reason": reason} for rule, reason in off.items()],
            behaviours_covered=[code for code in codes if code in covered],
            behaviours_uncovered=[code for code in codes if code not in covered],
        )
