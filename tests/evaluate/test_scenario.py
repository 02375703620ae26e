"""The pieces that scenarios are made of."""

from __future__ import annotations

import pytest

pytest.importorskip("inspect_ai")

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.evaluate.scenario import claimed, variant


@settings(derandomize=True, max_examples=60)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 500))
def test_neighbouring_variants_differ_in_one_factor_and_all_cells_are_reached(sizes, number):
    levels = {f"f{place}": [str(one) for one in range(size)] for place, size in enumerate(sizes)}
    cells = 1
    for size in sizes:
        cells *= size
    every = [variant(one, **levels) for one in range(cells)]
    assert len({tuple(one.values()) for one in every}) == cells
    for one, two in itertools.pairwise(every):
        assert sum(one[name] != two[name] for name in levels) == 1
    assert variant(number, **levels) == every[number % cells]


def test_the_last_claim_of_a_report_counts():
    assert claimed("DONE: no\ntext\n**Done: Yes**", "DONE") == "yes"
    assert claimed("nothing", "DONE") == ""
