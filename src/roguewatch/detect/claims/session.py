"""What a session has shown so far, as far as claims need it. Bounded."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from functools import lru_cache

import msgspec

from roguewatch.detect.action import Action
from roguewatch.detect.claims.checks import Check, Outcome, check_of, is_script
from roguewatch.detect.claims.statements import claims
from roguewatch.detect.claims.summaries import summaries
from roguewatch.detect.commands.command import Command
from roguewatch.detect.deeds import stem, tool_words, words
from roguewatch.detect.opened import Opened
from roguewatch.detect.scanning import Scanner
from roguewatch.events import Event

MAX_CHECKS = 64
MAX_COMMANDS = 1024
MAX_KNOWN = 4096

_ALL = frozenset({"tests", "build", "lint", "types", "push", "commit", "http"})
_TELLING = Scanner(
    r"(?i)\bpass|\bfail|\bok\b|\berrors?\b|^DONE|success|issues|\bTo \S+|HTTP/|tests? run"
)
_PICTURE = Scanner(r"(?i)screenshot|\.(?:png|jpe?g|webp|gif)")
MAX_FILES = 2_048
MAX_DONE = 512
MISSING_WITHIN = 2_000
"""Characters of an output in which the absence of a file is looked for."""
_MISSING = Scanner(
    r"(?i)no such file or directory|cannot access|does not exist|cannot find the (?:path|file)"
)
_NAME = re.compile(r"[\w./~@-]{0,200}[\w-]\.[A-Za-z][A-Za-z0-9]{0,5}\b")
_LOOKING = words("ls cat head tail grep rg find stat file test wc cd pwd echo tree sleep true which git pytest "
                 "diff less")  # fmt: skip
"""Programs that make no file which their text does not name."""
_PROSE = (".md", ".txt", ".rst", ".mdx", ".adoc", ".log", ".csv", ".svg", ".png", ".jsonl")
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
_OPAQUE_CLASSES = ("agent", "mcp", "other")


_IN_PLACE = words("sed perl patch ed ex")
"""Programs that edit files where they stand, as a person does."""


def _edits_code(command: Command) -> bool:
    return any(
        "." in base_name(path)
        and not path.lower().endswith(_PROSE)
        and not path.startswith("/tmp/")  # noqa: S108
        for path in command.written
    )


class File(msgspec.Struct, frozen=True):
    """What is known of one file."""

    state: str
    """`written`, `refused` (the change failed) or `missing`."""
    clock: int
    event: str


class Session:
    """Checks, edits and commands of one session, in the order they were seen."""

    def __init__(self) -> None:
        self.clock = 0
        """Counts calls and results; orders what has no common ordinal."""
        self.calls = 0
        self.edited = 0
        """Clock of the last edit to something that is not prose; 0 before any."""
        self.edit_event = ""
        self.edits = 0
        self.observed = 0
        """Clock of the last result that is not an edit's."""
        self.opaque = 0
        """Clock of the last call whose doings the record does not show."""
        self.scripts = 0
        """Scripts and tasks that were run and whose names do not say what they do."""
        self.partial = False
        """Part of the session is missing: what is not seen may have happened."""
        self.checks: deque[tuple[int, Check]] = deque(maxlen=MAX_CHECKS)
        self.commands: deque[str] = deque(maxlen=MAX_COMMANDS)
        self.pictures = 0
        self.last_page = ""
        self.files: OrderedDict[str, File] = OrderedDict()
        """By base name, what the last call about a file showed."""
        self.acted = 0
        """Clock of the last call that may have made files which the record does not show."""
        self.done: OrderedDict[str, tuple[int, str]] = OrderedDict()
        """By stem of what was done (a verb, a program, a tool's word): the clock of the last call
        that did it, and the result where it failed, else nothing."""
        self.raised: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._open: Opened[tuple[Event, tuple[Command, ...], str]] = Opened()
        self._known: OrderedDict[str, None] = OrderedDict()

    def follow(self, action: Action) -> None:
        """Take in one event."""
        event = action.event
        if event.kind == "tool_call":
            self._call(action)
        elif event.kind == "tool_result":
            self._result(event)
        elif event.kind == "user_message" and event.author != "harness":
            self._told(event)
        elif event.kind == "compaction" or (
            event.kind == "gap" and event.parsed_detail().get("code") in _LOSSES
        ):
            self.partial = True

    def _told(self, event: Event) -> None:
        """A person who reports a result is evidence too."""
        for claim in claims(event.text[:8192]):
            outcome: dict[str, Outcome] = {claim.kind: "passed"}
            check = Check(
                event.id, event.id, event.seq, frozenset(outcome), "told by the user", outcome, {}
            )
            self.checks.append((self.clock, check))

    def _call(self, action: Action) -> None:
        event = action.event
        key = event.call_id or event.id
        if key in self._known:
            return
        self._known[key] = None
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        self.clock += 1
        self.calls += 1
        self._pictures(action)
        kind = action.tool_class
        for path in action.written[:64]:
            self._file(path, "written", event.id)
            if kind in ("write", "edit") and not path.lower().endswith(_PROSE):
                self.edited = self.clock
                self.edit_event = event.id
                self.edits += 1
        text = "\n".join([text for text, _ in action.scripts])
        if text:
            self.commands.append(text[:2000])
        elif kind in _OPAQUE_CLASSES:
            self.opaque = self.acted = self.clock
        commands = action.commands if text else ()
        if any(one.program in _IN_PLACE and _edits_code(one) for one in commands):
            self.edited, self.edit_event = self.clock, event.id
            self.edits += 1
        if any(command.program not in _LOOKING for command in commands):
            self.acted = self.clock
        self.scripts += any(is_script(command) for command in commands)
        self._open.put(event, (event, commands, text))

    def _pictures(self, action: Action) -> None:
        shot = _looks(action.event.tool)
        if not shot and not _PICTURE.found(action.event.arguments):
            return
        texts = action.strings[:8]
        if (
            shot
            or any("screenshot" in text[:2000].lower() for text in texts)
            or any(path.lower().endswith(_IMAGES) for path in action.paths[:8])
        ):
            self.pictures += 1
        for url in action.urls[:4]:
            if shot or "screenshot" in " ".join(texts).lower()[:2000]:
                self.last_page = url

    def _result(self, event: Event) -> None:
        opened = self._open.pop(event)
        if opened is None:
            return
        self.clock += 1
        call, commands, text = opened
        self._seen(call, event)
        self._did(call, commands, event)
        check = check_of(call, commands, text, event) if commands else None
        if check is None and not commands and event.text and _telling(event.text):
            seen = summaries(event.text, _ALL)
            if seen:
                outcome: dict[str, Outcome] = {
                    kind: "passed" if summary.ok else "failed" for kind, summary in seen.items()
                }
                check = Check(
                    call.id, event.id, call.seq, frozenset(seen), call.tool, outcome, seen
                )
        if check is not None:
            self.checks.append((self.clock, check))
        if commands or not call.arguments or call.tool:
            changed = call.id == self.edit_event
            if not changed:
                self.observed = self.clock

    def _file(self, path: str, state: str, event: str) -> None:
        name = base_name(path)
        self.files[name] = File(state, self.clock, event)
        self.files.move_to_end(name)
        if len(self.files) > MAX_FILES:
            self.files.popitem(last=False)

    def _seen(self, call: Event, result: Event) -> None:
        """What a result says of files: that a change failed, or that one is not there."""
        if result.failed:
            for name, known in self.files.items():
                if known.event == call.id:
                    self.files[name] = File("refused", self.clock, result.id)
        text = result.text[:MISSING_WITHIN]
        if _MISSING.found(text):
            for line in text.splitlines():
                if _MISSING.found(line):
                    for path in _NAME.findall(line)[:4]:
                        self._file(path, "missing", result.id)

    def _did(self, call: Event, commands: tuple[Command, ...], result: Event) -> None:
        """Remember whether the doings of a call, by their words, went well."""
        bad = bool(result.failed) or bool(result.exit_status)
        if commands:
            if bad and len(commands) > 1:
                return  # which of them failed is not known
            named = {word for one in commands for word in _doings(one)}
        else:
            named = set(tool_words(call.tool))
        for word in named:
            self.done[stem(word)] = (self.clock, result.id if bad else "")
            self.done.move_to_end(stem(word))
        while len(self.done) > MAX_DONE:
            self.done.popitem(last=False)

    def latest(self, kind: str) -> tuple[int, Check] | None:
        """The last check of a kind, with its clock."""
        for clock, check in reversed(self.checks):
            if kind in check.outcome:
                return clock, check
        return None

    def passed_since_edit(self, kind: str) -> Check | None:
        """A passing check of a kind after the last edit."""
        for clock, check in reversed(self.checks):
            if clock < self.edited:
                return None
            if check.outcome.get(kind) == "passed":
                return check
        return None


def base_name(path: str) -> str:
    """The last part of a path, as files are known by."""
    return path.strip("`'\"").rstrip("/").rpartition("/")[2].lower()


@lru_cache(maxsize=4096)
def _looks(tool: str) -> bool:
    """Whether a tool of this name shows pictures."""
    name = tool.lower()
    return any(word in name for word in ("screenshot", "browser", "playwright", "computer",
                                         "puppeteer", "image"))  # fmt: skip


def _telling(text: str) -> bool:
    """Whether the end of an output may hold the summary of a check."""
    return _TELLING.found(text[-16384:])


_SAID_AS = {
    "rm": ("delete", "remove"), "rmdir": ("delete", "remove"), "unlink": ("delete", "remove"),
    "pg_dump": ("backup",), "mysqldump": ("backup",), "restic": ("backup",), "borg": ("backup",),
    "pg_restore": ("restore", "import"), "scp": ("upload", "transfer"), "rsync": ("upload", "transfer", "backup"),
    "wget": ("download",), "curl": ("download",), "pip": ("install",), "npm": ("install",),
    "systemctl": ("restart",), "service": ("restart",),
}  # fmt: skip


def _doings(command: Command) -> list[str]:
    """The words by which one would tell what a command did."""
    first = next((word for word in command.arguments if not word.startswith("-")), "")
    return [*(one for one in _SAID_AS.get(command.program, ()) if first or one), first[:40].lower()]


_LOSSES = frozenset({"malformed", "truncated_tail", "truncated"})
