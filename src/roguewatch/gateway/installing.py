"""Install our hooks into an agent's settings, and take them out again byte for byte.

`plan` only reads. `Plan.apply` writes: a backup and a record into `STORE/installs`, the
token into `STORE/tokens`, the deployment into the register, and last the settings. A kill
in between leaves a backup without effect, never settings without a backup.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch.errors import ControlError, InputError
from roguewatch.gateway.asking import ask
from roguewatch.gateway.installed import Installed, decoded, folder, key, read_settings
from roguewatch.gateway.places import DEFAULT_LISTEN, LISTEN, TOKENS
from roguewatch.gateway.settings import (
    INSTALLERS,
    Installer,
    Target,
    can_fail_open,
    merged,
    version_in,
)
from roguewatch.ledger.durable import make_folder, write_file
from roguewatch.printable import printable, printable_path, printable_text
from roguewatch.state.register import Deployment, Register

VERSION_SECONDS = 10


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation would do."""

    installed: Installed
    old: bytes
    new: bytes
    token: str
    token_file: str
    token_mode: int = 0o600

    def diff(self, redact: bool = True) -> str:
        """The change as a unified diff, printable; the token is not shown."""
        name = printable(self.installed.path)
        new = self.new.decode("utf-8", "replace")
        if redact:
            new = new.replace(self.token, "<token>")
        lines = difflib.unified_diff(
            self.old.decode("utf-8", "replace").splitlines(),
            new.splitlines(),
            name if self.installed.existed else "/dev/null",
            name,
            lineterm="",
        )
        return printable_text("\n".join(lines))

    def apply(self, store: Path, register: Register) -> None:
        """Do it.

        Raises:
            ControlError: the settings changed since they were read, or cannot be written.
        """
        one = self.installed
        path = Path(one.path)
        if _bytes(path) != (self.old if one.existed else None):
            raise ControlError(f"{printable(one.path)}: changed since it was read; try again")
        entry = register.get(one.deployment) or Deployment(name=one.deployment)
        sources = tuple(dict.fromkeys((*entry.sources, "hook")))
        register.put(
            msgspec.structs.replace(
                entry, surface=one.agent, can_fail_open=one.can_fail_open, sources=sources
            ),
            "gate install",
        )
        try:
            owner = _owner(path)
            make_folder(folder(store), 0o700)
            make_folder(Path(self.token_file).parent, 0o711)
            name = key(one.agent, path)
            _write(Path(self.token_file), self.token.encode(), self.token_mode, owner)
            write_file(folder(store) / f"{name}.before", self.old, mode=0o600)
            write_file(folder(store) / f"{name}.after", self.new, mode=0o600)
            write_file(folder(store) / f"{name}.json", msgspec.json.encode(one), mode=0o600)
            _make_folder(path.resolve().parent, owner)
            _write(path.resolve(), self.new, one.mode, owner)
        except OSError as error:
            raise ControlError(f"{printable(one.path)}: cannot be written: {error}") from error


def settings_path(
    installer: Installer,
    environment: Mapping[str, str],
    home: Path,
    managed: bool,
    root: Path = Path("/"),
) -> Path:
    """The settings file that an installation changes; `root` is where managed ones begin.

    Raises:
        InputError: the agent has no managed settings that hold hooks.
    """
    if not managed:
        return installer.place(environment, home).absolute()
    if installer.managed is None:
        raise InputError(
            f"{installer.agent}: its managed settings cannot hold these hooks; install for each "
            "user, and let the assessment count it as able to fail open"
        )
    return root.absolute() / str(installer.managed).lstrip("/")


def where(store: Path, said: str = "") -> tuple[str, str]:
    """Where hooks are to lead, `HOST:PORT`, and what the user should know of it.

    Args:
        store: the gate's store.
        said: an address that the user gives; empty: the running gate's, else the one where it
            last listened, else where `gate serve` listens unless told otherwise.

    Raises:
        ControlError: the store's gate runs and listens elsewhere.
    """
    status = ask(store, "GET", "/status")
    running = str(status["listen"]) if status is not None else ""
    if running and said and said != running:
        raise ControlError(f"--listen {said}: the gate of this store listens on {running}")
    if running:
        return running, ""
    if said:
        return said, ""
    file = store / LISTEN
    last = file.read_text("utf-8", "replace").strip() if file.exists() else ""
    if not re.fullmatch(r"(\[::1\]|127\.0\.0\.1):\d{1,5}", last):
        last = ""
    known = last or DEFAULT_LISTEN
    since = "where it last listened" if last else "where `gate serve` listens unless told otherwise"
    return known, (
        f"No gate runs on this store. The hooks lead to {known}, {since}; until it runs there, "
        "every action is blocked or goes unseen. --listen HOST:PORT says another."
    )


def plan(
    agent: str,
    store: Path,
    register: Register,
    *,
    deployment: str,
    base: str,
    managed: bool,
    environment: Mapping[str, str],
    home: Path,
    token: str = "",
    root: Path = Path("/"),
) -> Plan:
    """What installing would do; reads the settings and asks the agent for its version.

    Raises:
        InputError: the agent is unknown, its settings cannot be read or are installed already.
    """
    installer = INSTALLERS.get(agent)
    if installer is None:
        raise InputError(f"{printable(agent, 60)}: expected one of: {', '.join(INSTALLERS)}")
    path = settings_path(installer, environment, home, managed, root)
    old = _bytes(path)
    settings = _decoded(path, old, agent)
    token_file = store.absolute() / TOKENS / key(agent, path)
    target = Target(
        base=base, token=token, socket=store.absolute() / "agent.sock", token_file=token_file
    )
    new, marks = merged(installer, settings, target, managed)
    text = _encoded(path, new)
    version = installed_version(installer.program, environment)
    # Of an administrator's settings every user's agent is a reader, and of their token.
    new_mode = 0o644 if managed else 0o600
    mode = path.stat().st_mode & 0o777 if old is not None else new_mode
    return Plan(
        installed=Installed(
            agent=agent,
            deployment=deployment,
            path=str(path),
            marks=marks,
            existed=old is not None,
            mode=mode,
            before=sha256(old).hexdigest() if old is not None else "",
            after=sha256(text).hexdigest(),
            version=".".join(map(str, version)),
            can_fail_open=can_fail_open(installer, version),
        ),
        old=old or b"",
        new=text,
        token=token,
        token_file=str(token_file),
        token_mode=new_mode,
    )


def uninstall(one: Installed, store: Path, register: Register, *, force: bool) -> None:
    """Put back what was there before, byte for byte; the token opens nothing any more.

    Raises:
        ControlError: the settings were changed since, and `force` is not given; or they
            cannot be written.
    """
    path, name = Path(one.path), key(one.agent, Path(one.path))
    backup = folder(store) / f"{name}.before"
    now = _bytes(path)
    try:
        before = backup.read_bytes()
        if one.existed and sha256(before).hexdigest() != one.before:
            raise ControlError(f"{printable_path(backup)}: is not what was backed up")
        if (sha256(now).hexdigest() if now is not None else "") != one.after and not force:
            raise ControlError(_changes(one, store, now))
        if one.existed:
            _write(path.resolve(), before, one.mode, _owner(path))
        else:  # a link that led nowhere leads there again
            path.resolve().unlink(missing_ok=True)
        (folder(store) / f"{name}.json").unlink()
        backup.unlink()
        (folder(store) / f"{name}.after").unlink(missing_ok=True)
        token_file = store / TOKENS / name
        if token_file.exists():
            register.revoke_token(token_file.read_text().strip())
            token_file.unlink()
    except OSError as error:
        raise ControlError(f"{printable(one.path)}: cannot be restored: {error}") from error


def installed_version(program: str, environment: Mapping[str, str]) -> tuple[int, ...]:
    """What `PROGRAM --version` says, run with an empty input and a deadline; empty if it is
    not there or says nothing."""
    found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        return ()
    try:
        done = subprocess.run(
            [found, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_SECONDS,
            env={name: environment[name] for name in ("PATH", "HOME") if name in environment},
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return version_in(done.stdout[:4096].decode("utf-8", "replace"))


def _changes(one: Installed, store: Path, now: bytes | None) -> str:
    """Why it is refused, with what differs from what we wrote."""
    if now is None:
        return f"{printable(one.path)}: is gone since; --force restores what was there before"
    written = (folder(store) / f"{key(one.agent, Path(one.path))}.after").read_bytes()
    was, settings = (
        re.sub(r"rw-[a-z]+-[A-Za-z0-9_-]{20,}", "<token>", raw.decode("utf-8", "replace"))
        for raw in (written, now)
    )
    lines = list(
        difflib.unified_diff(
            was.splitlines(), settings.splitlines(), "as installed", "now", lineterm="", n=1
        )
    )
    shown = printable_text("\n".join(lines[:60]))
    return (
        f"{printable(one.path)}: was changed since it was installed; --force restores what was "
        f"there before and loses this:\n{shown}"
    )


def _bytes(path: Path) -> bytes | None:
    try:
        return read_settings(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{printable_path(path)}: cannot be read: {error}") from error


def _decoded(path: Path, raw: bytes | None, agent: str) -> dict[str, object]:
    if raw is None or not raw.strip():
        return {}
    try:
        value = decoded(raw, agent)
    except ValueError as error:
        raise InputError(
            f"{printable_path(path)}: is not JSON ({printable(str(error), 200)}); mend it first"
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"{printable_path(path)}: is no JSON object; mend it first")
    return value


def _encoded(path: Path, settings: dict[str, object]) -> bytes:
    try:
        text = json.dumps(settings, indent=2, ensure_ascii=False, allow_nan=False)
        try:
            return text.encode() + b"\n"
        except UnicodeEncodeError:  # lone surrogates, which only an escape can say
            return json.dumps(settings, indent=2).encode() + b"\n"
    except ValueError as error:
        raise InputError(
            f"{printable_path(path)}: has a number that JSON cannot say; mend it first"
        ) from error


def _owner(path: Path) -> tuple[int, int]:
    """Whose a file is, or that of the folder where it would be made."""
    real = path.resolve()
    while not real.exists():
        real = real.parent
    status = real.stat()
    return status.st_uid, status.st_gid


def _write(path: Path, raw: bytes, mode: int, owner: tuple[int, int]) -> None:
    """Write what belongs to an agent's user, also where root does it for them."""
    write_file(path, raw, mode=mode)
    if os.geteuid() == 0:
        os.chown(path, *owner)
    path.chmod(mode)  # whatever the mask


def _make_folder(where: Path, owner: tuple[int, int]) -> None:
    made = [one for one in (where, *where.parents) if not one.exists()]
    make_folder(where)
    if os.geteuid() == 0:
        for one in made:
            os.chown(one, *owner)


def environment_now() -> dict[str, str]:
    """This process's environment."""
    return dict(os.environ)
