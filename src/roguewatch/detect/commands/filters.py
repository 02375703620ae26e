"""What text tools print, where that is decided by the text alone.

Only enough of each tool to follow how payloads are hidden: `echo … | base64 -d | sh`,
`printf '\\x72…'`, `rev <<< …`. Unknown output is None, never a guess.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable

from roguewatch.detect.commands.ansi import decode_ansi
from roguewatch.detect.commands.state import Text

MAX_OUTPUT = 262_144
"""Characters of one tool's output; decompression stops there."""

Filter = Callable[[list[str], Text | None], Text | None]


def run_filter(program: str, arguments: list[str], stdin: Text | None) -> Text | None:
    """What `program` prints, or None where that is not known."""
    tool = FILTERS.get(program)
    if tool is None:
        return None
    try:
        return tool(arguments, stdin)
    except (ValueError, IndexError, re.error, zlib.error, OverflowError):
        return None


def _decoded(text: str, source: Text) -> Text:
    text = text[:MAX_OUTPUT]
    return Text(text, (*source.decoded, text), source.certain)


def _same(text: str, source: Text) -> Text:
    return Text(text[:MAX_OUTPUT], source.decoded, source.certain)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data[:MAX_OUTPUT].decode("utf-8", "surrogateescape")


def _echo(arguments: list[str], stdin: Text | None) -> Text:
    escapes, newline = False, "\n"
    while arguments and arguments[0][:1] == "-" and re.fullmatch(r"-[neE]+", arguments[0]):
        escapes = escapes or "e" in arguments[0]
        newline = "" if "n" in arguments[0] else newline
        arguments = arguments[1:]
    text = " ".join(arguments)
    if escapes:
        text, hidden = decode_ansi(text)
        if hidden:
            return Text(text + newline, (text,))
    return Text(text + newline)


_FORMAT = re.compile(r"%(?:%|[-+ #0]*\d*(?:\.\d+)?([sdiouxXcbq]))")


def _printf(arguments: list[str], stdin: Text | None) -> Text | None:
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    if not arguments or arguments[0] == "-v":
        return None
    form, hidden = decode_ansi(arguments[0])
    rest = arguments[1:]
    out: list[str] = []

    def one(match: re.Match[str]) -> str:
        nonlocal hidden
        kind = match.group(1)
        if kind is None:
            return "%"
        value = rest.pop(0) if rest else ""
        if kind in "di":
            return str(int(value or "0", 0))
        if kind in "oxX":
            return format(int(value or "0", 0), kind)
        if kind == "c":
            return value[:1]
        if kind == "b":
            value, more = decode_ansi(value)
            hidden = hidden or more
        return value

    for _ in range(512):
        count = len(rest)
        out.append(_FORMAT.sub(one, form))
        if not rest or len(rest) == count:
            break
    text = "".join(out)
    if re.search(r"\\x[0-9A-Fa-f]{2}|\\[0-7]{3}", text):  # built up: printf "\\x%s" 72 6d
        text, more = decode_ansi(text)
        hidden = hidden or more
    return Text(text[:MAX_OUTPUT], (text[:MAX_OUTPUT],) if hidden else ())


def _base64(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    if _has(arguments, "d", "D", long=("--decode",)):
        packed = re.sub(r"[^A-Za-z0-9+/_-]", "", stdin.value).replace("-", "+").replace("_", "/")
        return _decoded(_text(base64.b64decode(packed + "=" * (-len(packed) % 4))), stdin)
    return _same(base64.b64encode(_bytes(stdin.value)).decode() + "\n", stdin)


def _base32(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None or not _has(arguments, "d", long=("--decode",)):
        return None
    packed = re.sub(r"[^A-Z2-7]", "", stdin.value)
    return _decoded(_text(base64.b32decode(packed + "=" * (-len(packed) % 8))), stdin)


def _xxd(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None or not _has(arguments, "r"):
        return None
    digits = re.sub(r"[^0-9A-Fa-f]", "", stdin.value.replace("\\x", "").replace("0x", ""))
    return _decoded(_text(binascii.unhexlify(digits[: len(digits) // 2 * 2])), stdin)


def _rev(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    return _decoded("\n".join(line[::-1] for line in stdin.value.split("\n")), stdin)


def _tac(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    return _decoded("\n".join(reversed(stdin.value.rstrip("\n").split("\n"))) + "\n", stdin)


_CLASSES = {
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
    "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "[:digit:]": "0123456789",
    "[:space:]": " \t\n\r\v\f",
    "[:punct:]": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}


def _set(text: str) -> str:
    for name, chars in _CLASSES.items():
        text = text.replace(name, chars)
    text = decode_ansi(text)[0]
    return re.sub(
        r"(.)-(.)",
        lambda match: "".join(map(chr, range(ord(match[1]), min(ord(match[2]), 0x17F) + 1))),
        text,
    )


def _tr(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    options = [argument for argument in arguments if re.fullmatch(r"-[cCdst]+", argument)]
    sets = [argument for argument in arguments if argument not in options]
    if not sets or any("c" in option or "C" in option for option in options):
        return None
    first = _set(sets[0])
    if any("d" in option for option in options):
        return _decoded(stdin.value.translate({ord(char): None for char in first}), stdin)
    if len(sets) < 2:
        return _same(stdin.value, stdin)
    second = _set(sets[1])
    second += second[-1:] * (len(first) - len(second))
    table = dict(zip(map(ord, first), second, strict=False))
    return _decoded(stdin.value.translate(table), stdin)


def _cat(arguments: list[str], stdin: Text | None) -> Text | None:
    files = [argument for argument in arguments if argument == "-" or not argument.startswith("-")]
    return stdin if files in ([], ["-"]) else None


def _head(arguments: list[str], stdin: Text | None) -> Text | None:
    return _ends(arguments, stdin, first=True)


def _tail(arguments: list[str], stdin: Text | None) -> Text | None:
    return _ends(arguments, stdin, first=False)


def _ends(arguments: list[str], stdin: Text | None, first: bool) -> Text | None:
    if stdin is None:
        return None
    match = re.search(r"-(?:(c)|n)?\s*(\+?)(\d+)", " ".join(arguments) or "-n 10")
    if match is None:
        return None
    count = int(match[3])
    if match[1]:
        return _same(stdin.value[:count] if first else stdin.value[-count:], stdin)
    lines = stdin.value.splitlines(keepends=True)
    if match[2] and not first:
        return _same("".join(lines[count - 1 :]), stdin)
    return _same("".join(lines[:count] if first else lines[-count:]), stdin)


def _cut(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    text = " ".join(arguments)
    delimiter = re.search(r"-d\s?(.)", text)
    columns = re.search(r"-([fcb])\s?(\d+)(-?)(\d*)", text)
    if columns is None:
        return None
    low = int(columns[2]) - 1
    high = (int(columns[4]) if columns[4] else None) if columns[3] else low + 1
    lines = []
    for line in stdin.value.rstrip("\n").split("\n"):
        if columns[1] == "f":
            mark = delimiter[1] if delimiter else "\t"
            lines.append(mark.join(line.split(mark)[low:high]))
        else:
            lines.append(line[low:high])
    return _decoded("\n".join(lines) + "\n", stdin)


_SED = re.compile(r"s(.)(.*?)\1(.*?)\1([gi]*)$")


def _sed(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    scripts = [word for word in arguments if not re.fullmatch(r"-[eErn]+", word)]
    if len(scripts) != 1 or len(stdin.value) > 4096:
        return None
    text = stdin.value
    for step in scripts[0].split(";"):
        match = _SED.match(step.strip())
        # Only literal patterns, character sets and anchors: nothing that can backtrack.
        if match is None or not re.fullmatch(r"\^?(?:\\?[^\\*+?(){}|]|\\[.*/$^])*\$?", match[2]):
            return None
        replacement = match[3].replace("\\/", "/")
        if "\\" in replacement or "&" in replacement:
            return None
        text = re.sub(match[2], lambda _, new=replacement: new, text, count="g" not in match[4])
    return _decoded(text, stdin)


def _gunzip(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None:
        return None
    data = zlib.decompressobj(47).decompress(_bytes(stdin.value), MAX_OUTPUT)
    return _decoded(_text(data), stdin)


def _gzip(arguments: list[str], stdin: Text | None) -> Text | None:
    return _gunzip(arguments, stdin) if _has(arguments, "d", long=("--decompress",)) else None


def _openssl(arguments: list[str], stdin: Text | None) -> Text | None:
    words = set(arguments)
    if words & {"base64", "-base64", "-a"} and "-d" in words:
        return _base64(["-d"], stdin)
    return None


def _rot13(arguments: list[str], stdin: Text | None) -> Text | None:
    return _decoded(codecs.encode(stdin.value, "rot13"), stdin) if stdin else None


_AWK_FIELD = re.compile(r"\{\s*print \$(\d+)\s*;?\s*\}")
_AWK_PRINTS = re.compile(r"\s*+BEGIN\s*+\{\s*+(printf?)([^{}]*+)\}\s*+")
"""Nothing in it can be matched in two ways, so that its time is linear in the program."""
_AWK_CONSTANTS = re.compile(r"\s*(?:(\"(?:[^\"\\]|\\.)*\")|(\d{1,9}))\s*(,|$)?", re.S)


def _awk_constants(program: str) -> Text | None:
    """`BEGIN { print … }` of constants."""
    match = _AWK_PRINTS.fullmatch(program)
    if match is None:
        return None
    given, at = _awk_operands(match.group(2)), 0
    items: list[str] = []
    while at < len(given):
        one = _AWK_CONSTANTS.match(given, at)
        if one is None or one.end() == at:
            return None
        items.append(decode_ansi(one[1][1:-1])[0] if one[1] else one[2])
        at = one.end()
    if match.group(1) == "print":
        hidden = "\\" in given
        return Text(text := " ".join(items) + "\n", (text,) if hidden else ())
    numbers = [chr(int(item)) if item.isdigit() else item for item in items[1:]]
    form = items[0] if items else ""
    characters = re.findall(r"%[^%a-zA-Z]*([a-zA-Z%])", form)
    if len(characters) == len(numbers) and set(characters) <= {"c", "s"}:
        given_ = iter(
            new if kind == "c" else old
            for kind, new, old in zip(characters, numbers, items[1:], strict=True)
        )
        text = re.sub(r"%[cs]", lambda _: next(given_), form)
        return Text(text, (text,))
    return _printf(items, None)


def _awk_operands(given: str) -> str:
    """What is printed, without the brackets around it and the `exit` behind it."""
    given = given.strip()
    ending = given.removesuffix(";").rstrip()
    if ending.endswith("exit"):
        given = ending.removesuffix("exit").rstrip()
    given = given.removesuffix(";").rstrip()
    return given.removeprefix("(").removesuffix(")").strip()


def _expr(arguments: list[str], stdin: Text | None) -> Text | None:
    """`expr substr STRING POSITION LENGTH`."""
    if len(arguments) != 4 or arguments[0] != "substr":
        return None
    start, length = int(arguments[2]) - 1, int(arguments[3])
    if start < 0 or length < 0:
        return None
    return Text(arguments[1][start : start + length] + "\n")


def _awk(arguments: list[str], stdin: Text | None) -> Text | None:
    program = arguments[-1] if arguments else ""
    constant = _awk_constants(program)
    if constant is not None:
        return constant
    field = _AWK_FIELD.fullmatch(program.strip())
    if stdin is None or field is None:
        return None
    index = int(field[1]) - 1
    rows = [line.split() for line in stdin.value.splitlines()]
    return _same("".join(f"{row[index]}\n" for row in rows if index < len(row)), stdin)


_PACK = re.compile(r"pack\s*\(?\s*[\"']H\*[\"']\s*,\s*[\"']([0-9A-Fa-f]+)[\"']")
_PERL_BASE64 = re.compile(r"decode_base64\s*\(\s*[\"']([A-Za-z0-9+/=]+)[\"']")


def _perl(arguments: list[str], stdin: Text | None) -> Text | None:
    script = " ".join(arguments)
    if "print" not in script:
        return None
    if match := _PACK.search(script):
        return _decoded(_text(binascii.unhexlify(match[1])), Text(""))
    if match := _PERL_BASE64.search(script):
        return _base64(["-d"], Text(match[1]))
    return None


def _paste(arguments: list[str], stdin: Text | None) -> Text | None:
    if stdin is None or ("-s" not in arguments and "-sd" not in " ".join(arguments)):
        return None
    mark = re.search(r"-s?d\s?(.?)", " ".join(arguments))
    return _decoded((mark[1] if mark else "\t").join(stdin.value.splitlines()) + "\n", stdin)


def _has(arguments: list[str], *letters: str, long: tuple[str, ...] = ()) -> bool:
    """Whether a short option is given, alone or in a cluster."""
    return any(
        argument in long
        or (argument[:1] == "-" and argument[1:2] != "-" and any(c in argument for c in letters))
        for argument in arguments
    )


FILTERS: dict[str, Filter] = {
    "expr": _expr,
    "echo": _echo, "printf": _printf, "base64": _base64, "base32": _base32, "xxd": _xxd,
    "rev": _rev, "tac": _tac, "tr": _tr, "cat": _cat, "tee": lambda _, stdin: stdin,
    "head": _head, "tail": _tail, "cut": _cut, "sed": _sed, "gunzip": _gunzip,
    "zcat": _gunzip, "gzip": _gzip, "openssl": _openssl, "rot13": _rot13, "awk": _awk,
    "gawk": _awk, "mawk": _awk, "perl": _perl, "paste": _paste, "gbase64": _base64,
    "true": lambda *_: Text(""), ":": lambda *_: Text(""),
}  # fmt: skip
