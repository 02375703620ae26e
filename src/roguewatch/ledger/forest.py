"""The whole tree over given leaves, every level of it, to hold files against."""

from __future__ import annotations

from roguewatch.ledger.merkle import EMPTY_ROOT, node_hash, subtree_root
from roguewatch.ledger.tiles import WIDTH


class Forest:
    """All complete subtrees over a list of leaf hashes: roots at every size."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.size = len(leaves)
        self._levels = [b"".join(leaves)]
        nodes = leaves
        while len(nodes) > 1:
            nodes = [node_hash(a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=False)]
            self._levels.append(b"".join(nodes))

    def node(self, level: int, index: int) -> bytes:
        """The subtree at (level, index)."""
        return self._levels[level][32 * index : 32 * index + 32]

    def root(self, size: int) -> bytes:
        """The root of the first `size` leaves."""
        return subtree_root(self.node, 0, size) if size else EMPTY_ROOT

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The bytes of a tile."""
        start = 32 * WIDTH * index
        return self._levels[8 * level][start : start + 32 * width]
