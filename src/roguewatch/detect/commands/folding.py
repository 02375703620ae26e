"""Constant folding over Python's `ast`: what an expression is, where the text decides it."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import operator
import zlib
from collections.abc import Callable

Value = str | bytes | int | list["Value"] | None
_MAX = 65_536
_MAX_ELEMENTS = 8_192
_MAX_WORK = 32_768
"""Elements computed one by one in a program: a payload is a few thousand characters."""
_MAX_DEPTH = 40


_UNKNOWN = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, zlib.error,
)  # fmt: skip
"""What an operation on an agent's constants may raise."""


class Folder:
    """Learns names as the program is read from top to bottom.

    `decoded` collects the texts that had to be decoded on the way.
    """

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.names: dict[str, str] = {}
        """Local name to dotted origin, from imports and plain aliases."""
        self.decoded: list[str] = []
        self.told: set[int] = set()
        """Calls already told as part of another: `open(p, "w")` of `open(p, "w").write(t)`."""
        self._depth = 0
        self._worked = 0

    def learn(self, node: ast.AST) -> None:
        """Take note of imports and assignments."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self._assign(target.id, node.value)
        elif isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            self._assign(node.target.id, node.value)
        elif isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name):
                    self._assign(item.optional_vars.id, item.context_expr)

    def _assign(self, name: str, value: ast.expr) -> None:
        folded = self.value(value)
        if folded is not None:
            self.values[name] = folded
        else:
            self.values.pop(name, None)
        dotted = self.name_of(value) if not isinstance(value, ast.Constant) else ""
        if dotted:
            self.names[name] = dotted

    def name_of(self, node: ast.AST) -> str:
        """Dotted name of what is called: `os.system`, however it was imported."""
        pieces: list[str] = []
        for _ in range(_MAX_DEPTH):
            if isinstance(node, ast.Attribute):
                pieces.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Name):
                pieces.append(self.names.get(node.id, node.id))
                return ".".join(reversed(pieces))
            elif isinstance(node, ast.Call):
                called = self.name_of(node.func)
                if called in ("__import__", "importlib.import_module") and node.args:
                    module = self.value(node.args[0])
                    module = module if isinstance(module, str) else "?"
                    # Without a fourth argument, `__import__("a.b")` is `a`.
                    top = called == "__import__" and len(node.args) + len(node.keywords) == 1
                    pieces.append(module.partition(".")[0] if top else module)
                elif called == "getattr" and len(node.args) > 1:
                    attribute = self.value(node.args[1])
                    pieces.append(attribute if isinstance(attribute, str) else "?")
                    node = node.args[0]
                    continue
                elif called.endswith((".__getattribute__", ".__getattr__")) and node.args:
                    attribute = self.value(node.args[0])
                    pieces.append(attribute if isinstance(attribute, str) else "?")
                    node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
                    continue
                else:
                    pieces.append(f"{called}()")
                return ".".join(reversed(pieces))
            elif isinstance(node, ast.Subscript):
                node = node.value
            else:
                return ".".join(["?", *reversed(pieces)]) if pieces else ""
        return ""

    def text(self, node: ast.AST | None) -> str:
        """The string that an expression is, or empty."""
        value = self.value(node) if node is not None else None
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if isinstance(value, str) else ""

    def value(self, node: ast.AST | None) -> Value:
        """The value of an expression, or None where it is not known."""
        if node is None or self._depth > _MAX_DEPTH:
            return None
        self._depth += 1
        try:
            value = self._fold(node)
        except _UNKNOWN:
            value = None
        finally:
            self._depth -= 1
        if isinstance(value, str | bytes | list) and len(value) > _MAX:
            return None
        return value

    def _fold(self, node: ast.AST) -> Value:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str | bytes | int) else None
        if isinstance(node, ast.Name):
            return self.values.get(node.id)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._formatted(part) for part in node.values)
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(element) for element in node.elts[:_MAX_ELEMENTS]]
        if isinstance(node, ast.GeneratorExp | ast.ListComp):
            return self._comprehension(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
            number = self.value(node.operand)
            if not isinstance(number, int):
                return None
            return -number if isinstance(node.op, ast.USub) else ~number
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return None

    def _formatted(self, part: ast.AST) -> str:
        if isinstance(part, ast.FormattedValue):
            value = self.value(part.value)
            return str(value) if value is not None else "{" + ast.unparse(part.value)[:80] + "}"
        value = self.value(part)
        return value if isinstance(value, str) else ""

    def _operation(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, int) and isinstance(right, int):
            return _arithmetic(node.op, left, right)
        if isinstance(node.op, ast.Add):
            if isinstance(left, str) and isinstance(right, str):
                return left + right
            if isinstance(left, bytes) and isinstance(right, bytes):
                return left + right
            if isinstance(left, list) and isinstance(right, list):
                return left + right
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return right if right.startswith("/") else f"{left.rstrip('/')}/{right}"
        if isinstance(node.op, ast.Mult) and isinstance(left, str) and isinstance(right, int):
            return left * right if len(left) * right <= _MAX else None
        if isinstance(node.op, ast.Mod) and isinstance(left, str):
            if isinstance(right, str):
                return left.replace("%s", right, 1)
            if isinstance(right, list):
                for item in right:
                    left = left.replace("%s", str(item), 1)
                return left
        return None

    def _subscript(self, node: ast.Subscript) -> Value:
        if self.name_of(node.value) == "os.environ":
            name = self.text(node.slice)
            return "~" if name == "HOME" else f"${name}"
        base = self.value(node.value)
        if isinstance(node.slice, ast.Slice) and isinstance(base, str | bytes | list):
            step = node.slice.step
            negative = isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub)
            bounds = [self.value(node.slice.lower), self.value(node.slice.upper)]
            if negative and bounds == [None, None]:
                return base[::-1]
            low, high = (bound if isinstance(bound, int) else None for bound in bounds)
            return base[low:high]
        index = self.value(node.slice)
        if isinstance(index, int) and isinstance(base, str | bytes | list):
            return base[index]
        return None

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp) -> Value:
        """`x ^ 7 for x in [...]`: one loop over known values, without a condition."""
        if len(node.generators) != 1 or node.generators[0].ifs:
            return None
        target = node.generators[0].target
        if not isinstance(target, ast.Name):
            return None
        return self._each(target.id, self.value(node.generators[0].iter), node.elt)

    def _each(self, name: str, items: Value, body: ast.expr) -> Value:
        """What an expression is for each of some known values, under a name; or None."""
        if not isinstance(items, str | bytes | list) or len(items) > _MAX_ELEMENTS:
            return None
        self._worked += len(items)
        if self._worked > _MAX_WORK:
            return None
        before = self.values.get(name)
        found: list[Value] = []
        for item in items:
            self.values[name] = item
            value = self.value(body)
            if value is None:
                break
            found.append(value)
        if before is None:
            self.values.pop(name, None)
        else:
            self.values[name] = before
        return found if len(found) == len(items) else None

    def _call(self, node: ast.Call) -> Value:
        name = self.name_of(node.func)
        if name == "map" and len(node.args) == 2 and isinstance(node.args[0], ast.Lambda):
            parameters = node.args[0].args.args
            if len(parameters) != 1:
                return None
            return self._each(parameters[0].arg, self.value(node.args[1]), node.args[0].body)
        if name == "map" and len(node.args) == 2 and self.name_of(node.args[0]) == "chr":
            codes = self.value(node.args[1])
            return (
                [chr(code) for code in codes if isinstance(code, int)]
                if isinstance(codes, list)
                else None
            )
        arguments = [self.value(argument) for argument in node.args]
        function = _FUNCTIONS.get(name)
        if function is not None:
            value = function(*arguments)
            if name in _DECODERS and value is not None:
                self._note(value)
            return value
        if isinstance(node.func, ast.Attribute):
            base = self.value(node.func.value)
            method = _METHODS.get(node.func.attr)
            if base is not None and method is not None:
                value = method(base, *arguments)
                if node.func.attr in ("fromhex", "translate"):
                    self._note(value)
                return value
        return None

    def _note(self, value: Value) -> None:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(text, str):
            self.decoded.append(text)


def _arithmetic(kind: ast.operator, left: int, right: int) -> Value:
    """Two small numbers; nothing that could grow without bound."""
    if max(abs(left), abs(right)) > _MAX_NUMBER:
        return None
    if isinstance(kind, ast.LShift | ast.RShift) and not 0 <= right <= 64:
        return None
    compute = _ARITHMETIC.get(type(kind))
    return compute(left, right) if compute is not None else None


_MAX_NUMBER = 1 << 64
_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Mod: lambda left, right: left % right if right else 0,
    ast.FloorDiv: lambda left, right: left // right if right else 0,
}


def _range(*bounds: Value) -> Value:
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    if len(numbers) != len(bounds) or len(range(*numbers)) > _MAX_ELEMENTS:
        return None
    return list(range(*numbers))


def _inflated(value: Value, *_: Value) -> Value:
    """zlib or gzip (RFC 1950, 1952), as far as `_MAX` bytes."""
    return zlib.decompressobj(wbits=47).decompress(_bytes(value), _MAX)


def _reversed(value: Value) -> Value:
    return value[::-1] if isinstance(value, str | bytes | list) else None


def _bytes(value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return bytes([number for number in value if isinstance(number, int)])
    raise TypeError


def _join(base: Value, pieces: Value) -> Value:
    if isinstance(base, str) and isinstance(pieces, str | list):
        return base.join(piece if isinstance(piece, str) else "" for piece in pieces)
    return None


def _path_join(*pieces: Value) -> Value:
    result = ""
    for piece in pieces:
        if not isinstance(piece, str):
            return None
        result = (
            piece if piece.startswith(("/", "~")) or not result else f"{result.rstrip('/')}/{piece}"
        )
    return result


def _environment(name: Value = None, default: Value = None) -> Value:
    if name == "HOME":
        return "~"
    return f"${name}" if isinstance(name, str) else None


def _same(value: Value = None, *_: Value) -> Value:
    return value


def _decode_with(value: Value, *names: Value) -> Value:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return _rot(value, *names)


def _rot(value: Value, codec: Value = None, *_: Value) -> Value:
    if isinstance(value, str) and codec in ("rot13", "rot_13", "rot-13"):
        return codecs.encode(value, "rot13")
    if codec in ("hex", "hex_codec"):
        return binascii.unhexlify(_bytes(value))
    return None


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "base64.b64decode": lambda v, *_: base64.b64decode(_bytes(v) + b"=="),
    "base64.urlsafe_b64decode": lambda v, *_: base64.urlsafe_b64decode(_bytes(v) + b"=="),
    "base64.b32decode": lambda v, *_: base64.b32decode(_bytes(v)),
    "base64.b16decode": lambda v, *_: base64.b16decode(_bytes(v), True),
    "binascii.unhexlify": lambda v, *_: binascii.unhexlify(_bytes(v)),
    "binascii.a2b_base64": lambda v, *_: binascii.a2b_base64(_bytes(v)),
    "bytes.fromhex": lambda v: bytes.fromhex(v),
    "bytearray.fromhex": lambda v: bytes.fromhex(v),
    "bytes": lambda v=b"", *_: _bytes(v),
    "bytearray": lambda v=b"", *_: _bytes(v),
    "codecs.decode": _rot,
    "codecs.encode": _rot,
    "chr": lambda v: chr(v),
    "ord": lambda v: ord(v),
    "int": lambda v, base=10: int(v, base) if isinstance(v, str) and len(v) < 64 else v,
    "range": _range,
    "list": lambda v: list(v),
    "tuple": lambda v: list(v),
    "reversed": _reversed,
    "zlib.decompress": _inflated,
    "gzip.decompress": _inflated,
    "str": lambda v="", *_: str(v) if v is not None else None,
    "os.path.join": _path_join,
    "posixpath.join": _path_join,
    "os.path.expanduser": _same,
    "os.path.expandvars": _same,
    "os.path.abspath": _same,
    "os.path.realpath": _same,
    "os.fspath": _same,
    "pathlib.Path": _path_join,
    "pathlib.PurePath": _path_join,
    "Path": _path_join,
    "pathlib.Path.home": lambda: "~",
    "Path.home": lambda: "~",
    "os.getenv": _environment,
    "os.environ.get": _environment,
    "os.getcwd": lambda: ".",
    "pathlib.Path.cwd": lambda: ".",
    "shlex.split": lambda v, *_: v.split(),
    "open": _same,
}
_DECODERS = frozenset(
    name
    for name in _FUNCTIONS
    if name.startswith(("base64.", "binascii.", "bytes.from", "codecs.", "zlib.", "gzip."))
)
_METHODS: dict[str, Callable[..., Value]] = {
    "join": _join,
    "decode": _decode_with,
    "encode": lambda v, *_: _bytes(v),
    "replace": lambda v, old, new, *_: v.replace(old, new),
    "strip": lambda v, *a: v.strip(*a),
    "lower": lambda v: v.lower(),
    "upper": lambda v: v.upper(),
    "split": lambda v, *a: v.split(*a),
    "format": lambda v, *a: v.format(*a) if "{" in v and len(v) < 4096 and ":" not in v else v,
    "expanduser": _same,
    "resolve": _same,
    "absolute": _same,
    "joinpath": _path_join,
    "fromhex": lambda _, v: bytes.fromhex(v),
    "as_posix": _same,
}
