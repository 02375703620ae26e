"""Whether a call only looks: every program in it is known to change nothing as it is used.

For policies that permit to look and nothing else. A list of what is harmless, not of what
does harm: a program, a subcommand or an option that is not here counts as a change.
"""

from __future__ import annotations

import posixpath
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
        "sort": r"-\w*o",
        "find": r"-(delete|exec|execdir|ok|okdir|fprint\w*|fls)\b",
        "fd": r"-\w*[xX]",
        "tree": r"-\w*o",
        "file": r"-\w*C",
        "dmesg": r"-\w*[cCDEn]",
        "date": r"-\w*s|\d",
        "ss": r"-\w*[KD]",
        "hostname": r"[^-]|-\w*[bF]",
        "xxd": r"-\w*r",
    }.items()
}
"""Options with which they do more than look; matched at the beginning of an argument."""

_BUT_LONG: dict[str, tuple[str, ...]] = {
    "sort": ("--output", "--compress-program"),
    "fd": ("--exec", "--exec-batch"),
    "rg": ("--pre", "--hostname-bin"),
    "file": ("--compile",),
    "journalctl": ("--vacuum-size", "--vacuum-time", "--vacuum-files", "--rotate", "--flush",
                   "--relinquish-var", "--smart-relinquish-var", "--setup-keys",
                   "--update-catalog", "--sync", "--cursor-file"),
    "dmesg": ("--clear", "--read-clear", "--console-off", "--console-on", "--console-level"),
    "date": ("--set",),
    "ss": ("--kill", "--diag"),
    "hostname": ("--boot", "--file"),
    "xxd": ("--revert",),
}  # fmt: skip
"""The same, spelt out; programs take any beginning of these that is no other option's."""

_WRITES_SECOND = frozenset(("uniq", "xxd"))
"""Their second operand is a file that they write."""

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
_VERB_BUT = re.compile(r"-O|-c\Z")
_VERB_BUT_LONG = ("--output", "--output-directory", "--ext-diff", "--textconv", "--filters",
                  "--open-files-in-pager", "--kubeconfig")  # fmt: skip


def only_looks(commands: Sequence[Command]) -> bool:
    """Whether all commands are known to change nothing; there must be at least one."""
    return bool(commands) and all(_looks(command) for command in commands)


def _looks(command: Command) -> bool:
    if command.written or command.assignments or command.background or not command.certain:
        return False
    program, words = command.program, command.arguments
    if any(posixpath.basename(path) == program for path in command.paths):
        return False  # named by a path: whoever wrote that file named it as well
    if verbs := _VERBS.get(program):
        verb = next((word for word in words if word != "--no-pager"), "")
        more = any(_VERB_BUT.match(word) or _begins(word, _VERB_BUT_LONG) for word in words)
        return verb in verbs and not more
    if program == "sed":  # its language writes files and runs programs; printing lines does not
        printing = len(words) > 1 and words[0] == "-n" and re.fullmatch(r"[\d,$;p ]+", words[1])
        return bool(printing) and not any(word.startswith("-") for word in words[2:])
    if program not in _LOOK:
        return False
    if program in _WRITES_SECOND and sum(not word.startswith("-") for word in words) > 1:
        return False
    but, long = _BUT.get(program), _BUT_LONG.get(program, ())
    return not any((but and but.match(word)) or _begins(word, long) for word in words)


def _begins(word: str, options: Sequence[str]) -> bool:
    """Whether a word is one of some long options or a beginning of one."""
    name = word.partition("=")[0]
    return len(name) > 2 and any(option.startswith(name) for option in options)
