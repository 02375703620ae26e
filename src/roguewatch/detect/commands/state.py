"""What a shell knows while it runs: variables, functions, aliases, files, directory."""

from __future__ import annotations

from posixpath import normpath

import msgspec

from roguewatch.detect.commands.syntax import Node

MAX_FILE = 65_536
"""Characters of a file that are remembered."""
MAX_FILES = 64


class Text(msgspec.Struct, frozen=True, gc=False):
    """A value that is known, and the texts that had to be decoded to know it."""

    value: str
    decoded: tuple[str, ...] = ()
    certain: bool = True


class State:
    """A shell's state. `copy` gives a subshell's."""

    def __init__(self, cwd: str = "") -> None:
        self.variables: dict[str, Text] = {}
        self.functions: dict[str, Node] = {}
        self.called: set[str] = set()
        self.aliases: dict[str, str] = {}
        self.files: dict[str, Text] = {}
        """Contents written, by resolved path."""
        self.positional: tuple[str, ...] = ()
        self.start = cwd
        """Where it began: paths below it are told relative to it."""
        self.cwd = ""
        """Relative to `start`, or absolute, or below `~`."""

    def copy(self) -> State:
        """A subshell: what it sets is not seen outside, but files are."""
        other = State(self.start)
        other.variables = dict(self.variables)
        other.functions = dict(self.functions)
        other.called = self.called
        other.positional = self.positional
        other.aliases = dict(self.aliases)
        other.files = self.files
        other.cwd = self.cwd
        return other

    def write(self, path: str, content: Text | None, append: bool) -> None:
        """Note what is written to a file; unknown content forgets what was known."""
        if content is None or len(content.value) > MAX_FILE:
            self.files.pop(path, None)
            return
        old = self.files.get(path) if append else None
        if old is not None:
            content = Text(
                (old.value + content.value)[:MAX_FILE],
                (*old.decoded, *content.decoded)[-8:],
                old.certain and content.certain,
            )
        self.files.pop(path, None)
        self.files[path] = content
        while len(self.files) > MAX_FILES:
            self.files.pop(next(iter(self.files)))

    def resolve(self, path: str) -> str:
        """`path` as seen from where the shell began, without `.` and `..` steps."""
        if not path or path.startswith(("-", "$")) or "://" in path:
            return path
        if path.startswith(("/", "~")):
            joined = path
        elif self.cwd:
            joined = f"{self.cwd}/{path}"
        else:
            joined = path
        if "/." not in joined and "//" not in joined and not joined.startswith("."):
            plain = joined.rstrip("/") or "/"
        else:
            plain = normpath(joined)
            if joined.startswith("//"):
                plain = "/" + plain.lstrip("/")
        if plain.startswith("..") and self.start.startswith("/"):
            plain = normpath(f"{self.start}/{plain}")
        if self.start and plain.startswith(self.start) and self.start != "/":
            rest = plain[len(self.start) :]
            if not rest:
                return "."
            if rest.startswith("/"):
                return rest[1:]
        return plain

    def change_directory(self, target: str) -> None:
        if target in ("", "~", "-"):
            self.cwd = "~" if target != "-" else self.cwd
            return
        resolved = self.resolve(target)
        self.cwd = "" if resolved == "." else resolved
