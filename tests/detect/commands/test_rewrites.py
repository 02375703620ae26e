"""Equivalent rewrites of thirty commands are recognised, family by family."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.detect.commands.rewriting import BASES, FAMILIES, recognised, rewrites, written

# What is recognised today; a family that falls below has lost something. `computed`
# needs a payload to be worked out, not read, and mostly is not recognised.
FLOORS = {"computed": 0.30, "other languages": 0.99, "substitutions and globs": 0.99}


def test_the_written_rewrites_are_the_generated_ones():
    assert written() == list(rewrites())


def test_there_are_thirty_bases_in_ten_families_and_three_hundred_rewrites():
    assert len(BASES) == 30
    assert len(FAMILIES) >= 10
    assert len(written()) >= 300


@pytest.mark.parametrize("family", FAMILIES)
def test_the_share_recognised_does_not_fall(family):
    found = Counter(recognised(rewrite) for rewrite in written() if rewrite.family == family)
    assert found[True] / found.total() >= FLOORS.get(family, 1.0)


def test_a_harmless_neighbour_is_not_taken_for_the_command():
    from roguewatch.detect.commands import understand

    for text in ("echo 'rm -rf /srv/data'", "grep 'kill -9' notes.txt", "git commit -m 'curl'"):
        programs = {command.program for command in understand(text)}
        assert not programs & {"rm", "kill", "curl"}
