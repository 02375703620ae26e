"""PowerShell, as far as its commands can be told: words, pipes, aliases, encodings.

A lexer, not a parser: statements end at `;`, newline, `|` and braces, `& 'name'` and
`iex` are followed, string constants are joined through `+`, variables and `-f`.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from roguewatch.detect.commands.lookalikes import plain
from roguewatch.detect.commands.psfolding import folded
from roguewatch.detect.commands.state import Text

if TYPE_CHECKING:
    from roguewatch.detect.commands.frame import Frame
    from roguewatch.detect.commands.interpreter import Interpreter

MAX_SOURCE = 65_536
_TOKEN = re.compile(
    r"(?P<comment><\#.*?\#>|(?<![\w])\#[^\n]*)|(?P<here>@'\r?\n.*?\n'@|@\"\r?\n.*?\n\"@)"
    r"|(?P<single>'(?:[^']|'')*'?)|(?P<double>\"(?:[^\"`]|`.|\"\")*\"?)"
    r"|(?P<end>\r?\n|;|&&|\|\||\||[{}()])|(?P<space>(?:[ \t\r]|`\r?\n)+)"
    r"|(?P<word>(?:[^\s'\";|{}()`,]|`.)+)|(?P<other>.)",
    re.S,
)
_ASSIGN = re.compile(r"^\$(?:env:|global:|script:)?[\w]+$", re.I)
_GLUED = re.compile(r"^\$(?!env:)(?:\w+:)?(\w+)=(.*)$", re.I | re.S)
ALIASES = {
    "iwr": "Invoke-WebRequest", "wget": "Invoke-WebRequest", "curl": "Invoke-WebRequest",
    "irm": "Invoke-RestMethod", "iex": "Invoke-Expression", "rm": "Remove-Item",
    "del": "Remove-Item", "erase": "Remove-Item", "rd": "Remove-Item", "ri": "Remove-Item",
    "rmdir": "Remove-Item", "cat": "Get-Content", "gc": "Get-Content", "type": "Get-Content",
    "cp": "Copy-Item", "copy": "Copy-Item", "cpi": "Copy-Item", "mv": "Move-Item",
    "move": "Move-Item", "mi": "Move-Item", "ls": "Get-ChildItem", "dir": "Get-ChildItem",
    "gci": "Get-ChildItem", "kill": "Stop-Process", "spps": "Stop-Process", "ps": "Get-Process",
    "gps": "Get-Process", "saps": "Start-Process", "start": "Start-Process", "sc": "Set-Content",
    "ac": "Add-Content", "ni": "New-Item", "gp": "Get-ItemProperty", "sp": "Set-ItemProperty",
    "icm": "Invoke-Command", "sal": "Set-Alias", "echo": "Write-Output", "write": "Write-Output",
    "clear-host": "Clear-Host", "h": "Get-History", "clhy": "Clear-History", "gwmi": "Get-WmiObject",
    "sajb": "Start-Job", "nsn": "New-PSSession", "etsn": "Enter-PSSession", "tee": "Tee-Object",
}  # fmt: skip
_CANONICAL = {name.lower(): name for name in ALIASES.values()}
_CANONICAL |= {
    name.lower(): name
    for name in [
        "Set-ExecutionPolicy", "Register-ScheduledTask", "New-ScheduledTask", "New-Service",
        "Set-Service", "Stop-Service", "Set-MpPreference", "Add-MpPreference",
        "Clear-EventLog", "Remove-EventLog", "wevtutil", "Set-PSReadLineOption",
        "ConvertTo-SecureString", "Get-Credential", "Get-StoredCredential",
        "Test-NetConnection", "New-LocalUser", "Add-LocalGroupMember", "Compress-Archive",
        "Expand-Archive", "Start-BitsTransfer", "Set-ItemProperty", "New-ItemProperty",
        "Out-File", "Set-DnsClientServerAddress", "Register-WmiEvent", "New-Object",
        "Add-Type", "Unblock-File", "Disable-ScheduledTask",
    ]
}  # fmt: skip


def encoded_command(text: str) -> Text | None:
    """The script of `-EncodedCommand`: base64 of UTF-16LE."""
    packed = re.sub(r"[^A-Za-z0-9+/]", "", text)
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4))
    except ValueError:
        return None
    script = data.decode("utf-16-le", "replace")[:MAX_SOURCE]
    return Text(script, (script,))


def read_powershell(run: Interpreter, text: str, frame: Frame) -> None:
    """Note the commands of a PowerShell script."""
    if frame.depth > 12:
        run.bounded = True
        return
    if len(text) > MAX_SOURCE:
        run.bounded = True
        text = text[:MAX_SOURCE]
    text, decoded = folded(text)
    if decoded:
        frame = replace(frame, decoded=(*frame.decoded, *decoded))
    variables: dict[str, str] = {}
    pipeline = 0
    before: tuple[str, ...] = ()
    for words, closer in _statements(text, variables):
        if run.bounded:
            return
        if words:
            here = replace(frame, pipeline=pipeline, piped_from=before)
            program = _statement(run, words, here)
            before, pipeline = (*before[-12:], program), pipeline + 1
        if closer != "|":
            before, pipeline = (), 0


def _statements(text: str, variables: dict[str, str]) -> list[tuple[list[str], str]]:
    found: list[tuple[list[str], str]] = []
    words: list[str] = []
    open_word = False
    joining = False
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match.group()
        if kind == "comment":
            continue
        if kind == "end":
            if token in ("(", ")"):
                if not words:
                    continue
                open_word = False
                continue
            found.append((_finish(words, variables), token))
            words, open_word, joining = [], False, False
            continue
        if kind == "space":
            open_word = False
            continue
        value = _value(kind or "", token, variables)
        if value == "+" and kind == "word" and words:
            joining = True
        elif joining:
            words[-1] += value
            joining = False
        elif open_word and words:
            words[-1] += value
        else:
            words.append(value)
        open_word = True
    found.append((_finish(words, variables), ""))
    return found


def _value(kind: str, token: str, variables: dict[str, str]) -> str:
    if kind == "single":
        return token[1:].removesuffix("'").replace("''", "'")
    if kind == "here":
        return token[2:-2].strip("\r\n")
    if kind == "double":
        inner = token[1:].removesuffix('"').replace('""', '"')
        inner = re.sub(r"`(.)", r"\1", inner)
        return re.sub(r"\$(\w+)", lambda match: variables.get(match[1].lower(), match[0]), inner)
    word = re.sub(r"`(.)", r"\1", token)
    if word.startswith("$") and word[1:].lower() in variables:
        return variables[word[1:].lower()]
    return re.sub(r"\$(?:HOME|env:USERPROFILE|env:HOME)\b", "~", word, flags=re.I)


def _finish(words: list[str], variables: dict[str, str]) -> list[str]:
    """Take assignments out; apply `-f`."""
    if len(words) >= 3 and words[1] == "=" and _ASSIGN.match(words[0]):
        name = words[0][1:].lower()
        if len(words) == 3 and not name.startswith("env:"):
            variables[name] = words[2]
            return []
        if name.startswith("env:"):
            return ["Set-Item", words[0], *words[2:]]
        return words[2:]
    if words and (glued := _GLUED.match(words[0])):
        name, value = glued[1].lower(), glued[2]
        if value or len(words) == 1:
            variables[name] = " ".join([value, *words[1:]])
            return []
        return words[1:]
    if "-f" in words:
        at = words.index("-f")
        form = words[at - 1] if at else ""
        rest = [word.strip(",") for word in words[at + 1 :] if word != ","]
        for index, piece in enumerate(rest[:16]):
            form = form.replace(f"{{{index}}}", piece)
        if at:
            return [*words[: at - 1], form]
    return words


def _statement(run: Interpreter, words: list[str], frame: Frame) -> str:
    if words[0] in ("&", ".") and len(words) > 1:
        words = words[1:]
    elif words[0][:1] == "&" and len(words[0]) > 1:
        words = [words[0][1:], *words[1:]]
    if words[0].lower() in (
        "if",
        "else",
        "foreach",
        "while",
        "try",
        "catch",
        "function",
        "param",
        "return",
    ):
        words = words[1:]
        if not words:
            return ""
    name = plain(words[0].rsplit("\\", 1)[-1].rsplit("/", 1)[-1])
    name = name[:-4] if name.lower().endswith(".exe") else name
    lower = name.lower()
    program = ALIASES.get(lower) or _CANONICAL.get(lower) or (lower if lower == name else name)
    arguments = [word.strip(",") for word in words[1:] if word != ","]
    if program == "Invoke-Expression" and arguments:
        read_powershell(run, " ".join(arguments), frame.inside("iex"))
    elif program == "Start-Process" and arguments:
        rest = [
            a
            for a in arguments
            if not re.match(
                r"-(?:FilePath|ArgumentList|Wait|NoNewWindow|PassThru|WindowStyle|Verb)$", a, re.I
            )
        ]
        if rest:
            run.words(rest, replace(frame.inside("Start-Process"), background=True))
    elif program == "Start-Job":
        frame = replace(frame, background=True)
    run.words([program, *arguments], replace(frame, depth=frame.depth + 1))
    return program
