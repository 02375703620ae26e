"""The engine: every event against every rule and detector, live and in batch alike.

There is one code path. Live, events are fed as they come; after a restart the session's
events are fed again from the ledger, which rebuilds the same state and gives findings
with the same ids. Nothing here reads a clock or random numbers to decide anything.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from roguewatch.detect.action import Action, clean
from roguewatch.detect.cause import Provenance
from roguewatch.detect.detector import Detector
from roguewatch.detect.detectors import built_in, detectors, reasons_checked
from roguewatch.detect.escalation import level_of
from roguewatch.detect.provenances import Provenances
from roguewatch.detect.sigma.reading import read_rules
from roguewatch.detect.sigma.rule import Meta, RuleSet
from roguewatch.detect.sigma.running import Hit, Running
from roguewatch.detect.sigma.view import View
from roguewatch.detect.warming import ordinary
from roguewatch.errors import RuleError
from roguewatch.events import Event
from roguewatch.findings import Finding, finding_id
from roguewatch.printable import printable

if TYPE_CHECKING:
    from roguewatch.detect.commands.command import Command
    from roguewatch.detect.commands.session import SessionShell

MAX_SESSIONS = 4_096
"""Sessions that are followed at once; the one that was fed longest ago is finished
first. Feeding it again from the start rebuilds it."""

SCAN_FACTOR = 64
SCAN_FLOOR = 8 << 20
"""An event whose text makes regular expressions look at more bytes than this, and at more
than `SCAN_FACTOR` times its own size, was written to slow the scanner: a finding."""

SLOW_SECONDS = 1.0
_EXCERPT = 240
_BOUNDED = ("bounded",)
"""How `commands.BOUNDED` is told: what follows was not looked at."""


class Slow(msgspec.Struct, frozen=True):
    """An event that took longer than `SLOW_SECONDS`; for operators, never a finding."""

    event: str
    session: str
    seconds: float


class _Session:
    """What the engine keeps of one session besides the detectors' own state."""

    __slots__ = ("found", "shells")

    def __init__(self) -> None:
        self.found: set[str] = set()
        self.shells: dict[str, SessionShell] = {}


class Engine:
    """Rules and detectors over events. Made by `load`.

    Args:
        rules: the compiled rules.
        detectors: detectors written in Python.
        disabled: ids that are switched off, each with the reason.
        provenances: shared with the detectors that trace causes themselves.
    """

    def __init__(
        self,
        rules: RuleSet,
        detectors: Sequence[Detector] = (),
        disabled: Mapping[str, str] = {},
        provenances: Provenances | None = None,
    ) -> None:
        self.rules = rules
        self.detectors = list(detectors)
        self._provenances = Provenances() if provenances is None else provenances
        self.disabled = dict(disabled)
        """Id: reason. The assessment prints these."""
        self.slow: list[Slow] = []
        self._running = Running(rules, disabled)
        self._watching: dict[str, tuple[Detector, ...]] = {}
        """By kind of event, the detectors that observe it."""
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._forgotten: dict[str, int] = {}
        self._overdue: list[Finding] = []
        """Findings of sessions that had to be finished early, given with the next event."""

    @staticmethod
    def load(folders: Sequence[Path] = (), disabled: Mapping[str, str] = {}) -> Engine:
        """The engine with the shipped pack, the user's own folders and all detectors.

        Args:
            folders: folders (or files) of Sigma rules besides the pack.
            disabled: ids of rules and detectors to switch off, each with a reason.

        Raises:
            RuleError: a rule cannot be run, an example of it does not hold, or an id in
                `disabled` is unknown.
        """
        rules = merged([read_rules([pack()]), *([read_rules(folders)] if folders else [])])
        provenances = Provenances()
        every = detectors(provenances)
        known = {meta.id for meta in rules.metas()}
        off = reasons_checked(disabled, known | {detector.name for detector in every})
        return Engine(rules, [one for one in every if one.name not in off], off, provenances)

    def action(self, event: Event, *, again: bool = False) -> Action:
        """The event's derived view, by what its session's shell knows: for `feed`, and for
        whoever must know the same of it.

        Args:
            event: the event, next in its session.
            again: it was fed before: looking at it leaves nothing behind.
        """
        event = _encodable(event)
        shell = self._shell(self._session(event.session), event)
        return Action(event, shell.copy() if again and shell is not None else shell)

    def feed(self, event: Event | Action, *, again: bool = False) -> list[Finding]:
        """Look at one event; in order within its session.

        Args:
            event: the event, or its `action`.
            again: also give findings that this event meets and that were given before in
                this session, which a decision about the event has to know.

        Returns:
            Findings not given before in this session, the rules' first.
        """
        started = time.perf_counter()
        action = event if isinstance(event, Action) else self.action(event)
        event = action.event
        session = self._session(event.session)
        shell = self._shell(session, event)
        if shell is not None and action.tool_class == "write":
            for path, content in zip(action.written, action.content, strict=False):
                shell.wrote(path, content, cwd=event.cwd)
        provenance = self._provenances.follow(event)
        found: list[Finding] = []
        plan = self._running.plan(action)
        if plan is not None:
            view = View(action)
            found += [_of_hit(hit, provenance) for hit in self._running.feed(view, plan)]
            found += self._conditions(view)
        for detector in self._watchers(event.kind):
            for one in detector.observe(action):
                found.append(_caused(one, action, provenance))
        elapsed = time.perf_counter() - started
        if elapsed > SLOW_SECONDS and len(self.slow) < 1_000:
            self.slow.append(Slow(event.id, event.session, elapsed))
        if self._overdue:
            found, self._overdue = self._overdue + found, []
        new = self._new(found, session) if found else found
        return found if again else new

    def finish(self, session: str) -> list[Finding]:
        """The session ended: what only its end can tell; its state is forgotten."""
        found: list[Finding] = []
        for detector in self.detectors:
            found += detector.finish(session)
        self._running.finish(session)
        self._provenances.forget(session)
        state = self._sessions.pop(session, None)
        return self._new(found, state) if state is not None else found

    def warm(self) -> Engine:
        """Build what the first events would wait for; for whoever answers live. Returns itself."""
        for _ in self.warming():
            continue
        return self

    def warming(self) -> Iterator[None]:
        """The same step by step, of some milliseconds each: by an ordinary session, of which
        nothing is kept."""
        beside = Engine(RuleSet(), built_in(Provenances()))
        for event in ordinary():
            self._running.warm(Action(event))
            beside.feed(event)
            yield

    def replay(self, events: Iterable[Event]) -> list[Finding]:
        """Rebuild state after a restart from the ledger's events; their findings again."""
        return [finding for event in events for finding in self.feed(event)]

    def _watchers(self, kind: str) -> tuple[Detector, ...]:
        found = self._watching.get(kind)
        if found is None:
            found = self._watching[kind] = tuple(
                one for one in self.detectors if kind in getattr(one, "kinds", (kind,))
            )
        return found

    def _session(self, name: str) -> _Session:
        state = self._sessions.get(name)
        if state is None:
            state = self._sessions[name] = _Session()
            if len(self._sessions) > MAX_SESSIONS:
                self._overdue += self.finish(next(iter(self._sessions)))
        else:
            self._sessions.move_to_end(name)
        return state

    @staticmethod
    def _shell(session: _Session, event: Event) -> SessionShell | None:
        if event.kind != "tool_call":
            return None
        shell = session.shells.get(event.agent)
        if shell is None:
            # The parsers are loaded at the first call, not at start-up.
            from roguewatch.detect.commands.session import SessionShell

            shell = session.shells[event.agent] = SessionShell()
        return shell

    @staticmethod
    def _new(found: list[Finding], session: _Session) -> list[Finding]:
        new = []
        for finding in found:
            if finding.id not in session.found:
                session.found.add(finding.id)
                new.append(finding)
        return new

    def _conditions(self, view: View) -> list[Finding]:
        """The engine's own bounds, where an event met them: reported, never silent."""
        event = view.action.event
        found = []
        size = len(event.text) + len(event.arguments)
        if view.scanned > SCAN_FLOOR and view.scanned > SCAN_FACTOR * size:
            found.append(_own(SLOW_TEXT, event, event.call_id or event.id))
        commands = view.action.commands if event.arguments else ()
        if commands and commands[-1].via == _BOUNDED:
            found.append(_own(UNREAD, event, event.call_id or event.id))
        # Only what was just fed to the correlations can have made one forget.
        forgotten = self._running.forgotten() if self._running.correlated else {}
        for name, count in forgotten.items():
            if self._forgotten.get(name) is None:
                found.append(_own(FORGOTTEN, event, name))
            self._forgotten[name] = count
        return found


def _of_hit(hit: Hit, provenance: Provenance) -> Finding:
    meta, event = hit.meta, hit.action.event
    raising = _raising(hit)
    cause, basis = provenance.cause(event, commands=raising)
    return Finding(
        id=finding_id(meta.id, event.session, hit.key),
        session=event.session,
        behaviour=meta.behaviour,
        title=meta.title,
        level=level_of(meta, cause, raising, provenance),
        detector=meta.id,
        detector_version=meta.version,
        events=hit.events,
        cause=cause,
        cause_basis=basis,
        time=event.time,
        agent=event.agent,
        surface=event.surface,
        rationale=meta.rationale or meta.description,
        falsifier=meta.falsifier,
        excerpt=excerpt(hit),
        overreach=meta.overreach,
        deception=meta.deception,
        maturity=meta.maturity,
        tags=meta.tags,
    )


def _raising(hit: Hit) -> tuple[Command, ...]:
    """The commands that a rule held on: the one, with what is piped into it; else all."""
    commands = hit.action.commands
    if hit.at < 0:
        return commands
    return commands[max(0, hit.at - commands[hit.at].pipeline) : hit.at + 1]


def _caused(finding: Finding, action: Action, provenance: Provenance) -> Finding:
    """Fill in the cause where the detector did not, for findings on this event."""
    event = action.event
    if finding.cause != "unknown" or finding.cause_basis or finding.events[:1] != (event.id,):
        return finding
    cause, basis = provenance.cause(event, commands=action.commands)
    return msgspec.structs.replace(finding, cause=cause, cause_basis=basis)


def _encodable(event: Event) -> Event:
    """The event without lone surrogates, which no regular expression engine can read.

    Sources replace them; a live event may still hold some.
    """
    if (
        event.text.isascii()
        and event.arguments.isascii()
        and event.detail.isascii()
        and event.tool.isascii()
        and event.cwd.isascii()
    ):
        return event
    changed = {}
    for name in ("text", "arguments", "detail", "tool", "cwd"):
        value = getattr(event, name)
        if not value.isascii() and (cleaned := clean(value)) != value:
            changed[name] = cleaned
    return msgspec.structs.replace(event, **changed) if changed else event


SLOW_TEXT = Meta(
    id="engine-slow-text",
    title="Text that slows the scanner",
    file="",
    behaviour="E4",
    level="low",
    version="1",
    rationale="An ordinary text of this size meets few rules; this one meets very many, which "
    "makes looking at it slow.",
    falsifier="The text quotes many commands or rules for a good reason.",
)
UNREAD = Meta(
    id="engine-unread-command",
    title="A command too long or too deep to be understood in full",
    file="",
    behaviour="E4",
    level="low",
    version="1",
    rationale="Part of what this call runs was not looked at, because it is longer, wider or more "
    "deeply nested than commands that people and agents write.",
    falsifier="Generated input, such as a large file given in a heredoc or a list in a loop.",
)
FORGOTTEN = Meta(
    id="engine-forgotten",
    title="A correlation had to forget what it saw",
    file="",
    behaviour="E4",
    level="low",
    version="1",
    rationale="So many groups or events met a correlation that its bounded state dropped the "
    "oldest; a slow sequence may have been missed.",
    falsifier="A long, busy and harmless session.",
)


def _own(meta: Meta, event: Event, key: str) -> Finding:
    return Finding(
        id=finding_id(meta.id, event.session, key),
        session=event.session,
        behaviour=meta.behaviour,
        title=meta.title,
        level=meta.level,
        detector=meta.id,
        detector_version=meta.version,
        events=(event.id,),
        time=event.time,
        agent=event.agent,
        surface=event.surface,
        rationale=meta.rationale,
        falsifier=meta.falsifier,
        excerpt=printable(key, _EXCERPT),
    )


def excerpt(hit: Hit) -> str:
    """A short printable quotation: the command, the files, the arguments or the text."""
    action = hit.action
    if hit.at >= 0:
        return printable(action.commands[hit.at].text, _EXCERPT)
    event = action.event
    if event.kind == "tool_call":
        return printable(f"{event.tool} {event.arguments[: _EXCERPT * 2]}", _EXCERPT)
    return printable(event.text[: _EXCERPT * 2] or event.permission_mode, _EXCERPT)


def pack() -> Path:
    """The folder of the shipped rules."""
    return Path(__file__).parent / "pack"


def merged(sets: Sequence[RuleSet]) -> RuleSet:
    """Several sets as one.

    Raises:
        RuleError: two rules have the same id.
    """
    seen: set[str] = set()
    for meta in (meta for one in sets for meta in one.metas()):
        if meta.id in seen:
            raise RuleError(f"{meta.file}: name: {meta.id} is taken by another rule")
        seen.add(meta.id)
    return RuleSet(
        tuple(rule for one in sets for rule in one.rules),
        tuple(rule for one in sets for rule in one.correlations),
    )
