"""Calls of Python's library, told as the shell command that does the same."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.folding import Folder

if TYPE_CHECKING:
    from roguewatch.detect.commands.frame import Frame
    from roguewatch.detect.commands.interpreter import Interpreter

_SHELL = frozenset(
    [
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "commands.getoutput", "asyncio.create_subprocess_shell", "posix.system", "pty.spawn",
        "platform.popen", "popen2.popen2", "IPython.get_ipython().system",
        "get_ipython().system", "get_ipython().getoutput",
    ]
)  # fmt: skip
_PROCESS = frozenset(
    [
        "subprocess.run", "subprocess.call", "subprocess.check_call",
        "subprocess.check_output", "subprocess.Popen", "asyncio.create_subprocess_exec",
        "sh.Command", "plumbum.local", "os.posix_spawn", "os.posix_spawnp", "pexpect.spawn",
        "pexpect.run",
    ]
)  # fmt: skip
_EXEC = ("os.exec", "os.spawn")
# Name of the call, to program, options before the operands, and how many operands.
_DEEDS: dict[str, tuple[str, tuple[str, ...], int]] = {
    "os.remove": ("rm", (), 1), "os.unlink": ("rm", (), 1), "os.rmdir": ("rmdir", (), 1),
    "shutil.rmtree": ("rm", ("-rf",), 1), "os.removedirs": ("rmdir", ("-p",), 1),
    "shutil.copy": ("cp", (), 2), "shutil.copy2": ("cp", ("-p",), 2),
    "shutil.copyfile": ("cp", (), 2), "shutil.copytree": ("cp", ("-r",), 2),
    "shutil.move": ("mv", (), 2), "os.rename": ("mv", (), 2), "os.replace": ("mv", (), 2),
    "os.symlink": ("ln", ("-s",), 2), "os.link": ("ln", (), 2), "os.mkdir": ("mkdir", (), 1),
    "os.makedirs": ("mkdir", ("-p",), 1), "os.chmod": ("chmod", (), 2),
    "os.chown": ("chown", (), 3), "shutil.chown": ("chown", (), 2),
    "os.truncate": ("truncate", ("-s",), 2), "os.utime": ("touch", ("-d",), 2),
    "os.chdir": ("cd", (), 1), "os.listdir": ("ls", (), 1), "os.setuid": ("setuid", (), 1),
    "os.setsid": ("setsid", (), 0), "os.chroot": ("chroot", (), 1),
    "urllib.request.urlopen": ("curl", (), 1), "urllib.request.urlretrieve": ("curl", (), 1),
    "urllib.request.Request": ("curl", (), 1), "urllib2.urlopen": ("curl", (), 1),
    "requests.get": ("curl", (), 1), "requests.head": ("curl", ("-I",), 1),
    "requests.post": ("curl", ("-X", "POST"), 1), "requests.put": ("curl", ("-X", "PUT"), 1),
    "requests.patch": ("curl", ("-X", "PATCH"), 1),
    "requests.delete": ("curl", ("-X", "DELETE"), 1),
    "httpx.get": ("curl", (), 1), "httpx.post": ("curl", ("-X", "POST"), 1),
    "httpx.put": ("curl", ("-X", "PUT"), 1), "aiohttp.request": ("curl", ("-X",), 2),
    "socket.create_connection": ("nc", (), 1),
    "socket.socket().connect": ("nc", (), 1), "ftplib.FTP": ("ftp", (), 1),
    "smtplib.SMTP": ("sendmail", (), 1), "paramiko.SSHClient": ("ssh", (), 0),
    "socket.gethostbyname": ("host", (), 1), "signal.signal": ("trap", (), 2),
    "ctypes.CDLL": ("dlopen", (), 1), "sys._getframe": ("sys._getframe", (), 0),
    "inspect.stack": ("inspect.stack", (), 0), "keyring.get_password": ("keyring", ("get",), 2),
}  # fmt: skip
_FETCHES = frozenset(name for name, deed in _DEEDS.items() if deed[0] == "curl")
_METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "unlink": ("rm", ()), "rmdir": ("rmdir", ()), "touch": ("touch", ()), "mkdir": ("mkdir", ()),
    "read_text": ("cat", ()), "read_bytes": ("cat", ()), "chmod": ("chmod", ()),
    "iterdir": ("ls", ()), "rename": ("mv", ()), "symlink_to": ("ln", ("-s",)),
}  # fmt: skip
_WRITING = frozenset(("write_text", "write_bytes"))


MAX_LOOKED = 400
"""Nodes of one expression that are looked through for what was fetched."""


class Fetched:
    """Whether a call of a program runs text that a server sent.

    `exec(urlopen(u).read())` is `curl u | python3`, by whatever names the text goes. Nothing
    is looked at before the first call that runs text; then the program is walked once.

    Args:
        nodes: of the program, in the order of its text.
        folder: that knows its names.
    """

    def __init__(self, nodes: Sequence[ast.AST], folder: Folder) -> None:
        self._nodes = nodes
        self._folder = folder
        self._names: dict[str, str] | None = None
        """Names that hold what was fetched, each with the address it came from."""

    def run(self, run: Interpreter, program: str, node: ast.Call, frame: Frame) -> None:
        """Note the shell command that `node` amounts to, where it runs what was fetched."""
        sources = (self._source(argument) for argument in node.args[:2])
        source = next((one for one in sources if one is not None), None)
        if source is not None:
            run.note(
                Command(
                    program=program, text=program, urls=(source,) if source else (),
                    via=frame.via, decoded=frame.decoded, background=frame.background,
                    certain=frame.certain, pipeline=1, piped_from=("curl",),
                )
            )  # fmt: skip

    def _source(self, expression: ast.AST) -> str | None:
        """The address that an expression holds text of, empty where it is not known."""
        if self._names is None:
            self._names = {}
            self._learn()
        for inner in islice(ast.walk(expression), MAX_LOOKED):
            if isinstance(inner, ast.Name) and inner.id in self._names:
                return self._names[inner.id]
            if isinstance(inner, ast.Call) and self._folder.name_of(inner.func) in _FETCHES:
                address = _operand(inner.args[0], self._folder) if inner.args else ""
                return address if "://" in address else ""
        return None

    def _learn(self) -> None:
        for node in self._nodes:
            named: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                named = node.targets
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
                named = [node.target]
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                named = [node.optional_vars]
            value = node.context_expr if isinstance(node, ast.withitem) else None
            value = getattr(node, "value", None) if named and value is None else value
            if not named or value is None or self._names is None:
                continue
            source = self._source(value)
            if source is not None:
                self._names.update((n.id, source) for n in named if isinstance(n, ast.Name))


def runs_text(name: str) -> bool:
    """Whether a call gives its first argument to a shell or starts it as a process."""
    return name in _SHELL or name in _PROCESS or name.startswith(_EXEC)


def deed_of(run: Interpreter, name: str, node: ast.Call, folder: Folder, frame: Frame) -> None:
    """Note the command that one call amounts to, if any."""
    frame = replace(frame, decoded=(*frame.decoded, *folder.decoded[-4:]))
    if name in _SHELL:
        text = _first(node, folder)
        if isinstance(text, str) and text:
            run.text(text, replace(frame, depth=frame.depth + 1))
        elif isinstance(text, list):
            _words(run, text, frame)
        return
    if name in _PROCESS or name.startswith(_EXEC):
        _process(run, name, node, folder, frame)
        return
    if name in ("open", "io.open", "codecs.open", "os.open", "pathlib.Path.open"):
        _open(run, node, folder, frame)
        return
    if name == "os.kill" or name == "os.killpg":
        _kill(run, node, folder, frame)
        return
    if name in _DEEDS:
        program, options, count = _DEEDS[name]
        operands = [_operand(argument, folder) for argument in node.args[:count]]
        if program == "chmod" and len(operands) == 2:
            operands = [_mode(operands[1]), operands[0]]
        elif program in ("truncate", "touch", "trap") and len(operands) == 2:
            operands.reverse()
        elif program == "nc" and node.args and isinstance(node.args[0], ast.Tuple):
            operands = [_operand(element, folder) for element in node.args[0].elts]
        run.words([program, *options, *operands], replace(frame, depth=frame.depth + 1))
        return
    if isinstance(node.func, ast.Attribute):
        _method(run, node, node.func, folder, frame)


def _first(node: ast.Call, folder: Folder) -> object:
    if node.args:
        return folder.value(node.args[0])
    for keyword in node.keywords:
        if keyword.arg in ("args", "cmd", "command"):
            return folder.value(keyword.value)
    return None


def _words(run: Interpreter, values: list[object], frame: Frame) -> None:
    words = [value if isinstance(value, str) else "?" for value in values]
    certain = all(isinstance(value, str) for value in values)
    if words and words[0] != "?":
        run.words(words, replace(frame, depth=frame.depth + 1, certain=frame.certain and certain))


def _process(run: Interpreter, name: str, node: ast.Call, folder: Folder, frame: Frame) -> None:
    value = _first(node, folder)
    if any(keyword.arg == "start_new_session" for keyword in node.keywords):
        frame = replace(frame, background=True)
    if (
        isinstance(value, str) and name.startswith(_EXEC)
    ) or name == "asyncio.create_subprocess_exec":
        values: list[object] = [folder.value(argument) for argument in node.args]
        if name.startswith("os.exec") and len(values) > 1:
            flat = values[1] if isinstance(values[1], list) else values[1:]
            values = [values[0], *list(flat)[1:]]
        _words(run, values, frame)
    elif isinstance(value, str) and value:
        run.text(value, replace(frame, depth=frame.depth + 1))
    elif isinstance(value, list):
        _words(run, list(value), frame)


def _open(run: Interpreter, node: ast.Call, folder: Folder, frame: Frame) -> None:
    if id(node) in folder.told:
        return
    path, mode = _path_and_mode(node, folder)
    if not path:
        return
    if any(letter in mode for letter in "wax+"):
        _note(run, "", (), path, ">>" if "a" in mode else ">", "", frame)
    else:
        run.words(["cat", path], replace(frame, depth=frame.depth + 1))


def _path_and_mode(node: ast.Call, folder: Folder) -> tuple[str, str]:
    path = folder.text(node.args[0]) if node.args else ""
    mode = folder.text(node.args[1]) if len(node.args) > 1 else ""
    for keyword in node.keywords:
        if keyword.arg == "mode":
            mode = folder.text(keyword.value)
    return path, mode


def _kill(run: Interpreter, node: ast.Call, folder: Folder, frame: Frame) -> None:
    pid = _operand(node.args[0], folder) if node.args else "?"
    signal = "15"
    if len(node.args) > 1:
        named = folder.name_of(node.args[1]).rpartition(".")[2]
        signal = named.removeprefix("SIG") or _operand(node.args[1], folder)
    run.words(["kill", f"-{signal}", pid], replace(frame, depth=frame.depth + 1))


def _method(
    run: Interpreter, node: ast.Call, function: ast.Attribute, folder: Folder, frame: Frame
) -> None:
    base = folder.text(function.value)
    if not base:
        return
    if function.attr in _WRITING or (function.attr == "write" and node.args):
        operator = ">"
        if isinstance(function.value, ast.Call) and folder.name_of(function.value.func) == "open":
            folder.told.add(id(function.value))
            operator = ">>" if "a" in _path_and_mode(function.value, folder)[1] else ">"
        _note(run, "", (), base, operator, folder.text(node.args[0]) if node.args else "", frame)
    elif function.attr == "open":
        mode = folder.text(node.args[0]) if node.args else "r"
        if any(letter in mode for letter in "wax"):
            _note(run, "", (), base, ">>" if "a" in mode else ">", "", frame)
        else:
            run.words(["cat", base], replace(frame, depth=frame.depth + 1))
    elif function.attr in _METHODS and ("/" in base or "~" in base or "." in base):
        program, options = _METHODS[function.attr]
        rest = [_operand(argument, folder) for argument in node.args[:1]]
        operands = [base, *rest] if program in ("mv",) else [*map(_mode, rest), base]
        run.words([program, *options, *operands], replace(frame, depth=frame.depth + 1))


def _note(
    run: Interpreter,
    program: str,
    arguments: tuple[str, ...],
    path: str,
    operator: str,
    wrote: str,
    frame: Frame,
) -> None:
    path = run.state.resolve(path)
    run.note(
        Command(
            program=program,
            arguments=arguments,
            paths=(path,),
            redirects=(operator + path,),
            written=(path,),
            decoded=frame.decoded,
            background=frame.background,
            via=frame.via,
            certain=frame.certain,
            wrote=wrote[:16_384],
        )
    )


def _operand(node: ast.AST, folder: Folder) -> str:
    value = folder.value(node)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str | int):
        return str(value)
    name = folder.name_of(node)
    return name or "?"


def _mode(text: str) -> str:
    return format(int(text), "o") if text.isdigit() else text
