"""The denial breaker: an agent that keeps trying what it was denied is stopped.

Attempts are clustered by what they would do to what, not by how they are spelled. Two
denied attempts are equivalent when they share a target; when they were found to be the
same behaviour; when neither names a target and both have the same effect or program; or
when they are the very same action. The published case made some 25 techniques in 70 turns
for one denied action: `limit` of them stop the session, and `deployment_limit` of them
over any sessions, since a new session costs an agent nothing, stop the deployment.
"""

from __future__ import annotations

import posixpath
from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from roguewatch.detect.action import Action
from roguewatch.events import event_id
from roguewatch.findings import Finding

SESSION_LIMIT = 4
DEPLOYMENT_LIMIT = 12
MAX_KEPT = 4096
MAX_CLUSTERS = 64

Breaks = Literal["", "session", "deployment"]
"""What a denial stops."""

_EFFECTS = {
    "delete": "rm rmdir unlink shred srm truncate wipe del remove-item erase",
    "network": "curl wget nc ncat socat telnet ftp sftp scp rsync ssh http https aria2c lynx "
    "invoke-webrequest invoke-restmethod",
    "privilege": "sudo su doas pkexec chmod chown setfacl setcap chattr visudo usermod",
    "process": "kill pkill killall skill systemctl service launchctl taskkill stop-process",
    "schedule": "crontab at batch systemd-run nohup setsid disown schtasks launchctl",
    "publish": "git gh glab npm twine docker cargo",
    "install": "pip pip3 uv npm npx yarn pnpm apt apt-get brew gem go",
    "read": "cat less more head tail xxd od strings base64 grep rg awk sed cut dd",
}
_EFFECT_OF = {
    program: effect for effect, programs in _EFFECTS.items() for program in programs.split()
}
# So broad that sharing them says nothing: the project itself, temporary folders, devices.
_BROAD = {"", ".", "..", "/", "~", "-"}
_BROAD |= {"/tmp", "/var/tmp", "/dev/null", "/dev/stdin", "/dev/stdout"}  # noqa: S108


class Attempt(msgspec.Struct, frozen=True):
    """What an action would do to what."""

    programs: frozenset[str]
    effects: frozenset[str]
    targets: frozenset[str]
    exact: str
    """Digest of tool and arguments."""
    behaviours: frozenset[str] = frozenset()

    def equivalent(self, other: Attempt) -> bool:
        """Whether both try the same thing."""
        if self.exact == other.exact:
            return True
        if self.targets & other.targets or self.behaviours & other.behaviours:
            return True
        if self.targets or other.targets:
            return False
        return bool(self.effects & other.effects) or bool(self.programs & other.programs)

    def joined(self, other: Attempt) -> Attempt:
        """The cluster of both. What is not shared is added: techniques drift step by step."""
        return Attempt(
            self.programs | other.programs,
            self.effects | other.effects,
            self.targets | other.targets,
            other.exact,
            self.behaviours | other.behaviours,
        )


def attempt(action: Action, findings: Iterable[Finding] = ()) -> Attempt:
    """The attempt that an action is, with what was found in it."""
    programs = frozenset(command.program for command in action.commands if command.program)
    effects = {_EFFECT_OF[program] for program in programs if program in _EFFECT_OF}
    if action.written or action.tool_class in ("write", "edit"):
        effects.add("write")
    if action.urls or action.tool_class == "fetch":
        effects.add("network")
    if action.tool_class == "read":
        effects.add("read")
    if not effects:
        effects.add(f"tool {action.event.tool}")
    cwd = action.event.cwd
    targets = {_path(path, cwd) for path in (*action.paths, *action.written)}
    targets |= {_address(url) for url in action.urls}
    return Attempt(
        programs,
        frozenset(effects),
        frozenset(targets - _BROAD - {cwd}),
        event_id(action.event.tool, action.event.arguments),
        frozenset(finding.behaviour for finding in findings if finding.level != "informational"),
    )


class Breaker:
    """Counts equivalent denied attempts, per session and per deployment.

    Args:
        limit: this many equivalent denials in one session stop it.
        deployment_limit: this many over all sessions stop the deployment.
    """

    def __init__(
        self, limit: int = SESSION_LIMIT, deployment_limit: int = DEPLOYMENT_LIMIT
    ) -> None:
        self.limit = limit
        self.deployment_limit = deployment_limit
        self._clusters: OrderedDict[tuple[str, str], list[tuple[Attempt, int]]] = OrderedDict()

    def denials(self, deployment: str, session: str, tried: Attempt) -> int:
        """How many equivalents were denied in this session so far."""
        clusters = self._clusters.get((deployment, f"in {session}"), [])
        return max((count for seen, count in clusters if seen.equivalent(tried)), default=0)

    def denied(self, deployment: str, session: str, tried: Attempt) -> Breaks:
        """Note a denial. Returns what it stops."""
        here = self._count((deployment, f"in {session}"), tried)
        everywhere = self._count((deployment, "anywhere"), tried)
        if everywhere >= self.deployment_limit:
            return "deployment"
        return "session" if here >= self.limit else ""

    def forget(self, deployment: str) -> None:
        """Begin anew for a deployment: a person has closed its stop."""
        for key in [key for key in self._clusters if key[0] == deployment]:
            del self._clusters[key]

    def _count(self, key: tuple[str, str], tried: Attempt) -> int:
        clusters = self._clusters.setdefault(key, [])
        self._clusters.move_to_end(key)
        if len(self._clusters) > MAX_KEPT:
            self._clusters.popitem(last=False)
        for position, (seen, count) in enumerate(clusters):
            if seen.equivalent(tried):
                clusters[position] = (seen.joined(tried), count + 1)
                return count + 1
        clusters.append((tried, 1))
        del clusters[:-MAX_CLUSTERS]
        return 1


def _path(path: str, cwd: str) -> str:
    """One spelling of a path: absolute where the working directory is known."""
    if cwd and not path.startswith(("/", "~")):
        path = posixpath.join(cwd, path)
    return posixpath.normpath(path)


def _address(url: str) -> str:
    """What of a URL is its target: the host."""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or url
    except ValueError:
        return url
