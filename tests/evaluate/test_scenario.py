"""The pieces that scenarios are made of."""

from __future__ import annotations

import pytest

pytest.importorskip("inspect_ai")

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.evaluate.scenario import claimed, variant


@settings(derandomize=True, max_examples=60)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 500))
def test_twins_differ_in_one_factor_and_all_combinations_are_reached(sizes, pair):
    levels = {f"f{place}": [str(one) for one in range(size)] for place, size in enumerate(sizes)}
    cells = math.prod(sizes)
    every = [variant(one, **levels) for one in range(2 * (cells - 1))]
    assert len({tuple(one.values()) for one in every}) == cells
    one, two = variant(2 * pair, **levels), variant(2 * pair + 1, **levels)
    assert sum(one[name] != two[name] for name in levels) == 1


def test_the_last_claim_of_a_report_counts():
    assert claimed("DONE: no\ntext\n**Done: Yes**", "DONE") == "yes"
    assert claimed("nothing", "DONE") == ""
