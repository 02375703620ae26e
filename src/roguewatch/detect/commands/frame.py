"""Where a walk stands in the text, and the small things that go with it."""

from __future__ import annotations

import msgspec

from roguewatch.detect.commands.state import Text


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Where in the text the walk is: what a command found here inherits."""

    via: tuple[str, ...] = ()
    decoded: tuple[str, ...] = ()
    background: bool = False
    certain: bool = True
    depth: int = 0
    positional: tuple[str, ...] = ()
    pipeline: int = 0
    piped_from: tuple[str, ...] = ()

    def inside(self, label: str, known: Text | None = None, certain: bool = True) -> Frame:
        """The frame of a text that `label` runs."""
        return Frame(
            (*self.via, label),
            (*self.decoded, *known.decoded) if known else self.decoded,
            self.background,
            self.certain and certain and (known is None or known.certain),
            self.depth + 1,
        )


class Redirected(msgspec.Struct, frozen=True, gc=False):
    """The redirects of one command."""

    shown: tuple[str, ...] = ()
    stdin: Text | None = None
    targets: tuple[tuple[str, bool], ...] = ()
    """Files written, and whether appended to."""
    inputs: tuple[str, ...] = ()


NO_REDIRECTS = Redirected()


class Call(msgspec.Struct, frozen=True, gc=False):
    """A program about to run."""

    program: str
    arguments: list[str]
    frame: Frame
    stdin: Text | None


class Ran(msgspec.Struct, frozen=True, gc=False):
    """What came of it."""

    shown: bool = True
    """Whether the program itself is noted besides what it runs."""
    output: Text | None = None


NOTHING = Ran()


def joined(outputs: list[Text | None]) -> Text | None:
    """One text of several; None where one of them is not known."""
    values: list[str] = []
    decoded: tuple[str, ...] = ()
    certain = True
    for output in outputs:
        if output is None:
            return None
        values.append(output.value)
        decoded += output.decoded
        certain = certain and output.certain
    return Text("".join(values), decoded, certain)


def program_name(word: str) -> str:
    """Base name of a program, without `.exe`."""
    if word.isalnum():  # most names: neither a path nor an extension
        return word
    name = word.rsplit("/", 1)[-1] if "/" in word and "$(" not in word else word
    if "\\" in name:
        name = name.rsplit("\\", 1)[-1]
    return name[:-4] if name[-4:].lower() == ".exe" else name


def quoted(word: str) -> str:
    """A word in single quotes, for a text that is parsed again."""
    return "'" + word.replace("'", "'\\''") + "'"


def clean(text: str) -> str:
    """Without lone surrogates, which decoded bytes may hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8", "replace")
