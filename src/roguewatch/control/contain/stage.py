"""Between root and the sandbox: show the run its files under its own identity, then let go.

A `bwrap` that root starts can still read root's files, whatever `--uid` says; so root
drops to the deployment's identity before bubblewrap begins. That identity owns nothing,
so what it needs is first bound into a private mount namespace, with owners mapped
(id-mapped mounts): the project appears to belong to it, on disk nothing changes hands.

Run as `python -I -m roguewatch.control.contain.stage DESCRIPTOR`, where the descriptor
holds a `Plan`; ends by executing bwrap in its place.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
from pathlib import Path

import msgspec

from roguewatch.control.contain import kernel
from roguewatch.control.contain.bubblewrap import Mount

_PR_SET_NO_NEW_PRIVS = 38


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to show, as whom, and what to execute then."""

    uid: int
    gid: int
    folder: Path
    """An empty folder to stage in; private to this process once mounted over."""
    mounts: tuple[Mount, ...]
    join: tuple[Path, ...]
    """Control group files to enter."""
    before: tuple[str, ...]
    """bwrap and its arguments up to the mounts' place, marked by an argument `MOUNTS`."""
    command: tuple[str, ...]
    lifeline: int
    """Descriptor of the pipe that the supervisor holds open: when it is closed, nothing is begun."""


def staged(plan: Plan) -> list[Mount]:
    """Bind every mount into the staging folder, owners mapped where they are not ours."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.make_mounts_private()
    kernel.mount_tmpfs(plan.folder)
    shown = []
    for number, mount in enumerate(plan.mounts):
        status = mount.source.stat()
        target = plan.folder / str(number)
        if mount.source.is_dir():
            target.mkdir()
        else:
            target.touch()
        read_only = not mount.writable
        if status.st_uid == plan.uid or mount.source.is_socket():
            kernel.bind(mount.source, target, read_only=False)
        else:
            with kernel.user_namespace(plan.uid, status.st_uid, status.st_gid) as namespace:
                kernel.bind(mount.source, target, read_only=read_only, namespace=namespace)
        shown.append(Mount(source=target, inside=mount.inside, writable=mount.writable))
    return shown


def abandoned(lifeline: int) -> bool:
    """Whether nobody holds the other end of the lifeline any more."""
    poll = select.poll()
    poll.register(lifeline, 0)
    return bool(poll.poll(0))


def main(descriptor: int) -> None:
    """Carry out the plan; does not return."""
    with os.fdopen(descriptor, "rb") as stream:
        plan = msgspec.json.decode(stream.read(), type=Plan, dec_hook=lambda kind, text: kind(text))
    for file in plan.join:
        file.write_text(str(os.getpid()))
    mounts = list(plan.mounts)
    if os.geteuid() == 0:
        mounts = staged(plan)
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    bound = []
    for mount in mounts:
        bound += ["--bind" if mount.writable else "--ro-bind", str(mount.source), str(mount.inside)]
    if abandoned(plan.lifeline):
        raise OSError("who asked for it is gone")
    place = plan.before.index("MOUNTS")
    argv = [*plan.before[:place], *bound, *plan.before[place + 1 :], *plan.command]
    os.execv(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        print(f"roguewatch: the containment cannot be set up: {error}", file=sys.stderr)
        os._exit(125)
