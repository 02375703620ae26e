"""Which processes began which, from what stops preserved and what supervised runs noted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.printable import printable, printable_path
from roguewatch.state.runs import Run


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as it was when it was looked at. Text is printable."""

    pid: int
    parent: int
    command: str
    executable: str = ""
    cwd: str = ""
    user: int | None = None
    open_files: tuple[str, ...] = ()
    run: str = ""
    source: str
    """Which record tells of it."""


class _Kept(msgspec.Struct):
    """The evidence that a stop wrote, as far as it is read here."""

    stop: int = 0
    runs: list[Run] = []
    evidence: list[dict[str, object]] = []


def lineage(store: Path, runs: Iterable[Run], noted: Iterable[Event]) -> list[Node]:
    """The processes of some runs, parents before children where the parent is known.

    Args:
        store: whose stops are read.
        runs: of one deployment.
        noted: events of its supervised runs.

    Raises:
        InputError: a file of evidence cannot be read.
    """
    mine = {run.id for run in runs}
    nodes = [node for event in noted if (node := _noted(event)) is not None]
    for file in sorted((store / "stops").glob("*.json")):
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(f"{printable_path(file)}: cannot be read: {error}") from error
        if not mine & {run.id for run in kept.runs}:
            continue
        for evidence in kept.evidence:
            listed = evidence.get("processes")
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, dict):
                    nodes.append(_preserved(one, f"stop {kept.stop}"))
    return _ordered(nodes)


def _noted(event: Event) -> Node | None:
    detail = event.parsed_detail()
    pid = detail.get("pid")
    if event.kind != "process" or not isinstance(pid, int):
        return None
    return Node(
        pid=pid, parent=0, command=printable(event.text.removeprefix("started: "), 300),
        run=event.session.removeprefix("run-"), source="supervisor",
    )  # fmt: skip


def _preserved(one: dict[str, object], source: str) -> Node:
    def text(key: str) -> str:
        value = one.get(key)
        words = value if isinstance(value, list) else [value or ""]
        return printable(" ".join(map(str, words)), 300)

    def number(key: str) -> int:
        value = one.get(key)
        return value if isinstance(value, int) else 0

    files = one.get("open_files")
    return Node(
        pid=number("pid"),
        parent=number("parent"),
        command=text("command") or f"[{text('name')}]",
        executable=text("executable"),
        cwd=text("cwd"),
        user=number("user"),
        open_files=tuple(map(str, files)) if isinstance(files, list) else (),
        source=source,
    )


def _ordered(nodes: list[Node]) -> list[Node]:
    """Depth first; a process whose parent is not known begins a tree."""
    below: dict[int, list[Node]] = {}
    known = {node.pid for node in nodes}
    roots = []
    for node in nodes:
        if node.parent in known and node.parent != node.pid:
            below.setdefault(node.parent, []).append(node)
        else:
            roots.append(node)
    ordered: list[Node] = []
    waiting = list(reversed(roots))
    told: set[int] = set()
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        if node.pid not in told:
            told.add(node.pid)
            waiting.extend(reversed(below.get(node.pid, [])))
    # Two records of a pid may each name the other's child as parent: nothing is lost by that.
    return [*ordered, *(node for node in nodes if node not in ordered)]
