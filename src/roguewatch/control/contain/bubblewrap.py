"""The walls that bubblewrap puts up: namespaces and a read-only system.

The system is `/usr` and what belongs to it, read only; `/etc` is a short list of files
that programs need and that hold no secrets; homes, `/run`, `/var` and `/tmp` are empty
and the run's own. The project is the one place of the machine that can be written.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from roguewatch.errors import ControlError

INSIDE = Path("/run/roguewatch")
"""Where sockets and the inner init stand inside."""

_ETC = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "debian_version",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "login.defs",
    "mime.types", "nsswitch.conf", "os-release", "pki", "profile", "protocols", "services",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip

_SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the machine that is put inside."""

    source: Path
    inside: Path
    writable: bool = False


def find_bubblewrap() -> str:
    """The `bwrap` program.

    Raises:
        ControlError: it is not installed; nothing may run uncontained instead.
    """
    program = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    if program is None:
        raise ControlError(
            "bubblewrap (bwrap) is not installed, and nothing is run uncontained instead; "
            "install it (Debian: apt-get install bubblewrap)"
        )
    return program


def interpreter() -> tuple[Path, list[Mount]]:
    """The Python that runs the inner init, and what must be mounted for it."""
    executable = Path(os.path.realpath(sys.executable))
    prefix = Path(os.path.realpath(sys.base_prefix))
    if prefix == Path("/usr"):
        return executable, []
    return executable, [Mount(source=prefix, inside=prefix)]


def system_arguments() -> list[str]:
    """The read-only system, without anything that is a person's or a service's."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM_LINKS:
        path = Path("/") / name
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        path = Path("/etc") / name
        if path.exists():
            arguments += ["--ro-bind", str(path), str(path)]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/var/tmp", "/home", "/root", "/run", "/opt", "/srv", "/mnt"):  # noqa: S108
        arguments += ["--tmpfs", folder]
    return arguments


def arguments(
    *,
    project: Path,
    environment: Mapping[str, str],
    accounts: Mapping[str, int],
    host_name: str,
    seccomp: int | None,
    info: int,
) -> list[str]:
    """The argument list for `bwrap`, up to but without the command.

    The argument `MOUNTS` stands where the stage puts the mounts. Without `--die-with-parent`:
    the first process inside waits for bwrap to have mapped its users, and waits for ever where
    bwrap is killed before. What is inside ends with its supervisor by the lifeline (`init`).

    Args:
        project: the folder to start in, as it is called inside.
        environment: the whole environment inside; nothing is inherited.
        accounts: inside path → descriptor of a file's content (passwd, group, hosts).
        host_name: the name of the machine inside.
        seccomp: descriptor of the system call filter, if there is one.
        info: descriptor of a file that bwrap writes the pid of the namespace's init to; no pipe,
            which would kill bwrap where nobody reads it any more.
    """
    built = [
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts",
        "--unshare-cgroup-try", "--disable-userns", "--new-session", "--as-pid-1",
        "--cap-drop", "ALL", "--hostname", host_name, "--clearenv", "--info-fd", str(info),
    ]  # fmt: skip
    if seccomp is not None:
        built += ["--seccomp", str(seccomp)]
    built += system_arguments()
    for inside, descriptor in accounts.items():
        built += ["--ro-bind-data", str(descriptor), inside]
    built += ["--dir", str(INSIDE), "--dir", environment["HOME"]]
    built.append("MOUNTS")
    for name, value in sorted(environment.items()):
        built += ["--setenv", name, value]
    return [*built, "--remount-ro", "/", "--chdir", str(project)]
