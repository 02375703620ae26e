"""The tree as C2SP tlog-tiles: files of 256 hashes, tile/<L>/<N>[.p/<W>].

A tile of level L holds the hashes of complete subtrees of 256^L leaves each. Full
tiles never change; the last of each level may be partial, and the wider one takes
its place. https://c2sp.org/tlog-tiles. Entries stand in the segments, not in
`tile/entries`, so that they can be queried.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from roguewatch.errors import TamperError
from roguewatch.ledger.durable import make_folder, sync_folder, write_all
from roguewatch.ledger.merkle import Node, node_hash

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC

WIDTH = 256
"""Hashes in a full tile."""


def tile_name(level: int, index: int, width: int = WIDTH) -> str:
    """Path of a tile below `tile/`: three digits at a time, all but the last marked x."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = f".p/{width}" if width < WIDTH else ""
    return f"{level}/{'/'.join(groups)}{partial}"


def tile_names(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, index, width) of every tile of a tree of `size` leaves."""
    level = 0
    while size:
        for index in range(size // WIDTH):
            yield level, index, WIDTH
        if size % WIDTH:
            yield level, size // WIDTH, size % WIDTH
        size //= WIDTH
        level += 1


def partial_names(size: int) -> set[str]:
    """Paths of the partial tiles of a tree of `size` leaves."""
    names, level = set(), 0
    while size:
        if size % WIDTH:
            names.add(tile_name(level, size // WIDTH, size % WIDTH))
        size //= WIDTH
        level += 1
    return names


class Tiles:
    """The tiles of one ledger.

    Args:
        folder: the `tile` folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, level: int, index: int, size: int) -> bytes:
        """The hashes of a tile of the tree of `size` leaves.

        Raises:
            TamperError: it is missing or has another length.
        """
        width = min(WIDTH, (size >> 8 * level) - index * WIDTH)
        name = tile_name(level, index, width)
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise TamperError(f"tile/{name}: cannot be read: {error.strerror}") from error
        if len(data) != 32 * width:
            raise TamperError(f"tile/{name}: {len(data)} bytes, expected {32 * width}")
        return data

    def extend(self, size: int, fresh: list[list[bytes]]) -> None:
        """Write the tiles that new hashes complete or widen.

        Args:
            size: leaves that the tiles hold now.
            fresh: new hashes by tile level (`merkle.Edge.fresh`).

        Sequence: open → write every file, fsync all of them side by side (the file
        system's journal then commits many at once), fsync each folder. Nothing is
        renamed: no tile is read before its registration, and none is written over,
        for widened partial tiles have other names. The superseded ones stay until
        `prune`, so that a crash leaves the tree of `size` readable.
        """
        folders = set()
        handles: list[int] = []
        try:
            for level, hashes in enumerate(fresh):
                if not hashes:
                    continue
                data = b"".join(hashes)
                index, held = divmod(size >> 8 * level, WIDTH)
                if held:
                    data = self.read(level, index, size) + data
                for start in range(0, len(data), 32 * WIDTH):
                    chunk = data[start : start + 32 * WIDTH]
                    path = self.folder / tile_name(level, index, len(chunk) // 32)
                    if path.parent not in folders:
                        make_folder(path.parent)
                        folders.add(path.parent)
                    handles.append(os.open(path, _NEW, 0o644))
                    write_all(handles[-1], chunk)
                    index += 1
            if handles:
                with ThreadPoolExecutor(min(16, len(handles))) as threads:
                    list(threads.map(os.fsync, handles))
        finally:
            for handle in handles:
                os.close(handle)
        for folder in folders:
            sync_folder(folder)

    def prune(self, old: int, size: int) -> None:
        """Remove the partial tiles of the tree of `old` leaves that `size` has outgrown."""
        for name in partial_names(old) - partial_names(size):
            path = self.folder / name
            path.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()

    def clear_beyond(self, size: int) -> None:
        """Remove what an interrupted seal left: tiles that the tree of `size` has not."""
        expected = {tile_name(*tile) for tile in tile_names(size)}
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(self.folder).as_posix() not in expected:
                path.unlink()

    def nodes(self, size: int, hot: Callable[[int], bytes]) -> Node:
        """The complete subtrees of a tree whose first `size` leaves are in tiles.

        Args:
            hot: the leaf hash of a leaf at or beyond `size`.
        """
        cache: dict[tuple[int, int], bytes] = {}

        def node(level: int, index: int) -> bytes:
            if level % 8 == 0 and (index + 1) << level <= size:
                tile, place = divmod(index, WIDTH)
                if (level // 8, tile) not in cache:
                    cache[level // 8, tile] = self.read(level // 8, tile, size)
                return cache[level // 8, tile][32 * place : 32 * place + 32]
            if level == 0:
                return hot(index)
            return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

        return node
