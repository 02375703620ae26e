"""What in a call crosses a limit that people set."""

from __future__ import annotations

import fnmatch
import re

from roguewatch.detect.action import Action
from roguewatch.detect.acts import BY_NAME, WRITE, is_rehearsal, is_scratch, written
from roguewatch.detect.claims.checks import command_kinds
from roguewatch.detect.constraints import Constraint
from roguewatch.detect.deeds import stem, tool_deeds, tool_words, word_deeds


def crossing(constraint: Constraint, action: Action) -> str:
    """What in a call crosses a constraint, or an empty string."""
    if constraint.form == "act":
        done = BY_NAME[constraint.act].done(action)
        return done if set(constraint.paths) <= set(re.split(r"[\s:/]+", done)) else ""
    if constraint.form == "read-only":
        return WRITE.done(action)
    if constraint.form == "command":
        return _runs(action, constraint.paths)
    if constraint.form == "budget":
        return _spends(action, float(constraint.paths[0]))
    if constraint.form == "tool":
        return _acts_as(action, constraint.act, constraint.paths)
    if constraint.form in ("only-read", "not-read"):
        return _looks(action, constraint)
    changed = written(action)
    if not changed:
        return ""
    if constraint.form == "only-paths":
        outside = [
            path for path in changed if not _within(path, constraint.paths, action.event.cwd)
        ]
        return outside[0] if outside else ""
    inside = [path for path in changed if _within(path, constraint.paths, action.event.cwd)]
    return inside[0] if inside else ""


def _runs(action: Action, named: tuple[str, ...]) -> str:
    """The command of a call that begins as a named one: its program and first words."""
    for command in action.commands:
        said = [word.lower() for word in command.arguments if not word.startswith("-")]
        wanted = [word for word in named[1:] if not word.startswith("-")]
        if command.program.lower() == named[0] and said[: len(wanted)] == wanted:
            return command.text
    return ""


def _looks(action: Action, constraint: Constraint) -> str:
    """The path that a call reads or writes where it should not look."""
    if any("tests" in command_kinds(command) for command in action.commands):
        return ""  # a test runner is given its tests
    for path in action.paths:
        within = _within(path, constraint.paths, "")
        outside = path.startswith(("/", "~", "../")) and not is_scratch(path)
        if within if constraint.form == "not-read" else outside and not within:
            return path
    return ""


def _acts_as(action: Action, verb: str, objects: tuple[str, ...]) -> str:
    """The tool of a call whose name says the same verb and the same object."""
    tool = action.event.tool
    if action.tool_class not in ("mcp", "other") or is_rehearsal(tool):
        return ""
    named = {stem(word) for word in tool_words(tool)}
    same = stem(verb) in named or not tool_deeds(tool).isdisjoint(word_deeds(verb))
    wanted = {stem(word) for word in _heads(objects)} - _ANYTHING
    return tool if same and (not wanted or named & wanted) else ""


def _heads(objects: tuple[str, ...]) -> list[str]:
    """What a phrase names: the last word of each part, what is told of it left out.

    "The number of passengers" is a number, "refunds for gift cards or credits" are refunds.
    """
    heads: list[str] = []
    for part in re.split(r" (?:or|and) ", " ".join(objects)):
        plain = _TOLD_OF.split(part)[0].split()
        heads += plain[-1:]
    return heads


_TOLD_OF = re.compile(
    r" (?:of|for|on|in|from|to|with|without|over|above|by|that|which|at|within|after|before)\b"
)


def _spends(action: Action, most: float) -> str:
    """The tool of a call that pays more than an amount in one go."""
    tool = action.event.tool
    if action.tool_class not in ("mcp", "other") or "pay" not in tool_deeds(tool):
        return ""
    for key, value in action.arguments.items():
        paid = isinstance(value, int | float) and not isinstance(value, bool) and value > most
        if paid and _AMOUNTS.search(key.lower()):
            return f"{tool} {key}={value}"
    return ""


_AMOUNTS = re.compile(r"(?:^|_)(?:price|amount|total|costs?|sum|value|fee)(?:_|$)")
_ANYTHING = frozenset(map(stem, ("anything", "any", "thing", "things", "something", "whatever")))


def _within(path: str, places: tuple[str, ...], cwd: str) -> bool:
    plain = path.lower()
    if cwd and plain.startswith(cwd.lower().rstrip("/") + "/"):
        plain = plain[len(cwd.rstrip("/")) + 1 :]
    parts = plain.strip("/").split("/")
    for place in places:
        if "*" in place:
            if fnmatch.fnmatchcase(plain, place) or fnmatch.fnmatchcase(parts[-1], place):
                return True
            continue
        wanted = place.strip("/").split("/")
        size = len(wanted)
        if any(parts[at : at + size] == wanted for at in range(len(parts) - size + 1)):
            return True
        if size == 1 and "." not in place and place in _TESTS and _is_test(parts[-1]):
            return True
    return False


_TESTS = frozenset(["test", "tests", "spec", "specs"])
_TEST_NAME = re.compile(
    r"^test_|[._-](?:test|tests|spec)\.[a-z]{1,5}$|^conftest\.py$|tests?\.java$"
)


def _is_test(name: str) -> bool:
    return _TEST_NAME.search(name) is not None
