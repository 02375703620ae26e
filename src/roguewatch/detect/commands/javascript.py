"""Commands inside JavaScript: Node's child_process and fs, and Codex's Code Mode.

Code Mode gives the agent's shell calls as a program: `tools.exec_command({cmd: "…"})`.
Read with tree-sitter-javascript; strings are folded through constants, template
literals and `+`; nothing is executed.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import TYPE_CHECKING

import tree_sitter_javascript
from msgspec.structs import replace
from tree_sitter import Language, Node, Parser

from roguewatch.detect.commands.ansi import decode_ansi
from roguewatch.detect.commands.command import Command

if TYPE_CHECKING:
    from roguewatch.detect.commands.frame import Frame
    from roguewatch.detect.commands.interpreter import Interpreter

MAX_SOURCE = 65_536
MAX_NODES = 20_000
_SHELL_KEYS = ("cmd", "command", "script", "chars", "input")
_SHELL_CALLS = frozenset(("exec", "execSync"))
_PROCESS_CALLS = frozenset(
    ("spawn", "spawnSync", "execFile", "execFileSync", "fork", "execa", "execaSync")
)
_FILE_CALLS = {
    "writeFile": ">", "writeFileSync": ">", "appendFile": ">>", "appendFileSync": ">>",
    "createWriteStream": ">",
}  # fmt: skip
_DEEDS = {
    "readFile": ("cat",), "readFileSync": ("cat",), "createReadStream": ("cat",),
    "unlink": ("rm",), "unlinkSync": ("rm",), "rm": ("rm", "-rf"), "rmSync": ("rm", "-rf"),
    "rmdirSync": ("rmdir",), "copyFileSync": ("cp",), "renameSync": ("mv",), "rename": ("mv",),
    "chmodSync": ("chmod",), "symlinkSync": ("ln", "-s"), "readdirSync": ("ls",),
}  # fmt: skip
_TWO = frozenset(("cp", "mv", "ln"))
_EVALUATING = frozenset(("eval", "Function", "runInThisContext", "runInNewContext"))
"""What runs a text as a program, called or passed on: `.then(eval)`."""


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_javascript.language()))


def read_javascript(run: Interpreter, text: str, frame: Frame) -> None:
    """Note the commands of a JavaScript program."""
    if frame.depth > 12:
        run.bounded = True
        return
    if len(text) > MAX_SOURCE:
        run.bounded = True
        text = text[:MAX_SOURCE]
    tree = _parser().parse(text.encode("utf-8", "replace"))
    if tree.root_node.has_error:
        frame = replace(frame, certain=False)
    constants: dict[str, str] = {}
    waiting = [tree.root_node]
    nodes = 0
    evaluates = False
    while waiting:
        node = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            run.bounded = True
            break
        if node.type == "variable_declarator":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if name is not None and value is not None:
                known = fold(value, constants)
                if known is not None:
                    constants[_text(name)] = known
        elif node.type == "call_expression":
            _call(run, node, constants, frame)
        if node.type in ("call_expression", "new_expression") and _evaluates(node):
            evaluates = True
        waiting.extend(reversed(node.named_children))
    if evaluates:
        _evaluated(run, frame)


def _call(run: Interpreter, node: Node, constants: dict[str, str], frame: Frame) -> None:
    function = node.child_by_field_name("function")
    holder = node.child_by_field_name("arguments")
    if function is None or holder is None:
        return
    dotted = _text(function)[-120:]
    name = re.split(r"[.?]+", dotted)[-1]
    arguments = holder.named_children
    inner = replace(frame, depth=frame.depth + 1)
    if holder.type == "template_string":  # execa`…`, $`…`
        if name in ("$", "execa", "execaCommand", "sh"):
            run.text(fold(holder, constants) or "", inner)
        return
    if not arguments:
        return
    first = fold(arguments[0], constants)
    if arguments[0].type == "object":
        if "tools." in dotted or name in ("exec_command", "shell", "exec", "write_stdin"):
            _tool(run, arguments[0], constants, inner)
    elif name in _SHELL_CALLS and first and not re.match(r"(?:/|[a-z]*re(?:gex)?$)", dotted):
        run.text(first, inner)
    elif name in _PROCESS_CALLS and first:
        words = [first]
        if len(arguments) > 1 and arguments[1].type == "array":
            words += [fold(item, constants) or "?" for item in arguments[1].named_children]
        background = "detached" in _text(holder)
        run.words(words, replace(inner, background=frame.background or background))
    elif name in _FILE_CALLS and first:
        path = run.state.resolve(first)
        wrote = (fold(arguments[1], constants) or "") if len(arguments) > 1 else ""
        redirect = (_FILE_CALLS[name] + path,)
        run.note(
            Command(
                program="", paths=(path,), written=(path,), redirects=redirect, via=frame.via,
                decoded=frame.decoded, certain=frame.certain, wrote=wrote[:16_384],
            )
        )  # fmt: skip
    elif name in _DEEDS and first and ("fs" in dotted or "Sync" in name or "/" in first):
        words = [*_DEEDS[name], first]
        if words[0] in _TWO and len(arguments) > 1:
            words.append(fold(arguments[1], constants) or "?")
        run.words(words, inner)
    elif (name == "fetch" or dotted.startswith(("axios", "http"))) and first and "://" in first:
        method = re.search(r"method['\"]?\s*:\s*['\"](\w+)", _text(holder)[:4096])
        verb = method[1] if method else (name.upper() if name in ("post", "put") else "")
        run.words(["curl", *(["-X", verb] if verb else []), first], inner)
    elif name == "kill" and first and "process" in dotted:
        run.words(["kill", first], inner)
    elif name == "eval" and first:
        read_javascript(run, first, inner)


def _evaluates(node: Node) -> bool:
    """Whether a call runs text that is not in the program."""
    what = node.child_by_field_name("function") or node.child_by_field_name("constructor")
    holder = node.child_by_field_name("arguments")
    if what is None or holder is None:
        return False
    given = holder.named_children
    if any(one.type == "identifier" and _text(one) in _EVALUATING for one in given):
        return True
    named = _text(what)[-120:].rpartition(".")[2] in _EVALUATING
    return named and bool(given) and given[-1].type != "string"


def _evaluated(run: Interpreter, frame: Frame) -> None:
    """Note that the program runs what it fetched, where it fetches."""
    source = next((one for one in reversed(run.commands) if one.program == "curl"), None)
    if source is not None and source.via == frame.via:
        run.note(
            Command(
                program="node", text="node", urls=source.urls, via=frame.via, pipeline=1,
                piped_from=("curl",), decoded=frame.decoded, certain=frame.certain,
            )
        )  # fmt: skip


def _tool(run: Interpreter, node: Node, constants: dict[str, str], frame: Frame) -> None:
    """`tools.exec_command({cmd: …, workdir: …})`"""
    for pair in node.named_children:
        if pair.type == "shorthand_property_identifier" and _text(pair) in _SHELL_KEYS:
            known = constants.get(_text(pair))
            if known:
                run.text(known, frame)
            continue
        if pair.type != "pair":
            continue
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if key is None or value is None or _text(key).strip("'\"") not in _SHELL_KEYS:
            continue
        if value.type == "array":
            words = [fold(item, constants) or "?" for item in value.named_children]
            if words:
                run.words(words, frame)
        else:
            known = fold(value, constants)
            if known:
                run.text(known, frame)


def fold(node: Node, constants: dict[str, str], depth: int = 0) -> str | None:
    """The string that an expression is; unknown parts of a template stay as `${…}`."""
    if depth > 40:
        return None
    kind = node.type
    if kind == "string":
        return decode_ansi(_text(node)[1:-1])[0]
    if kind == "number":
        return _text(node)
    if kind == "identifier":
        return constants.get(_text(node))
    if kind == "template_string":
        return _template(node, constants, depth)
    if kind == "parenthesized_expression" and node.named_children:
        return fold(node.named_children[0], constants, depth + 1)
    if kind == "binary_expression":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or "+" not in [child.type for child in node.children]:
            return None
        one, two = fold(left, constants, depth + 1), fold(right, constants, depth + 1)
        return None if one is None or two is None else (one + two)[:MAX_SOURCE]
    if kind == "call_expression":
        text = _text(node)
        match = re.match(
            r"(?:Buffer\.from\(\s*['\"]([A-Za-z0-9+/=]+)['\"]\s*,\s*['\"](base64|hex)['\"]\)"
            r"\.toString\(.*\)|atob\(\s*['\"]([A-Za-z0-9+/=]+)['\"]\s*\))$",
            text,
        )
        if match:
            packed = match[1] or match[3]
            try:
                data = (
                    bytes.fromhex(packed) if match[2] == "hex" else base64.b64decode(packed + "==")
                )
            except ValueError:
                return None
            return data.decode("utf-8", "replace")
    return None


def _template(node: Node, constants: dict[str, str], depth: int) -> str:
    pieces: list[str] = []
    for child in node.children:
        if child.type == "template_substitution":
            inner = child.named_children
            known = fold(inner[0], constants, depth + 1) if inner else None
            pieces.append(known if known is not None else _text(child))
        elif child.type in ("string_fragment", "escape_sequence"):
            text = _text(child)
            pieces.append(decode_ansi(text)[0] if child.type == "escape_sequence" else text)
    return "".join(pieces)


def _text(node: Node) -> str:
    return node.text.decode("utf-8", "replace") if node.text else ""
