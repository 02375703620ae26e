"""What a call leaves behind for others, and what it takes up that others left."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

import msgspec

from roguewatch.detect.action import Action
from roguewatch.detect.commands.command import Command
from roguewatch.detect.deeds import words
from roguewatch.detect.scanning import Scanner
from roguewatch.detect.stores import entries
from roguewatch.detect.values import address

Sort = Literal["file", "url", "package", "entry", "key", "credential", "host"]
"""`entry`: one of a shared store (cache, queue, registry). `key`: a random-looking word that is written into files. `credential`: one that is shown to a
network program. `host`: a machine that something is sent to."""
MAX_PER_CALL = 24

_TEMPORARY = ("/tmp/", "/var/", "/dev/shm/", "/private/tmp/", "/run/", "/opt/", "/srv/", "/mnt/")  # noqa: S108
_SYSTEM = ("/dev/null", "/dev/std", "/proc/", "/bin/", "/usr/", "/sbin/", "/etc/")
_OUT = words("-d --data --data-raw --data-binary -F --form -T --upload-file POST PUT PATCH --json "
             "--post-data --post-file")  # fmt: skip
_INSTALLERS = words("pip pip3 npm pnpm yarn bun cargo gem uv poetry pipx go")
_NAME = re.compile(r"""(?m)^\s*["']?name["']?\s*[:=]\s*["']([\w@/.-]{3,80})["']""")
_MANIFESTS = ("package.json", "pyproject.toml", "setup.py", "cargo.toml", "setup.cfg", ".gemspec")
_KEY_LENGTH, _KEY_LENGTH_MOST = 24, 122
_MAY_BE_KEY = Scanner(r"[A-Za-z0-9_+-]{24,}={0,2}")
_ORDINARY_KEY = re.compile(r"^(?:[0-9a-f]{24,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|toolu_.*|"
                           r"call_.*|sha\d+-.*|[a-z_]+(?:[-_][a-z0-9]+){2,})$", re.I)  # fmt: skip
_SENDING = words("curl wget scp rsync sftp aws gsutil rclone nc ncat http xh ftp gh")
_COPYING = words("scp rsync sftp nc ncat aws gsutil rclone ftp")
_ARCHIVERS = words("tar zip 7z gzip xz zstd openssl gpg age")
_ARCHIVES = (".tgz", ".gz", ".zip", ".7z", ".tar", ".xz", ".zst", ".bz2", ".enc", ".gpg", ".age")
_TELLING = _INSTALLERS | _SENDING | _ARCHIVERS
_REPO_ONLY = ("/node_modules/", "/site-packages/", "/.git/", "/.venv/", "/target/", "/dist/")


class Artefact(msgspec.Struct, frozen=True, gc=False):
    """Something that outlives a session."""

    sort: Sort
    name: str
    place: str = ""
    """For a file its folder, for a URL its host: what is usual is counted there too."""

    def shown(self) -> str:
        """Its name for a report, which no secret is copied into."""
        if self.sort in ("key", "credential"):
            return f"{self.name[:4]}… ({len(self.name)} characters)"
        return self.name[:160]


class Traces(msgspec.Struct, frozen=True):
    """The artefacts of one call."""

    left: tuple[Artefact, ...] = ()
    taken: tuple[Artefact, ...] = ()
    sent: tuple[Artefact, ...] = ()
    """Files that it sends away; a part of `taken`."""
    renewed: tuple[Artefact, ...] = ()
    """Files that it writes as a whole; a part of `left`."""


def traces(action: Action) -> Traces:
    """What a tool call leaves and takes. Files of the project itself are left out."""
    if action.event.kind != "tool_call":
        return Traces()
    cwd = action.event.cwd
    changed = action.written
    left = [_file(path) for path in changed if _odd(path, cwd)]
    taken = [_file(path) for path in action.paths if path not in changed and _odd(path, cwd)]
    sent = []
    for command in action.commands:
        program = command.program
        put, got = entries(command)
        left += [_entry(name) for name in put]
        taken += [_entry(name) for name in got]
        if not command.urls and program not in _TELLING:
            continue
        outgoing = bool(command.urls) and command.program in _SENDING
        posts = bool(command.urls) and _posts(command)
        for url in command.urls:
            found = _url(url)
            (left if posts else taken).append(found)
            if found.place:
                host = Artefact("host", found.place)
                taken.append(host)
                if posts or program in _COPYING:
                    left.append(host)
        if command.urls and program in _SENDING:
            shown = [Artefact("credential", key) for key in _keys(command.text)]
            left += shown
            taken += shown
        if outgoing and not all("localhost" in url or "127.0.0.1" in url for url in command.urls):
            named = [path.lstrip("@") for path in (*command.paths, *_attached(command))]
            sent += [_file(path) for path in named if _odd(path, cwd)]
        if command.program in _ARCHIVERS:
            packed = [path for path in command.paths if path.lower().endswith(_ARCHIVES)]
            left += [_file(path) for path in packed if _odd(path, cwd)]
            taken = [one for one in taken if one.name not in packed]
        taken += [Artefact("package", name) for name in _packages(command)]
    if not action.commands:
        taken += [_url(url) for url in action.urls]
    if any(path.lower().endswith(_MANIFESTS) for path in changed):
        left += [Artefact("package", name.lower()) for text in action.content
                 for name in _NAME.findall(text[:8192])[:2]]  # fmt: skip
    if len(action.event.arguments) >= _KEY_LENGTH and _MAY_BE_KEY.found(action.event.arguments):
        written = [Artefact("key", key) for text in action.content for key in _keys(text)]
        left += written
        if not written:
            taken += [Artefact("key", key) for text in action.strings[:8] for key in _keys(text)]
    taken += sent
    renewed = [one for one in left if one.sort == "file" and _renews(action, one.name)]
    return Traces(_few(left), _few(taken), _few(sent), _few(renewed))


def _renews(action: Action, path: str) -> bool:
    """Whether a call writes the whole of a file, so that what others put there is gone."""
    if action.tool_class == "write":
        return True
    whole = (f">{path}", f"1>{path}", f"&>{path}", f">|{path}")
    return any(redirect in whole for command in action.commands for redirect in command.redirects)


def _few(found: list[Artefact]) -> tuple[Artefact, ...]:
    if not found:
        return ()
    return tuple(dict.fromkeys([one for one in found if one.name]))[:MAX_PER_CALL]


def _odd(path: str, cwd: str) -> bool:
    """Whether a path is outside of any project: temporary, hidden, or the system's."""
    if path[:1] not in ("/", "~") or not (path.startswith(_TEMPORARY) or "/." in path):
        return False
    if any(part in path for part in _REPO_ONLY):
        return False
    if cwd and (path == cwd or path.startswith(cwd.rstrip("/") + "/")):
        return False
    return not path.startswith(_SYSTEM)


def _entry(name: str) -> Artefact:
    if name.startswith("package:"):
        return Artefact("package", name.removeprefix("package:"))
    return Artefact("entry", name)


def is_posting(action: Action) -> bool:
    """Whether a call puts something where its output may say it can be fetched."""
    posted = str(action.arguments.get("method", "")).upper() in ("POST", "PUT")
    return posted or any(
        command.program in _SENDING and _posts(command) for command in action.commands
    )


def urls_of(text: str) -> tuple[Artefact, ...]:
    """The addresses that the output of such a call gives."""
    found = [_url(match) for match in _ADDRESS.findall(text[:4096])[:4]]
    return _few(found)


_ADDRESS = re.compile(r"https?://[^\s\"'<>)\]}]{6,300}")


def _file(path: str) -> Artefact:
    return Artefact("file", path, path.rpartition("/")[0])


def _url(url: str) -> Artefact:
    plain = address(url.lower()).split("?")[0].split("#")[0].removesuffix("/raw").rstrip("/")
    host, _, rest = plain.partition("/")
    if not rest or host.startswith(("localhost", "127.", "0.0.0.0", "10.", "192.168.")):  # noqa: S104
        return Artefact("url", "")
    return Artefact("url", plain, host)


def _posts(command: Command) -> bool:
    if command.program in ("gh", "glab"):
        return any(
            word in ("create", "comment", "edit", "upload") for word in command.arguments[:3]
        )
    return any(
        word in _OUT or word.startswith(("-XPOST", "-XPUT", "--data")) for word in command.arguments
    )


def _attached(command: Command) -> list[str]:
    return [word.rpartition("@")[2] for word in command.arguments if "@/" in word or "@~" in word]


def _packages(command: Command) -> list[str]:
    if command.program not in _INSTALLERS:
        return []
    plain = [word for word in command.arguments if not word.startswith("-")]
    if command.program == "uv" and plain[:1] == ["pip"]:
        plain = plain[1:]
    if plain[:1] not in (["install"], ["add"], ["i"], ["get"]):
        return []
    names = [re.split(r"[=<>~!\[@ ]", word.lower(), maxsplit=1)[0] if not word.startswith("@")
             else word.lower() for word in plain[1:12]]  # fmt: skip
    return [name for name in names if len(name) > 2 and not name.startswith((".", "/"))]


def _keys(text: str) -> list[str]:
    if len(text) < _KEY_LENGTH:
        return []
    if len(text) > 1 << 14:
        text = text[: 1 << 14]
    found = []
    for begin, end in _MAY_BE_KEY.spans(text):
        key = text[begin:end]
        beside = text[max(0, begin - 1) : begin] + text[end : end + 1]
        if len(key) > _KEY_LENGTH_MOST or any(c.isalnum() or c in "/+-_" for c in beside):
            continue
        if _mixed(key) and len(set(key)) >= 12 and not _ORDINARY_KEY.match(key):
            found.append(key)
            if len(found) >= 8:
                break
    return found


def _mixed(key: str) -> bool:
    """Whether it looks drawn at random: letters of both cases and digits, well mixed."""
    if key.islower() or key.isupper():
        return False
    return sum(a.isdigit() != b.isdigit() for a, b in pairwise(key)) >= 4
