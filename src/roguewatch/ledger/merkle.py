"""The RFC 6962 Merkle tree: hashes, the growing edge, proofs and their checks.

Section 2.1 of RFC 6962 (and of RFC 9162, which keeps the hashes): a leaf hashes
as SHA-256(0x00 ‖ leaf), a node as SHA-256(0x01 ‖ left ‖ right), and a tree of n
leaves splits at the largest power of two below n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree at (level, index); level 0 are the leaves."""


_LONG = 1 << 20
"""Leaves from here on are hashed without being copied; a shorter one in one call."""


def leaf_hash(leaf: bytes) -> bytes:
    """The 32-byte hash of one leaf."""
    if len(leaf) < _LONG:
        return sha256(b"\x00" + leaf).digest()
    digest = sha256(b"\x00")
    digest.update(leaf)
    return digest.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Edge:
    """The right edge of a growing tree: all that is needed to add leaves and know the root.

    Attributes:
        size: number of leaves.
        peaks: for each level, the hash of the complete subtree that has no right
            sibling yet, or None: one per set bit of `size`.
        fresh: complete nodes at levels 0, 8, 16, … since they were last taken: what
            tiles are made of.
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes | None] = ()) -> None:
        self.size = size
        self.peaks: list[bytes | None] = list(peaks)
        self.fresh: list[list[bytes]] = []

    @staticmethod
    def load(size: int, stored: bytes) -> Edge:
        """The tree of `size` leaves that was dumped."""
        peaks = [stored[at : at + 32] for at in range(0, len(stored), 32)]
        return Edge(size, [None if peak == bytes(32) else peak for peak in peaks])

    def dump(self) -> bytes:
        """Its peaks, 32 bytes a level; zeros where a level has none."""
        return b"".join(peak or bytes(32) for peak in self.peaks)

    def copy(self) -> Edge:
        """The tree as it stands now."""
        edge = Edge(self.size, self.peaks)
        edge.fresh = [list(nodes) for nodes in self.fresh]
        return edge

    def mark(self) -> tuple[int, list[bytes | None], list[int]]:
        """Where the tree stands, for `reset`."""
        return self.size, list(self.peaks), [len(nodes) for nodes in self.fresh]

    def reset(self, mark: tuple[int, list[bytes | None], list[int]]) -> None:
        """Forget what was added since `mark` (and not taken since)."""
        self.size, self.peaks = mark[0], list(mark[1])
        del self.fresh[len(mark[2]) :]
        for nodes, length in zip(self.fresh, mark[2], strict=True):
            del nodes[length:]

    def extend(self, leaves: list[bytes]) -> None:
        """Add leaf hashes on the right; one hash per leaf, level by level."""
        self.size += len(leaves)
        nodes, level = leaves, 0
        while nodes:
            if level % 8 == 0:
                while len(self.fresh) <= level // 8:
                    self.fresh.append([])
                self.fresh[level // 8] += nodes
            if level == len(self.peaks):
                self.peaks.append(None)
            peak = self.peaks[level]
            if peak is not None:
                nodes = [peak, *nodes]
            self.peaks[level] = nodes[-1] if len(nodes) % 2 else None
            nodes = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(nodes[::2], nodes[1::2], strict=False)
            ]
            level += 1

    def take(self, old: int, size: int) -> None:
        """Forget the fresh nodes of the tree of `size` leaves; `old`: where they began."""
        for level, nodes in enumerate(self.fresh):
            del nodes[: (size >> 8 * level) - (old >> 8 * level)]

    def root(self) -> bytes:
        """The root hash of the tree as it stands."""
        root: bytes | None = None
        for peak in self.peaks:
            if peak is not None:
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root


def root_of(hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes given in order."""
    edge = Edge()
    edge.extend(list(hashes))
    return edge.root()


def subtree_root(node: Node, start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962, 2.1, for ranges that its splits produce.

    Args:
        node: gives complete subtrees; only those within [start, end) are asked for.
        start, end: leaves [start, end); start is a multiple of the power of two at
            or above end - start.
    """
    width = end - start
    if width == 0:
        return EMPTY_ROOT
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, start >> level)
    split = start + _split(width)
    return node_hash(subtree_root(node, start, split), subtree_root(node, split, end))


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, 2.1.1: proves leaf `index` in the tree of `size`."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(subtree_root(node, split, end))
            end = split
        else:
            path.append(subtree_root(node, start, split))
            start = split
    return path[::-1]


def consistency(node: Node, first: int, second: int) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962, 2.1.2: the tree of `first` is a prefix of `second`'s."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} cannot come before one of {second}")
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        split = start + _split(end - start)
        if first <= split:
            path.append(subtree_root(node, split, end))
            end = split
        else:
            path.append(subtree_root(node, start, split))
            start, whole = split, False
    if not whole:
        path.append(subtree_root(node, start, end))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether `path` proves that leaf hash `leaf` is at `index` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, current = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if position % 2 or position == last:
            current = node_hash(step, current)
            while position % 2 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, step)
        position, last = position >> 1, last >> 1
    return last == 0 and current == root


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` proves that the first tree is a prefix of the second (RFC 9162, 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    steps = list(path)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    if not steps:
        return False
    position, last = first - 1, second - 1
    while position % 2:
        position, last = position >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while position % 2 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, step)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1
