"""Whether a call only looks: every program in it is known to change nothing as it is used.

For policies that permit to look and nothing else. A list of what is harmless, not of what
does harm: a program, a subcommand or an option that is not here counts as a change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from roguewatch.detect.commands.command import Command

_LOOK = frozenset(
    ("ls", "cat", "head", "tail", "wc", "nl", "grep", "egrep", "fgrep", "zgrep", "zcat", "rg",
     "stat", "file", "du", "df", "ps", "pgrep", "pwd", "cd", "echo", "printf", "true", "false",
     "test", "[", "uptime", "whoami", "id", "uname", "cut", "tr", "column", "jq", "diff", "cmp",
     "sha256sum", "sha1sum", "md5sum", "cksum", "basename", "dirname", "realpath", "readlink",
     "which", "free", "vmstat", "iostat", "mpstat", "netstat", "lsof", "nproc", "lscpu", "lsblk",
     "last", "w", "who", "sleep", "seq", "strings", "od", "xxd", "hexdump", "comm", "join", "rev",
     "tac", "fold", "expand", "groups", "getent", "locale", "arch", "sort", "find", "fd", "tree",
     "journalctl", "dmesg", "date", "ss", "uniq", "hostname", "xargs")
)  # fmt: skip

_BUT: dict[str, re.Pattern[str]] = {
    program: re.compile(options)
    for program, options in {
        "sort": r"-\w*o|--output|--compress-program",
        "find": r"-(delete|exec|execdir|ok|okdir|fprint\w*|fls)\b",
        "fd": r"-\w*[xX]|--exec",
        "rg": r"--pre\b|--hostname-bin",
        "tree": r"-\w*o",
        "file": r"-\w*C|--compile",
        "journalctl": r"--(vacuum|rotate|flush|relinquish|setup-keys|update-catalog|sync|cursor-file)",
        "dmesg": r"-\w*[cCDEn]|--(clear|read-clear|console)",
        "date": r"-\w*s|--set|\d",
        "ss": r"-\w*K|--kill",
        "hostname": r"[^-]|-\w*[bF]|--(boot|file)",
        "xxd": r"-\w*r|--revert",
    }.items()
}
"""Options with which they do more than look; matched at the beginning of an argument."""

_VERBS: dict[str, tuple[str, ...]] = {
    "git": ("status", "log", "diff", "show", "blame", "rev-parse", "ls-files", "ls-tree",
            "describe", "shortlog", "grep", "cat-file", "rev-list", "merge-base", "name-rev"),
    "kubectl": ("get", "describe", "logs", "top", "explain", "version", "cluster-info",
                "api-resources", "api-versions"),
    "docker": ("ps", "images", "logs", "inspect", "stats", "version", "info", "top", "port"),
    "podman": ("ps", "images", "logs", "inspect", "stats", "version", "info", "top", "port"),
    "helm": ("list", "status", "history", "version"),
    "systemctl": ("status", "is-active", "is-enabled", "is-failed", "list-units",
                  "list-unit-files", "list-timers", "show"),
}  # fmt: skip
_VERB_BUT = re.compile(r"--output=|--output\Z|--ext-diff|--textconv|-O|--open-files-in-pager|-c\Z")


def only_looks(commands: Sequence[Command]) -> bool:
    """Whether all commands are known to change nothing; there must be at least one."""
    return bool(commands) and all(_looks(command) for command in commands)


def _looks(command: Command) -> bool:
    if command.written or command.assignments or command.background or not command.certain:
        return False
    program, words = command.program, command.arguments
    if verbs := _VERBS.get(program):
        verb = next((word for word in words if word != "--no-pager"), "")
        return verb in verbs and not any(_VERB_BUT.match(word) for word in words)
    if program == "sed":  # its language writes files and runs programs; printing lines does not
        return len(words) > 1 and words[0] == "-n" and bool(re.fullmatch(r"[\d,$;p ]+", words[1]))
    if program not in _LOOK:
        return False
    if program == "uniq" and sum(not word.startswith("-") for word in words) > 1:
        return False  # the second one is written
    but = _BUT.get(program)
    return but is None or not any(but.match(word) for word in words)
