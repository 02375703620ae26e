"""Everything that acts here without an entry, and the entries that it should have."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from roguewatch.control.discovery.recognition import inside
from roguewatch.control.discovery.running import Running, running
from roguewatch.control.discovery.settings import Settings, settings
from roguewatch.control.ownership import Sessions, folders_of
from roguewatch.events import Event
from roguewatch.printable import printable
from roguewatch.state.register import ALL, Deployment, Recognition, Scope
from roguewatch.state.runs import Run

MAX_TOOLS = 500
MAX_SESSIONS = 50
"""Sessions named in a proposal's evidence; the rest are counted."""


class Unowned(msgspec.Struct, frozen=True, kw_only=True):
    """A session of the ledger that no entry of the register accounts for. Times in ns UTC."""

    session: str
    surface: str
    folder: str
    model: str
    recorded: str
    """The deployment that the record names, which has no entry; mostly empty."""
    several: tuple[str, ...]
    """Entries that fit it equally well; empty where none does."""
    first: int | None
    last: int | None
    events: int


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that should be in the register, for a person to review."""

    entry: Deployment
    evidence: tuple[str, ...]
    """What it was proposed from, each in a printable line."""


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """What acts here, against the register."""

    running: tuple[Running, ...]
    """All agents that run now, registered or not."""
    unowned: tuple[Unowned, ...]
    settings: tuple[Settings, ...]
    proposals: tuple[Proposal, ...]

    @property
    def unregistered(self) -> tuple[Running, ...]:
        """The agents that run without an entry."""
        return tuple(one for one in self.running if not one.deployment)


class Survey:
    """Looks over a ledger, this machine's settings and its processes.

    Args:
        deployments: the register.
        runs: open runs.
        home: whose agents are looked for.
        variables: the environment that may move their folders.
    """

    def __init__(
        self,
        deployments: Iterable[Deployment],
        runs: Iterable[Run],
        home: Path,
        variables: Mapping[str, str],
    ) -> None:
        self._deployments = {entry.name: entry for entry in deployments}
        self._runs = list(runs)
        self._home, self._variables = home, variables
        self._sessions = Sessions(self._deployments)
        self._tools: defaultdict[str, list[str]] = defaultdict(list)

    def see(self, event: Event) -> None:
        """Take in one event of the ledger."""
        self._sessions.see(event)
        tools = self._tools[event.session]
        if event.kind == "tool_call" and event.tool not in tools and len(tools) < MAX_TOOLS:
            tools.append(event.tool)

    def discovered(self) -> Discovered:
        """What was found."""
        unowned = self._unowned()
        now = running(self._deployments, self._runs, self._home, self._variables)
        folders = {Path(one.folder) for one in unowned if one.folder.startswith("/")}
        folders |= {Path(one.folder) for one in now if one.folder not in ("", "/")}
        found = settings(self._home, self._variables, sorted(folders))
        return Discovered(
            running=tuple(now),
            unowned=tuple(unowned),
            settings=tuple(found),
            proposals=tuple(self._proposals(unowned, now, found)),
        )

    def _unowned(self) -> list[Unowned]:
        found = []
        for name, traits in sorted(self._sessions.traits.items()):
            names, basis = self._sessions.whose(name)
            known = [one for one in names if one in self._deployments]
            if len(known) == 1 or (known and basis == "recorded"):
                continue
            found.append(
                Unowned(
                    session=name,
                    surface=traits.surface,
                    folder=traits.folders[0] if traits.folders else "",
                    model=traits.models[0] if traits.models else "",
                    recorded=names[0] if basis == "recorded" else "",
                    several=tuple(known),
                    first=traits.first,
                    last=traits.last,
                    events=traits.events,
                )
            )
        return found

    def _proposals(
        self, unowned: list[Unowned], now: list[Running], found: list[Settings]
    ) -> list[Proposal]:
        drafts = _Drafts(self._deployments)
        for one in unowned:
            if not one.several:
                drafts.session(one, self._tools[one.session])
        for process in now:
            if not process.deployment:
                drafts.process(process)
        for setting in found:
            drafts.setting(setting)
        return drafts.proposals()


class _Draft:
    """One proposed entry while evidence for it is gathered."""

    def __init__(self, surface: str, folder: str, name: str) -> None:
        self.surface, self.folder, self.name = surface, folder, name
        self.models: list[str] = []
        self.tools: list[str] = []
        self.permissions: list[str] = []
        self.executables: list[str] = []
        self.evidence: list[str] = []
        self.sessions = 0
        self.sources: list[str] = []


class _Drafts:
    """Proposals by surface and folder."""

    def __init__(self, deployments: Mapping[str, Deployment]) -> None:
        self._deployments = deployments
        self._drafts: dict[tuple[str, str], _Draft] = {}

    def session(self, one: Unowned, tools: list[str]) -> None:
        draft = self._draft(one.surface, one.folder, one.recorded)
        draft.sessions += 1
        draft.models += [one.model] if one.model else []
        draft.tools += tools
        if draft.sessions <= MAX_SESSIONS:
            draft.evidence.append(f"session {one.session}: {one.events} events in the ledger")

    def process(self, one: Running) -> None:
        draft = self._draft(one.surface, one.folder)
        name = Path(one.executable).name
        if one.sign == "executable" or (one.sign == "session file" and name):
            draft.executables.append(one.executable)
        draft.evidence.append(f"process {one.pid}, by its {one.sign}: {one.command}")

    def setting(self, one: Settings) -> None:
        if one.error:
            return
        drafts = [
            draft for draft in self._drafts.values()
            if draft.surface == one.surface
            and (not one.project or inside((one.project,), draft.folder))
        ]  # fmt: skip
        if not drafts and not self._covered(one):
            drafts = [self._draft(one.surface, one.project)]
        for draft in drafts:
            draft.permissions += one.permissions
            draft.models += [one.model] if one.model else []
            draft.tools += [f"mcp__{server.name}__*" for server in one.servers]
            servers = ", ".join(f"{server.name} ({server.how})" for server in one.servers)
            mode = f", mode {one.mode}" if one.mode else ""
            more = f", MCP servers: {servers}" if servers else ""
            draft.evidence.append(
                f"settings {one.path}: {len(one.permissions)} permissions{mode}{more}"
            )

    def proposals(self) -> list[Proposal]:
        """The proposals, by name."""
        return sorted(map(_proposal, self._drafts.values()), key=lambda one: one.entry.name)

    def _covered(self, one: Settings) -> bool:
        """Whether the register has an entry that such settings are those of."""
        return any(
            entry.surface == one.surface
            and (not one.project or not folders_of(entry) or inside(folders_of(entry), one.project))
            for entry in self._deployments.values()
        )

    def _draft(self, surface: str, folder: str, recorded: str = "") -> _Draft:
        if recorded in ("", ALL) or len(recorded) > 200 or printable(recorded) != recorded:
            recorded = ""  # cannot be an entry's name
        key = (f"={recorded}", "") if recorded else (surface, folder)
        if key not in self._drafts:
            taken = {*self._deployments, *(draft.name for draft in self._drafts.values())}
            self._drafts[key] = _Draft(surface, folder, recorded or _name(surface, folder, taken))
        return self._drafts[key]


def _proposal(draft: _Draft) -> Proposal:
    models = sorted(set(draft.models), key=draft.models.count, reverse=True)
    folders = (draft.folder,) if draft.folder not in ("", "/") else ()
    more = draft.sessions - MAX_SESSIONS
    evidence = [*draft.evidence, *([f"{more} more sessions"] if more > 0 else [])]
    return Proposal(
        entry=Deployment(
            name=draft.name,
            surface=printable(draft.surface, 100),
            model=printable(models[0], 100) if models else "",
            scope=Scope(
                paths=tuple(printable(folder, 1000) for folder in folders),
                tools=tuple(printable(tool, 200) for tool in sorted(set(draft.tools))),
            ),
            permissions=tuple(dict.fromkeys(draft.permissions)),
            recognition=Recognition(executables=tuple(dict.fromkeys(draft.executables))),
            reviewed=False,
        ),
        evidence=tuple(printable(line, 500) for line in evidence),
    )


def _name(surface: str, folder: str, taken: set[str]) -> str:
    """A name from surface and folder that no entry has yet."""
    base = "-".join(part for part in (surface, Path(folder).name) if part) or "unknown"
    name = re.sub(r"[^a-z0-9.]+", "-", base.casefold()).strip("-")[:100] or "unknown"
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
