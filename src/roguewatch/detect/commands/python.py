"""What a Python program does to files, processes and the network, as shell commands.

`os.remove(p)` is noted as `rm p`, `open(p, "w")` as a redirect to p, `os.kill(pid, 9)`
as `kill -9 pid`: one rule then speaks of the deed and not of its spelling. The
program is read by Python's own `ast`; constants are folded through names, joins,
formats, base64 and hex, and nothing is executed.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING

from msgspec.structs import replace

from roguewatch.detect.commands.folding import Folder
from roguewatch.detect.commands.pycalls import Fetched, deed_of, runs_text
from roguewatch.detect.commands.state import Text

if TYPE_CHECKING:
    from roguewatch.detect.commands.frame import Frame
    from roguewatch.detect.commands.interpreter import Interpreter

MAX_SOURCE = 131_072
MAX_CALLS = 2000


def read_python(run: Interpreter, text: str, frame: Frame) -> Text | None:
    """Note the commands of a Python program; gives what it prints, where that is known."""
    if frame.depth > 12:
        run.bounded = True
        return None
    if len(text) > MAX_SOURCE:
        run.bounded = True
        text = text[:MAX_SOURCE]
    tree, sure = _parse(text)
    if not sure:
        frame = replace(frame, certain=False)
    if tree is None:
        _by_text(run, text, frame)
        return None
    folder = Folder()
    nodes = _walk(tree)
    fetched = Fetched(nodes, folder)
    printed: list[str] = []
    known = True
    calls = 0
    for node in nodes:
        folder.learn(node)
        if not isinstance(node, ast.Call):
            continue
        calls += 1
        if calls > MAX_CALLS:
            run.bounded = True
            break
        name = folder.name_of(node.func)
        if name == "print":
            pieces = [folder.value(argument) for argument in node.args]
            if all(isinstance(piece, str) for piece in pieces):
                printed.append(" ".join(map(str, pieces)) + "\n")
            else:
                known = False
        elif name in ("exec", "eval", "compile") and node.args:
            inner = folder.text(node.args[0])
            if inner:
                deeper = frame.inside("exec", Text(inner, tuple(folder.decoded)))
                read_python(run, inner, deeper)
            elif name != "compile":
                fetched.run(run, "python3", node, frame)
        else:
            deed_of(run, name, node, folder, frame)
            if runs_text(name):
                fetched.run(run, "sh", node, frame)
    if not known or not printed:
        return None
    return Text("".join(printed), tuple(folder.decoded))


def _parse(text: str) -> tuple[ast.Module | None, bool]:
    """The tree, and whether the text was taken as it stands."""
    lines = [
        re.sub(r"^\s*[!%].*$", lambda m: "pass", line) if line.lstrip()[:1] in ("!", "%") else line
        for line in text.split("\n")
    ]
    for attempt, sure in (
        (text, True),
        ("\n".join(lines), True),
        (text[: text.rfind("\n")], False),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(attempt), sure
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None, False


def _walk(tree: ast.AST) -> list[ast.AST]:
    """All nodes in the order of the text; not recursive, since depth is the agent's choice."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        children = list(ast.iter_child_nodes(node))
        waiting.extend(reversed(children))
    return found


_TEXT_CALL = re.compile(
    r"(?:os\.system|os\.popen|subprocess\.\w+)\s*\(\s*f?(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)')"
)


def _by_text(run: Interpreter, text: str, frame: Frame) -> None:
    """A program that does not parse: the strings that it gives to a shell."""
    for double, single in _TEXT_CALL.findall(text):
        run.text(double or single, replace(frame, depth=frame.depth + 1))
