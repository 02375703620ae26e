"""Which arguments of a program are files, which it writes, and which are addresses."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from roguewatch.detect.commands.addresses import address_forms
from roguewatch.detect.commands.hosts import NETWORK, hosts_of
from roguewatch.detect.commands.state import State

_WRITES_ALL = frozenset(
    [
        "rm", "unlink", "shred", "touch", "mkdir", "rmdir", "truncate", "tee", "chmod",
        "chown", "chgrp", "chattr", "setfacl", "setcap", "srm", "wipe", "mkfifo", "mknod",
        "fallocate", "vim", "vi", "nano", "emacs", "ed", "ex", "code",
    ]
)  # fmt: skip
_WRITES_LAST = frozenset(["cp", "ln", "install", "rsync", "scp", "rename", "link"])
_FILES = (
    _WRITES_ALL
    | _WRITES_LAST
    | frozenset(
        [
            "mv", "cat", "less", "more", "head", "tail", "tac", "nl", "wc", "sort", "uniq",
            "cut", "od", "xxd", "hexdump", "strings", "file", "stat", "ls", "du", "readlink",
            "realpath", "diff", "cmp", "comm", "source", ".", "bat", "sha256sum", "sha1sum",
            "md5sum", "b2sum", "base64", "zcat", "gzip", "gunzip", "bzip2", "xz", "zstd",
            "tar", "zip", "unzip", "cd", "pushd", "find", "grep", "egrep", "fgrep", "rg",
            "ag", "jq", "yq", "dd", "patch", "view", "getfacl", "lsattr", "chroot", "insmod",
            "mount", "umount", "split", "csplit", "paste", "join", "fold",
        ]
    )
)  # fmt: skip
_PATTERN_FIRST = frozenset(
    ["grep", "egrep", "fgrep", "rg", "ag", "sed", "awk", "gawk", "mawk", "jq", "yq"]
)
_EXPRESSION = frozenset(("-e", "--expression", "-f", "--regexp"))
_SLASH_OPTIONS = frozenset(
    [
        "schtasks", "del", "erase", "rd", "rmdir", "reg", "net", "net1", "taskkill", "icacls",
        "attrib", "cipher", "wevtutil", "sc", "copy", "xcopy", "robocopy", "takeown", "netsh",
        "bcdedit", "vssadmin", "wmic", "certutil", "bitsadmin",
    ]
)  # fmt: skip
_MODE_FIRST = frozenset(["chmod", "chown", "chgrp", "chattr", "setfacl", "setcap"])
_VALUE_OPTIONS = {
    "tail": frozenset(("-n", "-c", "--lines", "--bytes")),
    "head": frozenset(("-n", "-c", "--lines", "--bytes")),
    "touch": frozenset(("-d", "-t", "-r", "--date", "--reference")),
    "truncate": frozenset(("-s", "--size", "-r")),
    "cut": frozenset(("-d", "-f", "-c", "-b")),
    "sort": frozenset(("-k", "-t")),
    "shred": frozenset(("-n", "-s", "--iterations", "--size")),
    "mkdir": frozenset(("-m", "--mode")),
    "install": frozenset(("-m", "-o", "-g")),
    "grep": frozenset(("-e", "-A", "-B", "-C", "-m", "--include", "--exclude")),
    "rg": frozenset(("-e", "-A", "-B", "-C", "-m", "-g", "-t", "--glob", "--type")),
    "find": frozenset(("-name", "-iname", "-type", "-perm", "-mtime", "-maxdepth", "-mindepth")),
}
_NO_PATH = frozenset(" \t(){};|&<>=*^")
_DOTTED = re.compile(r"[\w.@+~-]*[\w-]\.[A-Za-z][\w]{0,7}$")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,15}://[^\s'\"<>`|)]+")
_DEV_TCP = re.compile(r"/dev/(?:tcp|udp)/([^/\s]+)/(\w+)")
SENSITIVE = (
    "/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/crontab", "/etc/hosts",
    "/etc/ssh/sshd_config", "/etc/ld.so.preload", "/var/run/docker.sock", "/proc/1/environ",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "~/.ssh/id_rsa", "~/.ssh/id_ed25519", "~/.ssh/authorized_keys", "~/.ssh/config",
    "~/.aws/credentials", "~/.aws/config", "~/.kube/config", "~/.netrc", "~/.npmrc", "~/.pypirc",
    "~/.docker/config.json", "~/.git-credentials", "~/.bashrc", "~/.zshrc", "~/.profile",
    "~/.bash_history", "~/.zsh_history", "~/.config/gh/hosts.yml",
    "~/.claude/settings.json", "~/.codex/config.toml", "~/.codex/auth.json",
)  # fmt: skip
"""Files that a glob is checked against, since globs are used to spell them."""

KNOWN = [
    "rm", "cat", "curl", "wget", "bash", "sh", "zsh", "dash", "nc", "ncat", "python",
    "python3", "perl", "ruby", "node", "php", "crontab", "at", "kill", "pkill", "killall",
    "chmod", "chown", "sudo", "su", "ssh", "scp", "rsync", "git", "env", "printenv", "base64",
    "xxd", "find", "xargs", "awk", "sed", "tar", "dd", "shred", "history", "systemctl",
    "launchctl", "nohup", "setsid", "docker", "kubectl", "nsenter", "mount", "nmap", "aws",
    "gcloud", "az", "gh", "cp", "mv", "ln", "tee", "head", "tail", "less", "more", "grep",
    "echo", "printf", "ls", "id", "whoami", "ps", "openssl", "touch", "truncate", "unset",
    "export", "eval", "exec", "screen", "tmux", "visudo", "usermod", "useradd", "passwd",
    "security", "npm", "pip", "gh", "twine", "rclone", "socat", "strace", "gdb", "nslookup", "dig", "host", "iptables", "sysctl", "insmod",
]  # fmt: skip
"""Programs that a glob in a program's name may mean, the weightiest first."""


def candidates(pattern: str) -> list[str]:
    """Known programs that a glob (`/bin/c?t`) may name; at most four."""
    name = pattern.rsplit("/", 1)[-1]
    if len(name) > 64:
        # Translating a long hostile glob costs seconds; no program has such a name.
        return []
    return [known for known in KNOWN if fnmatchcase(known, name)][:4]


def _spelled_by(pattern: str, path: str) -> bool:
    """Whether a glob may spell this very path: step by step, and not by `*` alone."""
    steps, names = pattern.split("/"), path.split("/")
    return (
        len(steps) == len(names)
        and steps[0] == names[0]
        and steps[-1].strip("*") != ""
        and all(fnmatchcase(name, step) for step, name in zip(steps, names, strict=True))
    )


def is_pathlike(word: str) -> bool:
    """Whether a word names a file by its looks alone."""
    if not word or word[0] == "-" or len(word) > 4096 or "\n" in word:
        return False
    if "/" not in word:
        return (word[0] in "~." and len(word) > 1) or _DOTTED.match(word) is not None
    if "://" in word:
        return False
    return (word[0] in "/~." and len(word) > 1) or _NO_PATH.isdisjoint(word)


def operands(program: str, arguments: tuple[str, ...]) -> list[str]:
    """Arguments that are neither options nor the values of options."""
    takes_value = _VALUE_OPTIONS.get(program, frozenset())
    rest: list[str] = []
    skip = False
    for index, word in enumerate(arguments):
        if skip:
            skip = False
        elif word == "--":
            rest.extend(arguments[index + 1 :])
            break
        elif word in takes_value:
            skip = True
        elif not word.startswith("-") or word == "-":
            rest.append(word)
    return rest


def paths_of(program: str, arguments: tuple[str, ...], text: str, state: State) -> list[str]:
    """Files among the arguments, resolved, in order and once each.

    Args:
        program: its name.
        arguments: its arguments.
        text: both, joined.
        state: what its shell knows.
    """
    if program in _FILES:
        names = _before_tests(arguments) if program == "find" else operands(program, arguments)
        if (program in _PATTERN_FIRST and not _EXPRESSION & set(arguments)) or (
            program in _MODE_FIRST and names
        ):
            names = names[1:]
    else:
        switches = program in _SLASH_OPTIONS
        names = [w for w in arguments if is_pathlike(w) and not (switches and w[0] == "/")]
    if "=" in text or "@" in text:
        names += _named(program, arguments)
    found: dict[str, None] = {}
    for name in names:
        if not name or len(name) > 4096:
            continue
        resolved = state.resolve(name)
        found[resolved] = None
        if "*" in resolved or "?" in resolved or "[" in resolved:
            found.update(dict.fromkeys(p for p in SENSITIVE if _spelled_by(resolved, p)))
    return list(found)


def _named(program: str, arguments: tuple[str, ...]) -> list[str]:
    """Files in `--option=file`, `if=file`, `@file` and `name=@file`."""
    names: list[str] = []
    for word in arguments:
        if "=" in word:
            if word[0] == "-":
                value = word.partition("=")[2]
                if is_pathlike(value):
                    names.append(value)
                continue
            if program == "dd" and word[:3] in ("if=", "of="):
                names.append(word[3:])
                continue
        elif word[:1] != "@":
            continue
        if word[0] == "@" and is_pathlike(word[1:]):  # curl -d @file
            names.append(word[1:])
        elif "=@" in word:  # curl -F file=@path
            names.append(word.partition("=@")[2].partition(";")[0])
    return names


_IN_PLACE = re.compile(r"-[a-zA-Z]*i|--in-place")
_WRITERS = (
    _WRITES_ALL | _WRITES_LAST | {"mv", "sed", "perl", "dd", "git", "patch", "curl", "wget", "find"}
)


def written_by(program: str, arguments: tuple[str, ...], state: State) -> list[str]:
    """Files that the program itself writes, creates, deletes or changes the mode of."""
    if program not in _WRITERS:
        return []
    names = operands(program, arguments) if program not in ("dd",) else []
    written: list[str] = []
    if program in _WRITES_ALL:
        written = names[1:] if program in _MODE_FIRST else names
    elif program in _WRITES_LAST:
        written = names[-1:] if len(names) > 1 else []
        for index, word in enumerate(arguments[:-1]):
            if word == "-t" and program in ("cp", "ln", "install"):
                written = [arguments[index + 1]]
    elif program == "mv":
        written = names
    elif program in ("sed", "perl") and any(map(_IN_PLACE.match, arguments)):
        written = names if _EXPRESSION & set(arguments) or program == "perl" else names[1:]
        written = [name for name in written if is_pathlike(name)] or written[-1:]
    elif program == "dd":
        written = [word[3:] for word in arguments if word.startswith("of=")]
    elif program == "git" and names[:1] and names[0] in ("rm", "mv", "checkout", "restore"):
        written = [name for name in names[1:] if is_pathlike(name)]
    elif program == "patch":
        written = names[:1]
    elif program in ("curl", "wget"):
        written = [
            arguments[index + 1]
            for index, word in enumerate(arguments[:-1])
            if word in ("-o", "--output", "-O" if program == "wget" else "-o", "--output-document")
        ]
    elif program == "find" and "-delete" in arguments:
        written = names[:1]
    return [state.resolve(name) for name in written if name and len(name) <= 4096]


def _before_tests(arguments: tuple[str, ...]) -> list[str]:
    """find's starting points: what stands before its first test."""
    names: list[str] = []
    for word in arguments:
        if word[:1] in ("-", "(", "!"):
            if names or word not in ("-L", "-H", "-P"):
                break
        else:
            names.append(word)
    return names


def urls_of(
    program: str, arguments: tuple[str, ...], text: str, redirects: tuple[str, ...]
) -> list[str]:
    """URLs anywhere, and hosts where a network program takes them.

    Args:
        program: its name.
        arguments: its arguments.
        text: both, joined.
        redirects: as they are shown.
    """
    found: dict[str, None] = {}
    if "://" in text or "/dev/" in text:
        for word in arguments:
            if "://" in word:
                for match in _URL.findall(word[:8192]):
                    found[match] = None
            elif "/dev/" in word:
                for host, port in _DEV_TCP.findall(word[:8192]):
                    found[f"{host}:{port}"] = None
    if program in NETWORK:
        found.update(dict.fromkeys(hosts_of(program, arguments)))
    for redirect in redirects:
        if "/dev/" not in redirect:
            continue
        for host, port in _DEV_TCP.findall(redirect[:1024]):
            found[f"{host}:{port}"] = None
    if not found:
        return []
    for url in list(found):
        found.update(dict.fromkeys(address_forms(url)))
    return list(found)
