"""Which agents' settings hold our hooks, and whether they still do."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch.control.guard import missing_hooks
from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.printable import printable_path

MOST = 4 << 20
"""A settings file larger than this is none of an agent's."""

COMMENTED = frozenset(("gemini-cli",))
"""Agents that read comments in their settings (its settings loader strips them); another agent
does not read a file that has any, and none of its hooks then runs."""

_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One installation of our hooks, as `gate install` made it."""

    agent: str
    deployment: str
    path: str
    """The settings file, absolute."""
    marks: tuple[str, ...]
    """Texts (URL or command) of our hooks in it."""
    existed: bool
    """Whether there was a file before."""
    mode: int
    before: str
    """SHA-256 of the file before; empty where there was none."""
    after: str
    """SHA-256 of the file as we wrote it."""
    version: str = ""
    can_fail_open: bool = False


def folder(store: Path) -> Path:
    """Where installations are kept, with a backup of each file."""
    return store / "installs"


def key(agent: str, path: Path) -> str:
    """The name under which an installation is kept."""
    return f"{agent}-{sha256(os.fsencode(path)).hexdigest()[:12]}"


def installs(store: Path) -> list[Installed]:
    """Every installation of a store.

    Raises:
        InputError: a record of one cannot be read.
    """
    found = []
    for path in sorted(folder(store).glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Installed))
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(f"{printable_path(path)}: cannot be read: {error}") from error
    return found


def read_settings(path: Path) -> bytes:
    """The bytes of a settings file; refuses what is no regular file or too large.

    Raises:
        OSError: it cannot be read, or is none.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST:
            raise OSError("no regular file, or too large")
        return os.read(handle, MOST)
    finally:
        os.close(handle)


def decoded(raw: bytes, agent: str) -> object:
    """What a settings file says, as its agent reads it.

    Raises:
        ValueError: the agent could not read it.
    """
    text = raw.decode("utf-8-sig")
    if agent in COMMENTED:
        text = _COMMENT.sub(lambda found: found[1] or " ", text)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def fault(path: Path, marks: tuple[str, ...], agent: str = "") -> str:
    """What is wrong with an agent's settings file, in a few words; empty if nothing is."""
    try:
        raw = read_settings(path)
    except FileNotFoundError:
        return "the settings file is gone" if marks else ""
    except OSError as error:
        return f"the settings cannot be read: {error.strerror or error}"
    try:
        settings = decoded(raw, agent)
    except ValueError:
        return "the settings are not JSON any more"
    if not isinstance(settings, dict):
        return "the settings are no object any more"
    return missing_hooks(settings, marks)


def inspected(event: Event, known: Iterable[Installed]) -> Event:
    """A change of settings with what the changed file now says, where that is a fault.

    Looked at now and kept in the event, so that a replay of it finds the same.
    """
    detail = event.parsed_detail()
    path = detail.get("file_path")
    if not isinstance(path, str) or not path.endswith(".json"):
        return event
    ours = next((one for one in known if one.path == path), None)
    marks, agent = (ours.marks, ours.agent) if ours is not None else ((), event.surface)
    if not (wrong := fault(Path(path), marks, agent)):
        return event
    detail["wrong"] = wrong
    return msgspec.structs.replace(event, detail=msgspec.json.encode(detail).decode())
