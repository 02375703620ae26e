"""What a deployment could leave behind to come back, taken before and compared after.

Places where something can be planted that runs later, by itself or when somebody logs in,
commits, or starts the agent again. A footprint is the digest of every file in them; the
sweep after a stop names what appeared or changed since the footprint was taken. Without
one, everything in these places that is younger than the deployment is named.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch.printable import printable_path

MAX_FILES = 5000
MAX_BYTES = 4 << 20
"""Larger files are compared by size and time of change alone."""

_HOME = {
    "shell start-up file": (
        ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc",
        ".zshenv", ".zprofile", ".zlogin", ".inputrc", ".config/fish/config.fish",
        ".config/fish/conf.d", ".bash_aliases", ".pam_environment", ".xprofile", ".xsessionrc",
        ".vimrc", ".config/nvim/init.lua", ".pythonrc",
    ),
    "user unit": (".config/systemd/user", ".local/share/systemd/user"),
    "login item": (".config/autostart", "Library/LaunchAgents"),
    "authorised key": (".ssh/authorized_keys", ".ssh/authorized_keys2", ".ssh/rc", ".ssh/config"),
    "git setting": (".gitconfig", ".config/git"),
    "agent memory or setting": (
        ".claude/settings.json", ".claude/settings.local.json", ".claude/CLAUDE.md",
        ".claude/agents", ".claude/commands", ".claude/skills", ".claude/hooks", ".claude.json",
        ".codex/config.toml", ".codex/hooks.json", ".codex/AGENTS.md", ".gemini/settings.json",
        ".gemini/GEMINI.md", ".cursor/hooks.json", ".cursor/mcp.json", ".copilot",
    ),
    "command in the path": (".local/bin", "bin"),
    "terminal session setting": (".tmux.conf", ".screenrc"),
}  # fmt: skip

_PROJECT = {
    "git hook": (".git/hooks", ".githooks", ".husky"),
    "git setting": (".git/config", ".gitattributes"),
    "agent memory or setting": (
        ".claude", ".mcp.json", "CLAUDE.md", "AGENTS.md", "GEMINI.md", ".codex", ".gemini",
        ".cursor", ".github/hooks", ".github/copilot-instructions.md",
    ),
    "build step": (".envrc", ".vscode/tasks.json", "conftest.py", "sitecustomize.py"),
}  # fmt: skip

_SYSTEM = {
    "at job": ("/var/spool/at", "/var/spool/cron/atjobs"),
    "cron table": (
        "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
        "/etc/cron.monthly", "/var/spool/cron", "/etc/anacrontab",
    ),
    "system unit": ("/etc/systemd/system", "/run/systemd/system", "/run/systemd/transient"),
    "shell start-up file": ("/etc/profile.d", "/etc/bash.bashrc", "/etc/zsh", "/etc/environment"),
    "preloaded library": ("/etc/ld.so.preload", "/etc/ld.so.conf.d"),
    "boot script": ("/etc/rc.local", "/etc/init.d"),
    "privilege": ("/etc/sudoers", "/etc/sudoers.d", "/etc/doas.conf"),
}  # fmt: skip

_SKIPPED_IN_HOME = ("tool-results", "projects", "sessions", "logs", "session-state", "cache")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was left behind."""

    kind: str
    path: str
    """Printable."""
    change: str
    """appeared, changed, or `younger than the deployment`."""


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """The state of all those places at one moment (ns UTC): path → digest."""

    taken: int
    home: str
    project: str
    digests: dict[str, str]


def footprint(home: Path, project: Path | None, *, root: Path = Path("/")) -> Footprint:
    """Take the footprint of a machine for one home and one project.

    Args:
        home: the home of the user that the deployment runs as.
        project: the folder that it works in, if there is one.
        root: where the system's own places begin; another folder in tests.
    """
    digests = {
        str(path): digest
        for _, path in _all_files(home, project, root)
        if (digest := _digest(path)) is not None
    }
    return Footprint(
        taken=time.time_ns(), home=str(home), project=str(project or ""), digests=digests
    )


def sweep(
    before: Footprint | None,
    home: Path,
    project: Path | None,
    *,
    since: int = 0,
    root: Path = Path("/"),
) -> list[Trace]:
    """What was left behind.

    Args:
        before: the footprint from before the deployment began, if one was taken.
        home: as for `footprint`.
        project: as for `footprint`.
        since: ns UTC; without a footprint, what changed after this is named.
        root: as for `footprint`.
    """
    found = []
    for kind, path in _all_files(home, project, root):
        shown = printable_path(path)
        if before is None:
            if _changed(path) >= since:
                found.append(Trace(kind=kind, path=shown, change="younger than the deployment"))
            continue
        digest, earlier = _digest(path), before.digests.get(str(path))
        if digest is not None and earlier is None:
            found.append(Trace(kind=kind, path=shown, change="appeared"))
        elif digest is not None and digest != earlier:
            found.append(Trace(kind=kind, path=shown, change="changed"))
    return found


def places(home: Path, project: Path | None, root: Path) -> Iterator[tuple[str, Path]]:
    """Kind and path of every place, whether it is there or not; arguments as for
    `footprint`."""
    bases: list[tuple[Path, dict[str, tuple[str, ...]]]] = [(home, _HOME)]
    if project is not None:
        bases.append((project, _PROJECT))
    bases.append((root, {kind: tuple(p.lstrip("/") for p in ps) for kind, ps in _SYSTEM.items()}))
    for base, kinds in bases:
        for kind, names in kinds.items():
            for name in names:
                yield kind, base / name


def skipped(name: str) -> bool:
    """Whether a folder of this name below a place is no place: an agent's own records."""
    return name in _SKIPPED_IN_HOME


def _all_files(home: Path, project: Path | None, root: Path) -> Iterator[tuple[str, Path]]:
    seen: set[str] = set()
    for kind, place in places(home, project, root):
        for path in _files(place):
            if str(path) not in seen:
                seen.add(str(path))
                yield kind, path


def _files(place: Path) -> Iterable[Path]:
    """The files of a place, links and sockets included, without following links."""
    try:
        mode = place.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISDIR(mode):
        yield place
        return
    count = 0
    for folder, below, names in os.walk(place):
        below[:] = sorted(name for name in below if not skipped(name))
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                return
            yield Path(folder) / name


def _digest(path: Path) -> str | None:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return f"link {os.readlink(path)!r}"
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return f"{stat.S_IFMT(status.st_mode)} {status.st_size} {status.st_mtime_ns}"
        return f"{status.st_mode & 0o7777:o} {sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        return f"cannot be read: {error.errno}" if path.is_symlink() or path.exists() else None


def _changed(path: Path) -> int:
    try:
        return path.lstat().st_ctime_ns
    except OSError:
        return 0
