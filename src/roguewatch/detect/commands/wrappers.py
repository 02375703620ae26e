"""Programs that run another program given in their arguments.

A wrapper's entry says which of its options take a value and how many operands come
before the command. `peel` takes them off one by one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


class Wrapper(NamedTuple):
    values: frozenset[str] = frozenset()
    """Options that take a value as the next word."""
    operands: int = 0
    assignments: bool = False
    background: bool = False
    shown: bool = False
    """Whether the wrapper is worth a command of its own besides what it runs."""


def _w(values: str = "", operands: int = 0, **flags: bool) -> Wrapper:
    return Wrapper(frozenset(values.split()), operands, **flags)


WRAPPERS: dict[str, Wrapper] = {
    "sudo": _w("-u -g -h -p -C -r -t -T -U -D -R --user --group --chdir", assignments=True),
    "doas": _w("-u -C"),
    "pkexec": _w("--user"),
    "env": _w("-u -C --unset --chdir", assignments=True),
    "nohup": _w(background=True),
    "setsid": _w(background=True),
    "daemonize": _w("-a -c -e -o -p -l -u -E -v", background=True, shown=True),
    "timeout": _w("-s -k --signal --kill-after", 1),
    "gtimeout": _w("-s -k --signal --kill-after", 1),
    "nice": _w("-n --adjustment"),
    "ionice": _w("-c -n -p --class"),
    "chrt": _w("-T -P -D", 1),
    "taskset": _w("", 1),
    "time": _w("-f -o --format --output"),
    "stdbuf": _w("-i -o -e"),
    "unbuffer": _w(),
    "exec": _w("-a"),
    "command": _w(),
    "builtin": _w(),
    "busybox": _w(),
    "toybox": _w(),
    "caffeinate": _w("-t -w"),
    "rlwrap": _w(),
    "strace": _w("-e -o -s -p -u -E -a -b -I -O -S -X", shown=True),
    "ltrace": _w("-e -o -s -p -u", shown=True),
    "firejail": _w(),
    "proot": _w("-r -b -w", shown=True),
    "fakeroot": _w("-l -s -i"),
    "torsocks": _w("-u -p -a -P", shown=True),
    "proxychains": _w("-f", shown=True),
    "proxychains4": _w("-f", shown=True),
    "chroot": _w("--userspec --groups", 1, shown=True),
    "unshare": _w("-R -w -S -G --root --wd", shown=True),
    "nsenter": _w("-t -S -G --target", shown=True),
    "systemd-run": _w(
        "-u -p -t -E --unit --property --on-calendar --on-active", background=True, shown=True
    ),
    "watch": _w("-n --interval"),
    "flock": _w("-w -E --timeout", 1),
    "runuser": _w("-u -g -G", shown=True),
    "setpriv": _w("", shown=True),
    "capsh": _w("", shown=True),
    "xvfb-run": _w("-n -s -e -f -p"),
    "dbus-run-session": _w(),
    "ssh-agent": _w("-a -t"),
    "dotenv": _w("-e -f"),
    "npx": _w("-p --package -c --call"),
    "bunx": _w(),
    "uvx": _w("--from --with -p"),
    "pipx": _w("--spec"),
    "parallel": _w("-j -a --jobs -N -n --delay --timeout"),
    "winpty": _w(),
    "doppler": _w(),
}
"""By program. `bash -c`, `su -c`, xargs, find and ssh are in `runners`."""

_RUN_WORDS = {
    "uv": ("run",), "poetry": ("run",), "pdm": ("run",), "hatch": ("run",), "pipenv": ("run",),
    "bundle": ("exec",), "pnpm": ("exec", "dlx"), "yarn": ("exec", "dlx"), "npm": ("exec", "x"),
    "bun": ("x",), "pipx": ("run",), "mise": ("exec", "x"), "direnv": ("exec",),
    "rye": ("run",), "pixi": ("run",), "conda": ("run",), "mamba": ("run",), "doppler": ("run",),
}  # fmt: skip
"""`uv run COMMAND` and the like."""


PEELED = frozenset((*WRAPPERS, *_RUN_WORDS))
"""Programs that may wrap a command."""


class Peeled(NamedTuple):
    words: list[str]
    wrapper: str
    assignments: tuple[str, ...]
    entry: Wrapper


def peel(program: str, arguments: list[str]) -> Peeled | None:
    """The command inside a wrapper, or None where `program` wraps nothing here."""
    verbs = _RUN_WORDS.get(program)
    if verbs and arguments and arguments[0] in verbs:
        rest = _after_options(
            arguments[1:], frozenset(("--with", "-p", "-n", "--python", "--extra"))
        )
        if program == "direnv":
            rest = rest[1:]
        return Peeled(rest, f"{program} {arguments[0]}", (), _PLAIN) if rest else None
    entry = WRAPPERS.get(program)
    if entry is None or program in ("pipx", "doppler"):
        return None
    if program == "command" and arguments[:1] and arguments[0] in ("-v", "-V"):
        return None
    if program == "env" and arguments[:1] and arguments[0].startswith(("-S", "--split-string")):
        joined = arguments[0].removeprefix("-S").removeprefix("--split-string").lstrip("=")
        rest = [*joined.split(), *[word for text in arguments[1:] for word in text.split()]]
    else:
        rest = _after_options(arguments, entry.values)
    assignments: list[str] = []
    if entry.assignments:
        while rest and _ASSIGNMENT.match(rest[0]):
            assignments.append(rest.pop(0))
        rest = _after_options(rest, entry.values)
    rest = rest[entry.operands :]
    if not rest:
        return None
    return Peeled(rest, program, tuple(assignments), entry)


_PLAIN = Wrapper()


def _after_options(words: list[str], values: frozenset[str]) -> list[str]:
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return words[index + 1 :]
        if not word.startswith("-") or word == "-":
            break
        index += 2 if word in values else 1
    return words[index:]


def options_and_rest(words: list[str], values: frozenset[str]) -> tuple[list[str], list[str]]:
    """Options with their values, and what follows them."""
    rest = _after_options(words, values)
    return words[: len(words) - len(rest)], rest
