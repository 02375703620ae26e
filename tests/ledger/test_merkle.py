"""The tree against the published vectors, and against the definition in RFC 6962, 2.1."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.ledger.merkle import (
    EMPTY_ROOT,
    Edge,
    consistency,
    inclusion,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# Certificate Transparency's reference leaves and roots (google/certificate-transparency,
# merkletree test vectors; the same in transparency-dev/merkle).
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _defined(leaves: list[bytes]) -> bytes:
    """MTH, word for word from the RFC."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + _defined(leaves[:k]) + _defined(leaves[k:])).digest()


def _node(leaves: list[bytes]):
    return lambda level, index: _defined(leaves[index << level : (index + 1) << level])


def test_roots_are_those_of_the_reference_vectors() -> None:
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")
    for size, root in enumerate(ROOTS, 1):
        assert root_of(map(leaf_hash, LEAVES[:size])).hex() == root


def test_an_inclusion_path_is_that_of_the_reference_vectors() -> None:
    path = inclusion(_node(LEAVES), 5, 8)
    assert [step.hex() for step in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.integers(1, 40), max_size=8))
def test_growing_in_any_steps_gives_the_defined_root(steps: list[int]) -> None:
    edge, leaves = Edge(), []
    for step in steps:
        new = [b"%d" % n for n in range(len(leaves), len(leaves) + step)]
        leaves += new
        edge.extend([leaf_hash(leaf) for leaf in new])
        assert edge.root() == _defined(leaves)
        assert edge.size == len(leaves)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.data(), st.integers(1, 70))
def test_proofs_hold_and_do_not_hold_for_anything_else(data: st.DataObject, size: int) -> None:
    leaves = [b"leaf %d" % n for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion(_node(leaves), index, size), _defined(leaves)
    leaf = leaf_hash(leaves[index])
    assert verify_inclusion(leaf, index, size, path, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, path, root)
    assert not verify_inclusion(leaf, index, size, [*path, root], root)
    assert not path or not verify_inclusion(leaf, index, size, path[:-1], root)
    assert size == 1 or not verify_inclusion(leaf, (index + 1) % size, size, path, root)

    first = data.draw(st.integers(0, size))
    old, steps = _defined(leaves[:first]), consistency(_node(leaves), first, size)
    assert verify_consistency(first, size, old, root, steps)
    assert not verify_consistency(first, size, leaf_hash(b"other"), root, steps)
    assert not verify_consistency(first, size, old, leaf_hash(b"other"), steps) or first == 0
    assert not verify_consistency(first, size, old, root, [*steps, root])
