"""Commands inside the arguments of interpreters, editors, archivers and clients."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from roguewatch.detect.commands.ansi import decode_ansi
from roguewatch.detect.commands.frame import NOTHING, Call, Frame, Ran
from roguewatch.detect.commands.state import Text

if TYPE_CHECKING:
    from roguewatch.detect.commands.interpreter import Interpreter

_MAX_SCRIPT = 262_144

# Where each program's arguments or script hold a command. Group 1 is the command; the
# patterns have no nested repetition, and see at most `_MAX_SCRIPT` characters.
_STRING = r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)')"
_CALLS = re.compile(
    r"(?:\b(?:system|exec|popen|spawn|passthru|shell_exec|proc_open|open3|execute)\b\s*\(?\s*"
    r"|%x|\bqx\b)" + _STRING
)
_MORE = re.compile(r"\s*,\s*" + _STRING)
_PERL_QUOTES = re.compile(
    r"`([^`\n]{1,4096})`|(?:\bqx|%x|\bsystem)\s*[({\[]([^)}\]\n]{1,4096})[)}\]]"
)
_AWK = re.compile(
    r"\bsystem\s*\(\s*\"((?:[^\"\\]|\\.)*)\"|\"((?:[^\"\\]|\\.)*)\"\s*\|&?\s*getline"
    r"|\|&?\s*\"((?:[^\"\\]|\\.)*)\""
)
_AWK_INPUT = re.compile(
    r"print(?:f)?\s*\(?\s*\"((?:[^\"\\]|\\.)*)\"\)?\s*\|&?\s*\"(?:ba|z|da|k)?sh\""
)
_OPTIONS = {
    "tar": re.compile(
        r"^(?:--to-command|--checkpoint-action=exec|--use-compress-program|--rsh-command"
        r"|--info-script|--new-volume-script)=(.+)$",
        re.S,
    ),
    "rsync": re.compile(r"^(?:--rsh|--rsync-path)=(.+)$", re.S),
    "make": re.compile(r"^--eval=(.+)$", re.S),
    "git": re.compile(
        r"^(?:[\w.-]*(?:alias\.[\w-]+=!|sshcommand=|pager=|editor=|fsmonitor=|"
        r"external=|command=|helper=!)|--exec=|--(?:tree|index|msg|env|commit|parent|tag-name)-filter=|--extcmd=)(.+)$",
        re.S | re.I,
    ),
}
_NEXT = {
    "tar": ("-I", "-F", "--to-command", "--use-compress-program"),
    "rsync": ("-e",),
    "scp": ("-S",),
    "zip": ("-TT",),
    "man": ("-P", "-H"),
    "git": (
        "--exec",
        "--extcmd",
        "--tree-filter",
        "--index-filter",
        "--msg-filter",
        "--env-filter",
    ),
    "parallel-ssh": ("-i",),
}
_EDITOR = re.compile(
    r"^[+:]*(?:silent!?\s+|exe(?:cute)?\s+['\"]?)*:?!(.+?)['\"]?$|system\(\s*['\"](.+?)['\"]\s*\)",
    re.S,
)
_SED = re.compile(r"(?:^|[;}\n])\s*+(?:(?:\d+|\$|/[^/\n]{1,200}/)\s*+)?e\s+([^;\n]+)")
_CLIENT = re.compile(r"(?:^|[;\n])\s*(?:\\!|\.shell|\.system|shell|system|!)\s+?\s*([^;\n]+)")


# Scripts of other languages


def python_text(run: Interpreter, text: str, frame: Frame) -> Text | None:
    """Note what a Python program runs, reads and writes; gives what it prints."""
    from roguewatch.detect.commands.python import read_python

    return read_python(run, text, frame)


def javascript_text(run: Interpreter, text: str, frame: Frame) -> None:
    from roguewatch.detect.commands.javascript import read_javascript

    read_javascript(run, text, frame)


def powershell_text(run: Interpreter, text: str, frame: Frame) -> None:
    from roguewatch.detect.commands.powershell import read_powershell

    read_powershell(run, text, frame)


def cmd_text(run: Interpreter, text: str, frame: Frame) -> None:
    from roguewatch.detect.commands.windows import read_cmd

    read_cmd(run, text, frame)


def _script(call: Call, options: tuple[str, ...], run: Interpreter) -> tuple[str, Text | None]:
    """(how it came, the script): from `-c`/`-e`, a known file, or standard input."""
    words = call.arguments
    for index, word in enumerate(words):
        if word in options and index + 1 < len(words):
            return f"{call.program} {word}", Text(words[index + 1])
        if word[:2] == "-m":
            return "", None
        if not word.startswith("-"):
            known = run.state.files.get(word) or run.state.files.get(run.state.resolve(word))
            return "script", known
        if word == "-":
            break
    if call.stdin is not None and all(word.startswith("-") for word in words):
        return "heredoc", call.stdin
    return "", None


def _python(run: Interpreter, call: Call) -> Ran:
    how, script = _script(call, ("-c", "-ic", "-Ic", "-uc", "-Bc", "-Sc"), run)
    if script is None:
        return NOTHING
    label = how.replace(call.program, "python", 1)
    output = python_text(run, script.value, call.frame.inside(label, script))
    return Ran(output=output)


def _node(run: Interpreter, call: Call) -> Ran:
    how, script = _script(call, ("-e", "-p", "-pe", "--eval", "--print", "eval"), run)
    if script is not None:
        label = how.replace(call.program, "node", 1)
        javascript_text(run, script.value, call.frame.inside(label, script))
    return NOTHING


def _powershell(run: Interpreter, call: Call) -> Ran:
    from roguewatch.detect.commands.powershell import encoded_command

    words = call.arguments
    for index, word in enumerate(words):
        option = word.lower().lstrip("-/")
        if not word.startswith(("-", "/")):
            continue
        rest = words[index + 1 :]
        if (option and "encodedcommand".startswith(option)) or option in ("ec", "enc"):
            known = encoded_command(rest[0]) if rest else None
            if known is not None:
                powershell_text(run, known.value, call.frame.inside("powershell -enc", known))
            return NOTHING
        if option and "command".startswith(option) and rest:
            powershell_text(run, " ".join(rest), call.frame.inside("powershell -c"))
            return NOTHING
    if words and not words[0].startswith("-") and not words[0].endswith(".ps1"):
        powershell_text(run, " ".join(words), call.frame.inside("powershell -c"))
    return NOTHING


def _dynamic(run: Interpreter, call: Call) -> Ran:
    """perl, ruby, php, lua: the strings that are given to a shell."""
    how, script = _script(call, ("-e", "-r", "-E", "-ne", "-pe", "-le", "-we"), run)
    if script is None:
        return NOTHING
    text = script.value[:_MAX_SCRIPT]
    seen: set[str] = set()
    for pattern in (_CALLS, _PERL_QUOTES):
        for match in pattern.finditer(text):
            inner = next((group for group in match.groups() if group), "").strip("'\"")
            if inner and inner not in seen:
                seen.add(inner)
                if pattern is _CALLS:
                    inner += _listed(text, match.end())
                run.text(decode_ansi(inner)[0], call.frame.inside(how, script))
    return NOTHING


def _listed(text: str, at: int) -> str:
    """The further words of a call that is given a list: `exec "curl", "-s", $url`."""
    words: list[str] = []
    while len(words) < 64 and (match := _MORE.match(text, at)) is not None:
        words.append(shlex.quote(match.group(1) or match.group(2) or ""))
        at = match.end()
    return "".join([f" {word}" for word in words])


def _awk(run: Interpreter, call: Call) -> Ran:
    for word in call.arguments:
        if len(word) > 4 and ("|" in word or "system" in word):
            piped = _AWK_INPUT.findall(word[:_MAX_SCRIPT])
            for text in piped:
                run.text(decode_ansi(text)[0], call.frame.inside("awk system"))
            for groups in _AWK.findall(word[:_MAX_SCRIPT]):
                inner = next((group for group in groups if group), "")
                if inner:
                    run.text(decode_ansi(inner)[0], call.frame.inside("awk system"))
    return NOTHING


def _by_option(run: Interpreter, call: Call) -> Ran:
    """tar, rsync, make, zip, man, scp: a command as the value of an option."""
    pattern = _OPTIONS.get(call.program)
    names = _NEXT.get(call.program, ())
    for index, word in enumerate(call.arguments):
        # A value follows `=` in all of them.
        match = pattern.match(word) if pattern and "=" in word else None
        text = match[1] if match else ""
        option = word.partition("=")[0]
        if word in names and index + 1 < len(call.arguments):
            text, option = call.arguments[index + 1], word
        if text:
            label = f"{call.program} {option}"
            if call.program == "git" and "=" in word and not word.startswith("--"):
                label = f"git {option.partition('.')[0]}" if "." in option else label
            run.text(text.removeprefix("exec="), call.frame.inside(label))
    return NOTHING


_GIT_ALIAS = re.compile(r"alias\.([\w-]+)")


def _git(run: Interpreter, call: Call) -> Ran:
    _by_option(run, call)
    words = call.arguments
    if "config" in words[:2]:
        for index, word in enumerate(words[:-1]):
            value = words[index + 1]
            if _GIT_ALIAS.fullmatch(word) and value.startswith("!"):
                run.text(value[1:], call.frame.inside("git alias"))
    for verb, label in (("run", "git bisect run"), ("foreach", "git submodule foreach")):
        if verb in words[1:3] and words[0] in ("bisect", "submodule"):
            rest = [word for word in words[words.index(verb) + 1 :] if word != "--recursive"]
            if rest:
                run.text(" ".join(rest), call.frame.inside(label))
    if "-x" in words and words[:1] == ["rebase"] and words.index("-x") + 1 < len(words):
        run.text(words[words.index("-x") + 1], call.frame.inside("git rebase --exec"))
    return NOTHING


def _editor(run: Interpreter, call: Call) -> Ran:
    for word in call.arguments:
        if "!" in word or "system(" in word:
            match = _EDITOR.search(word[:4096])
            inner = (match[1] or match[2]) if match else ""
            if inner:
                run.text(inner, call.frame.inside(f"{call.program} !"))
    if call.program == "ed" and call.stdin is not None:
        for line in call.stdin.value.splitlines()[:200]:
            if line.startswith("!"):
                run.text(line[1:], call.frame.inside("ed !"))
    return NOTHING


def _sed(run: Interpreter, call: Call) -> Ran:
    for word in call.arguments:
        if " " in word and "e" in word:
            for inner in _SED.findall(word[:4096]):
                run.text(inner, call.frame.inside("sed e"))
    return NOTHING


def _client(run: Interpreter, call: Call) -> Ran:
    """sqlite3, psql, mysql, gdb, ftp: their shell escapes."""
    texts = [*call.arguments, *([call.stdin.value[:_MAX_SCRIPT]] if call.stdin else [])]
    for text in texts:
        for inner in _CLIENT.findall(text[:_MAX_SCRIPT]):
            run.text(inner, call.frame.inside(f"{call.program} shell"))
        if call.program in ("gdb", "lldb"):
            match = re.search(r"(?:^|\s)(?:python|script)\s+(.+)", text[:4096], re.S)
            if match:
                python_text(run, match[1], call.frame.inside(f"{call.program} python"))
    return NOTHING


RUNNERS = {
    **dict.fromkeys(("python", "python2", "python3", "pypy", "pypy3", "ipython", "py"), _python),
    **{f"python3.{minor}": _python for minor in range(6, 16)},
    **dict.fromkeys(("node", "nodejs", "bun", "deno", "tsx"), _node),
    **dict.fromkeys(("powershell", "pwsh", "powershell_ise"), _powershell),
    **dict.fromkeys(
        ("perl", "ruby", "php", "lua", "luajit", "osascript", "tclsh", "expect"), _dynamic
    ),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk),
    **dict.fromkeys(
        ("tar", "gtar", "bsdtar", "rsync", "make", "gmake", "scp", "zip", "man"), _by_option
    ),
    **dict.fromkeys(("vim", "vi", "nvim", "ex", "view", "ed", "emacs", "less", "more"), _editor),
    **dict.fromkeys(("sqlite3", "psql", "mysql", "gdb", "lldb", "ftp", "sftp"), _client),
    "git": _git,
    "sed": _sed,
    "gsed": _sed,
}
