"""The policies in force: read again when their file changes, the old kept when the new is bad."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from roguewatch.control.policy import STARTERS, Policy
from roguewatch.errors import PolicyError
from roguewatch.state.register import Deployment

CHECK_SECONDS = 0.5
SETTLED_SECONDS = 0.25
"""A file that changed this recently may still be half written; half a policy may be one."""

Stamp = tuple[int, int, int]


class Policies:
    """Policies by the name or path that deployments give.

    Args:
        complain: is told, in one line, of every new version that was refused.
        changed: is told, in one line, of every version that came into force.
    """

    def __init__(
        self, complain: Callable[[str], None], changed: Callable[[str], None] = lambda line: None
    ) -> None:
        self._complain = complain
        self._changed = changed
        self._kept: dict[str, tuple[Policy, Stamp]] = {}
        self._refused: dict[str, Stamp] = {}
        self._checked: dict[str, float] = {}

    def of(self, deployment: Deployment) -> Policy:
        """The policy in force for a deployment.

        Raises:
            PolicyError: it has none that can be used, and never had.
        """
        return self.named(deployment.policy)

    def named(self, name: str) -> Policy:
        """The policy in force under a name or path. Raises as `of` does."""
        kept = self._kept.get(name)
        now = time.monotonic()
        if kept is not None and now - self._checked.get(name, 0.0) < CHECK_SECONDS:
            return kept[0]
        self._checked[name] = now
        if kept is not None and name in STARTERS:
            return kept[0]
        try:
            stamp = _stamp(name)
            if kept is not None and stamp in (kept[1], self._refused.get(name)):
                return kept[0]
            if kept is not None and abs(time.time_ns() - stamp[0]) < SETTLED_SECONDS * 1e9:
                return kept[0]
            policy = Policy.load(Path(name))
        except (PolicyError, OSError) as error:
            if kept is None:
                raise PolicyError(str(error)) from error
            gone = _stamp_or_gone(name)
            if self._refused.get(name) != gone:
                self._complain(f"policy {name}: the new version is refused, the old kept: {error}")
            self._refused[name] = gone
            return kept[0]
        self._kept[name] = (policy, stamp)
        self._refused.pop(name, None)
        before = kept[0].digest if kept is not None else "none"
        if before != policy.digest:
            self._changed(f"policy {name} is in force: {policy.digest}, before: {before}")
        return policy

    def check_again(self) -> None:
        """Look at every file at its next use."""
        self._checked.clear()

    def used(self) -> list[str]:
        """Names and paths that were asked for."""
        return list(self._kept)


def _stamp(name: str) -> Stamp:
    if name in STARTERS:
        return (0, 0, 0)
    status = Path(name).stat()
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _stamp_or_gone(name: str) -> Stamp:
    try:
        return _stamp(name)
    except OSError:
        return (-1, -1, -1)
