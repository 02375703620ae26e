"""Programs that run text or commands given to them: shells, find, xargs, ssh, awk, …"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from roguewatch.detect.commands import embedded
from roguewatch.detect.commands.frame import NOTHING, Call, Ran
from roguewatch.detect.commands.wrappers import options_and_rest

if TYPE_CHECKING:
    from roguewatch.detect.commands.interpreter import Interpreter


Runner = Callable[["Interpreter", Call], Ran]

SHELLS = frozenset(
    ["bash", "sh", "zsh", "dash", "ksh", "ash", "fish", "rbash", "mksh", "csh", "tcsh"]
)
_GIVES_TEXT = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_READS_INPUT = re.compile(r"-[a-zA-Z]*s[a-zA-Z]*")
_SHELL_VALUES = frozenset(("-o", "-O", "+o", "+O", "--rcfile", "--init-file"))


def shell(run: Interpreter, call: Call) -> Ran:
    """`bash -c text`, `bash file`, text on standard input."""
    words = call.arguments
    index = 0
    while index < len(words) and words[index][:1] in "-+" and words[index] not in ("-", "--"):
        word = words[index]
        if _GIVES_TEXT.fullmatch(word):
            rest = words[index + 1 :]
            while rest and rest[0][:1] in "-+" and len(rest[0]) < 20:
                rest = rest[1:]
            if not rest:
                return NOTHING
            inner = replace(call.frame.inside(f"{call.program} -c"), positional=tuple(rest[2:]))
            output = run.text(rest[0], inner, call.stdin)
            return Ran("$(" in rest[0] or "`" in rest[0], output)
        if _READS_INPUT.fullmatch(word):
            break
        index += 2 if word in _SHELL_VALUES else 1
    operands = words[index:]
    if operands and operands[0] not in ("-", "--", "-s", "/dev/stdin"):
        known = run.state.files.get(operands[0]) or run.state.files.get(
            run.state.resolve(operands[0])
        )
        if known is not None:
            inner = replace(call.frame.inside("script", known), positional=tuple(operands[1:]))
            return Ran(output=run.text(known.value, inner, call.stdin))
        return NOTHING
    if call.stdin is not None:
        inner = call.frame.inside(call.program, call.stdin)
        return Ran(output=run.text(call.stdin.value, inner))
    return NOTHING


def source(run: Interpreter, call: Call) -> Ran:
    """`. file`"""
    if call.arguments:
        name = call.arguments[0]
        known = run.state.files.get(name) or run.state.files.get(run.state.resolve(name))
        if known is None and name == "/dev/stdin":
            known = call.stdin
        if known is not None:
            run.text(known.value, call.frame.inside("script", known))
    return NOTHING


def script_file(run: Interpreter, raw: str, call: Call) -> Ran:
    """A script written earlier and called by its path."""
    known = run.state.files.get(run.state.resolve(raw))
    if known is None:
        return NOTHING
    inner = replace(call.frame.inside("script", known), positional=tuple(call.arguments))
    first = known.value[:200].split("\n", 1)[0]
    if first.startswith("#!") and "python" in first:
        embedded.python_text(run, known.value, inner)
    elif first.startswith("#!") and "node" in first:
        embedded.javascript_text(run, known.value, inner)
    else:
        run.text(known.value, inner, call.stdin)
    return NOTHING


def evaluate(run: Interpreter, call: Call) -> Ran:
    text = " ".join(call.arguments)
    return Ran(False, run.text(text, call.frame.inside("eval"), call.stdin))


def trap(run: Interpreter, call: Call) -> Ran:
    words = [word for word in call.arguments if word != "--"]
    if len(words) > 1 and words[0] and words[0] not in ("-", "-p", "-l"):
        run.text(words[0], call.frame.inside("trap"))
    return NOTHING


_XARGS_VALUES = frozenset(
    [
        "-I", "-i", "-n", "-P", "-d", "-a", "-L", "-s", "-E", "--max-args", "--max-procs",
        "--arg-file", "--delimiter", "-J", "-R", "-S",
    ]
)  # fmt: skip


def xargs(run: Interpreter, call: Call) -> Ran:
    options, rest = options_and_rest(call.arguments, _XARGS_VALUES)
    if not rest:
        rest = ["echo"]
    mark = ""
    for index, word in enumerate(options):
        if word.startswith(("-I", "-J")):
            mark = word[2:] or (options[index + 1] if index + 1 < len(options) else "{}")
    inner = replace(call.frame, via=(*call.frame.via, "xargs"), depth=call.frame.depth + 1)
    if call.stdin is None:
        run.words(rest, replace(inner, certain=False))
        return Ran(False)
    items = [item.strip("'\"") for item in call.stdin.value.split()][:64]
    inner = replace(inner, decoded=(*inner.decoded, *call.stdin.decoded))
    if mark:
        outputs = [
            run.words([w.replace(mark, line.strip()) for w in rest], inner)
            for line in call.stdin.value.splitlines()[:16]
        ]
        return Ran(False, outputs[0] if len(outputs) == 1 else None)
    return Ran(False, run.words([*rest, *items], inner))


def _found(words: list[str]) -> str:
    """What `{}` stands for: the starting point, with the name asked for where it is plain."""
    start = words[0] if words and words[0][:1] not in "-(!" else ""
    if start in ("", ".", "./"):
        return "{}"
    names = [word for before, word in itertools.pairwise(words) if before == "-name"]
    if names and not re.search(r"[*?\[]", names[0]):
        return f"{start.rstrip('/')}/{names[0]}"
    return start


def find(run: Interpreter, call: Call) -> Ran:
    words = call.arguments
    found = _found(words)
    index = 0
    while index < len(words):
        if words[index] in ("-exec", "-execdir", "-ok", "-okdir", "-x", "--exec"):
            end = index + 1
            while end < len(words) and words[end] not in (";", "+"):
                end += 1
            inner = [word.replace("{}", found) for word in words[index + 1 : end]]
            if inner:
                label = f"{call.program} {words[index]}"
                run.words(inner, call.frame.inside(label))
            index = end
        index += 1
    return NOTHING


_SSH_VALUES = frozenset(
    [
        "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o",
        "-p", "-Q", "-R", "-S", "-W", "-w", "-B",
    ]
)  # fmt: skip


def ssh(run: Interpreter, call: Call) -> Ran:
    for index, word in enumerate(call.arguments):
        option = (
            word.removeprefix("-o")
            if word != "-o"
            else " ".join(call.arguments[index + 1 : index + 2])
        )
        match = re.match(r"\s*(ProxyCommand|LocalCommand|KnownHostsCommand)[= ](.+)", option, re.S)
        if match and word.startswith("-o"):
            run.text(match[2], call.frame.inside(match[1]))
    _, rest = options_and_rest(call.arguments, _SSH_VALUES)
    _, command = options_and_rest(rest[1:], _SSH_VALUES) if rest else ([], [])
    if command:
        run.text(" ".join(command), call.frame.inside("ssh"))
    elif rest and call.stdin is not None:
        run.text(call.stdin.value, call.frame.inside("ssh", call.stdin))
    return NOTHING


def su(run: Interpreter, call: Call) -> Ran:
    for index, word in enumerate(call.arguments[:-1]):
        if word in ("-c", "--command", "-lc"):
            run.text(call.arguments[index + 1], call.frame.inside(f"{call.program} -c"))
    return NOTHING


def script(run: Interpreter, call: Call) -> Ran:
    for index, word in enumerate(call.arguments[:-1]):
        if re.fullmatch(r"-[a-z]*c", word):
            run.text(call.arguments[index + 1], call.frame.inside("script -c"))
    return NOTHING


_CONTAINER_VALUES = frozenset(
    [
        "-e", "--env", "-v", "--volume", "-u", "--user", "-w", "--workdir", "--name", "-p",
        "--publish", "--network", "--net", "--mount", "-l", "--label", "--entrypoint",
        "--env-file", "--cpus", "-m", "--memory", "-n", "--namespace", "-c", "--container",
        "-h", "--hostname", "--add-host", "--platform", "--restart", "--cap-add", "--device",
        "--security-opt", "--pid", "--ipc", "--userns", "--runtime", "--gpus", "--dns", "-f",
        "--file",
    ]
)  # fmt: skip


def container(run: Interpreter, call: Call) -> Ran:
    """docker, podman, kubectl, …: `exec` and `run` with a command."""
    words = call.arguments
    verbs = [i for i, word in enumerate(words[:8]) if word in ("exec", "run", "debug")]
    if not verbs:
        return NOTHING
    verb = verbs[0]
    if "--" in words[verb:] and call.program in ("kubectl", "oc"):
        command = words[words.index("--", verb) + 1 :]
    else:
        _, rest = options_and_rest(words[verb + 1 :], _CONTAINER_VALUES)
        command = rest[1:]
    if command and command[0][:1] != "-":
        run.words(command, call.frame.inside(f"{call.program} {words[verb]}"), call.stdin)
    return NOTHING


def terminal(run: Interpreter, call: Call) -> Ran:
    """screen and tmux: a command in a session that goes on, and simulated key presses."""
    words = call.arguments
    if call.program == "tmux":
        verb = next((word for word in words if not word.startswith("-")), "")
        rest = words[words.index(verb) + 1 :] if verb else []
        if verb in ("send-keys", "send"):
            _, keys = options_and_rest(rest, frozenset(("-t", "-N")))
            text = " ".join(k for k in keys if k not in ("Enter", "C-m", "KPEnter"))
            run.text(text, call.frame.inside("tmux send-keys"))
        elif verb in ("new-session", "new", "new-window", "neww", "split-window", "run-shell"):
            _, command = options_and_rest(
                rest, frozenset(["-s", "-n", "-c", "-t", "-x", "-y", "-e", "-F", "-l"])
            )
            inner = replace(call.frame.inside(f"tmux {verb}"), background="-d" in rest)
            if command:
                run.text(" ".join(command), inner)
        return NOTHING
    _, command = options_and_rest(
        words,
        frozenset(
            ["-S", "-dmS", "-AdmS", "-DmS", "-c", "-e", "-h", "-p", "-r", "-s", "-t", "-T", "-X"]
        ),
    )
    if command:
        detached = any(re.match(r"-[a-zA-Z]*d", word) for word in words)
        run.words(command, replace(call.frame.inside("screen"), background=detached))
    return NOTHING


def at(run: Interpreter, call: Call) -> Ran:
    if call.stdin is not None:
        inner = replace(call.frame.inside(call.program, call.stdin), background=True)
        run.text(call.stdin.value, inner)
    return NOTHING


def windows_shell(run: Interpreter, call: Call) -> Ran:
    """`cmd /c …`"""
    for index, word in enumerate(call.arguments):
        if word.lower() in ("/c", "/k", "/r", "//c"):
            embedded.cmd_text(
                run, " ".join(call.arguments[index + 1 :]), call.frame.inside("cmd /c")
            )
            return Ran(False)
    return NOTHING


def watcher(run: Interpreter, call: Call) -> Ran:
    """entr and nodemon-like programs: options, then a command."""
    _, rest = options_and_rest(call.arguments, frozenset(("-w", "-e", "-x", "--exec", "--watch")))
    if rest:
        run.words(rest, replace(call.frame.inside(call.program), certain=False))
    return NOTHING


_GOES_ON = {
    **dict.fromkeys(("docker", "podman", "nerdctl"), ("run", ("-d", "--detach", "-dit", "-itd", "-td"))),
    "tmux": ("-d", ("new", "new-session")),
    **dict.fromkeys(("pm2", "forever", "systemctl", "supervisorctl", "brew"), ("", ("start", "enable"))),
}  # fmt: skip
"""Program: what must be among its arguments (empty: nothing), and one of what else."""


def goes_on(program: str, arguments: tuple[str, ...]) -> bool:
    """Whether the program by itself leaves something running."""
    if program in ("disown", "bg", "at", "batch"):
        return True
    if not arguments:
        return False
    told = _GOES_ON.get(program)
    if told is not None:
        needed, some = told
        return (not needed or needed in arguments) and any(word in arguments for word in some)
    if program == "screen":
        return any(word.startswith("-") and "d" in word and "m" in word for word in arguments)
    return not _DAEMONISING.isdisjoint(arguments) and program != "git"


_DAEMONISING = frozenset({"--daemon", "--daemonize", "--background"})


RUNNERS: dict[str, Runner] = {
    **dict.fromkeys(SHELLS, shell),
    "eval": evaluate, "source": source, ".": source, "trap": trap, "xargs": xargs,
    "gxargs": xargs, "find": find, "gfind": find, "fd": find, "fdfind": find, "ssh": ssh,
    "mosh": ssh, "su": su, "runuser": su, "script": script, "docker": container,
    "podman": container, "nerdctl": container, "kubectl": container, "oc": container,
    "crictl": container, "ctr": container, "lxc": container, "tmux": terminal,
    "screen": terminal, "at": at, "batch": at, "cmd": windows_shell, "entr": watcher,
    **embedded.RUNNERS,
}  # fmt: skip
