"""One simple command as it would run, after unwrapping and decoding."""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One program with its arguments. A pipeline or script gives several."""

    program: str
    """Base name of the program (`/usr/bin/curl` and `\\curl` are `curl`); empty where a
    command only redirects."""

    arguments: tuple[str, ...] = ()
    """Words after the program, quotes removed, variables filled in where they are known."""

    text: str = ""
    """`program` and `arguments` joined by single spaces: what a rule may search."""

    paths: tuple[str, ...] = ()
    """Arguments and redirect targets that name files, with `~` and `$HOME` as `~`."""

    urls: tuple[str, ...] = ()
    """URLs and host[:port] or user@host:path arguments of network programs."""

    redirects: tuple[str, ...] = ()
    """Operator and target, `>>~/.bashrc`, `2>/dev/null`, `<<<text`."""

    written: tuple[str, ...] = ()
    """Paths that it writes, creates, deletes or changes the mode of."""

    assignments: tuple[str, ...] = ()
    """`NAME=value` before the program or given to `env` and `export`."""

    decoded: tuple[str, ...] = ()
    """Texts that had to be decoded to see it (base64, hex, printf, $'…'), outermost first."""

    background: bool = False
    """Goes on after the shell: `&`, nohup, setsid, disown, `at now`, daemonising flags."""

    via: tuple[str, ...] = ()
    """Wrappers that it was found in, outermost first: sudo, bash -c, env, xargs, find -exec,
    heredoc, python -c, ssh, javascript, …"""

    pipeline: int = 0
    """Position in its pipeline, from 0."""

    piped_from: tuple[str, ...] = ()
    """Programs before it in its pipeline."""

    certain: bool = True
    """False where a word depends on something that is not in the text."""

    wrote: str = ""
    """What it writes to the files in `written`, where that is known (at most 16,384
    characters): the text of `echo … >> ~/.bashrc`, of a heredoc, of `open(…).write(…)`."""
