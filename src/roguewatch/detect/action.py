"""The event's derived view: computed once, shared by every rule and detector."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import msgspec
import re2

from roguewatch.detect.commands.command import Command
from roguewatch.detect.edits import Edit, is_patch, read_edit, read_patch
from roguewatch.detect.tools import PATH_KEYS, ToolClass, classify, shell_texts
from roguewatch.events import Event

if TYPE_CHECKING:
    from roguewatch.detect.commands.session import SessionShell

_URL = re2.compile(r"""(?i)\b(?:https?|wss?|ftp|ssh|git|s3|gs|file)://[^\s"'<>`|\\)\]}]+""")
_LONE_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_CHANGES = ("write", "edit")
_NO_EDIT = Edit()
T = TypeVar("T")
_PATH_KEYS = frozenset(PATH_KEYS)


class derived(Generic[T]):  # noqa: N801 (used as a decorator, like `property`)
    """A property that is computed once. `functools.cached_property` takes a lock each time."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, action: None, owner: type) -> derived[T]: ...
    @overload
    def __get__(self, action: object, owner: type) -> T: ...
    def __get__(self, action: object | None, owner: type) -> derived[T] | T:
        if action is None:
            return self
        value = action.__dict__[self._name] = self._compute(action)
        return value


class Action:
    """One event with what can be derived from it. Everything is lazy and kept.

    Args:
        event: any event; the derived parts are empty where its kind has none.
        shell: the session's shell, which knows what earlier calls set up; without it
            every call is understood on its own.
    """

    def __init__(self, event: Event, shell: SessionShell | None = None) -> None:
        self.event = event
        self._shell = shell

    @derived
    def arguments(self) -> dict[str, Any]:
        """The call's arguments as an object; text that is none stands under `input`.

        Lone surrogates become U+FFFD, so that one of them cannot hide the rest.
        """
        return json_object(self.event.arguments)

    @derived
    def detail(self) -> dict[str, Any]:
        return json_object(self.event.detail)

    @derived
    def strings(self) -> tuple[str, ...]:
        """Every string among the arguments, however deep, in order."""
        found = []
        for value in self.arguments.values():
            if isinstance(value, str):
                found.append(value)
            elif isinstance(value, dict | list):
                return tuple(_strings(self.arguments))
        return tuple(found)

    @derived
    def text(self) -> str:
        return clean(self.event.text)

    @derived
    def tool_class(self) -> ToolClass:
        return classify(self.event.tool, self.arguments)

    @derived
    def scripts(self) -> list[tuple[str, str]]:
        """What a call gives to a shell or an interpreter: (text, language)."""
        return shell_texts(self.event.tool, self.arguments)

    @derived
    def commands(self) -> tuple[Command, ...]:
        """The simple commands that a call runs, unwrapped and decoded."""
        event = self.event
        if event.kind == "tool_call":
            texts = self.scripts
        elif event.kind == "process":
            command = self.detail.get("command", event.text)
            texts = [(command, "bash")] if isinstance(command, str) and command else []
        else:
            return ()
        if not texts:
            return ()
        # The parsers are loaded at the first command, not at start-up.
        from roguewatch.detect.commands import understand

        look = understand if self._shell is None else self._shell.understand
        return tuple(
            command for text, shell in texts for command in look(text, shell, cwd=event.cwd)
        )

    @derived
    def edit(self) -> Edit:
        """What a file-changing call adds and removes, patches given to a shell included."""
        if self.event.kind != "tool_call":
            return _NO_EDIT
        if self.tool_class == "shell":
            patches = [read_patch(text) for text in self.strings if is_patch(text)]
            if not patches:
                return _NO_EDIT
            return Edit(
                tuple(path for patch in patches for path in patch.paths),
                tuple(text for patch in patches for text in patch.added),
                tuple(text for patch in patches for text in patch.removed),
            )
        return read_edit(self.arguments)

    @derived
    def content(self) -> tuple[str, ...]:
        """Texts that the call writes into files, by a file tool, a patch or a command."""
        wrote = tuple([command.wrote for command in self.commands if command.wrote])
        return self.edit.added + wrote

    @derived
    def removed(self) -> tuple[str, ...]:
        """Texts that the call takes out of files."""
        return self.edit.removed

    @derived
    def paths(self) -> tuple[str, ...]:
        """Every file that the event names: arguments, patches, commands; normalised."""
        named = [*self._named_paths, *self.edit.paths]
        for command in self.commands:
            named += command.paths
        for command in self.commands:
            named += command.written
        return tuple(dict.fromkeys(map(normal_path, named))) if named else ()

    @derived
    def written(self) -> tuple[str, ...]:
        """Files that the event writes, creates, deletes or changes; normalised."""
        changed = list(self.edit.paths)
        edits = self.tool_class in ("mcp", "other") and (self.content or self.removed)
        if self.tool_class in _CHANGES or self.event.kind == "file_change" or edits:
            changed += self._named_paths
        for command in self.commands:
            changed += command.written
        return tuple(dict.fromkeys(map(normal_path, changed))) if changed else ()

    @derived
    def urls(self) -> tuple[str, ...]:
        """URLs in the arguments and those that commands name (hosts included)."""
        found: list[str] = []
        for text in self.strings:
            if "://" in text:
                found += _URL.findall(text)
        for command in self.commands:
            found += command.urls
        if self.event.kind == "network":
            found += [text for text in _strings(self.detail) if "://" in text]
        return tuple(dict.fromkeys(found)) if found else ()

    @derived
    def _named_paths(self) -> list[str]:
        source = self.detail if self.event.kind == "file_change" else self.arguments
        found: list[str] = []
        if _PATH_KEYS.isdisjoint(source):
            return found
        for key in PATH_KEYS:
            value = source.get(key)
            for path in value if isinstance(value, list) else (value,):
                if isinstance(path, str) and path:
                    found.append(path)
        return found


def normal_path(path: str) -> str:
    """A path without `//`, `.`, `..` and backslashes; never looks at the disk."""
    if "\\" in path and (path[1:3] == ":\\" or path.startswith((".\\", "~\\", "\\\\"))):
        path = path.replace("\\", "/")
    if "//" not in path and "/." not in path and path[-1:] != "/" and path[:1] != ".":
        return path
    return posixpath.normpath(path)


def clean(text: str) -> str:
    """`text` with lone surrogates replaced, so that it can be encoded and scanned."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.translate(_LONE_SURROGATES)
    return text


def json_object(text: str) -> dict[str, Any]:
    """JSON text as an object; what is none stands under `input`. Without lone surrogates."""
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        try:
            # The standard decoder accepts the lone surrogates that an agent may add to
            # hide its arguments from a strict one.
            loose = json.dumps(json.loads(text), ensure_ascii=False)
            value = json.loads(loose.translate(_LONE_SURROGATES))
        except (ValueError, RecursionError):
            value = clean(text)
    return value if isinstance(value, dict) else {"input": value}


def _strings(value: object) -> Iterator[str]:
    # Not recursive: depth is the agent's to choose.
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
