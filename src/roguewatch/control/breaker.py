"""The denial breaker: an agent that keeps trying what it was denied is stopped.

Attempts are clustered by what they would do to what, not by how they are spelled: two
attempts are equivalent when they share a target and an effect, or a program and a target,
or when the very same action comes again. The published case made some 25 techniques in 70
turns for one denied action; `limit` of them stop the session.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from roguewatch.detect.action import Action

DEFAULT_LIMIT = 4
MAX_SESSIONS = 4096
MAX_CLUSTERS = 64

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


class Attempt(msgspec.Struct, frozen=True):
    """What an action would do to what."""

    programs: frozenset[str]
    effects: frozenset[str]
    targets: frozenset[str]
    exact: str

    def equivalent(self, other: Attempt) -> bool:
        """Whether both would do the same to the same."""
        if self.exact == other.exact:
            return True
        if self.targets and other.targets:
            shared = bool(self.targets & other.targets)
        else:
            shared = not self.targets and not other.targets
        same_deed = bool(self.effects & other.effects) or bool(self.programs & other.programs)
        return shared and same_deed


def attempt(action: Action) -> Attempt:
    """The attempt that an action is."""
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
    targets = frozenset((*action.paths, *action.written, *action.urls))
    return Attempt(programs, frozenset(effects), targets, action.event.arguments)


class Breaker:
    """Counts equivalent denied attempts per session.

    Args:
        limit: this many equivalent denials break the circuit.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._sessions: OrderedDict[tuple[str, str], list[tuple[Attempt, int]]] = OrderedDict()

    def denials(self, deployment: str, session: str, tried: Attempt) -> int:
        """How many equivalents were denied in this session so far."""
        clusters = self._sessions.get((deployment, session), [])
        return max((count for seen, count in clusters if seen.equivalent(tried)), default=0)

    def denied(self, deployment: str, session: str, tried: Attempt) -> bool:
        """Note a denial. Returns whether the circuit breaks with it."""
        key = (deployment, session)
        clusters = self._sessions.setdefault(key, [])
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        for position, (seen, count) in enumerate(clusters):
            if seen.equivalent(tried):
                merged = Attempt(
                    seen.programs | tried.programs,
                    seen.effects | tried.effects,
                    seen.targets | tried.targets,
                    tried.exact,
                )
                clusters[position] = (merged, count + 1)
                return count + 1 >= self.limit
        clusters.append((tried, 1))
        del clusters[:-MAX_CLUSTERS]
        return self.limit <= 1
