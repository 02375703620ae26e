"""The report as it is printed: shorter than the page, with every fact and link still there."""

from __future__ import annotations

import re

import msgspec
import pytest

from roguewatch.assess.document import Assessment
from roguewatch.assess.rendering import render
from tests.assess.conftest import Example


@pytest.fixture(scope="module")
def assessment(example: Example) -> Assessment:
    return msgspec.json.decode((example.out / "assessment.json").read_bytes(), type=Assessment)


def test_every_link_on_paper_has_a_place_to_go_and_no_place_has_two_names(
    assessment: Assessment,
) -> None:
    page = render(assessment, paper=True)
    places = re.findall(r' id="([^"]+)"', page)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(places)


def test_every_fact_is_on_paper_with_its_value_or_among_those_without(
    assessment: Assessment,
) -> None:
    page = render(assessment, paper=True)
    appendix, bare = page.split('<h2 id="facts">')[1].split("<h3>Facts without a value</h3>")
    for fact in assessment.facts:
        told = f'id="fact-{fact.id}"'
        assert told in (bare if fact.state == "unassessed" and "@" not in fact.id else page), fact
        if fact.value is not None:
            assert told in appendix, fact.id


def test_findings_alike_are_told_in_full_twice_and_all_the_others_in_a_line(
    assessment: Assessment,
) -> None:
    paper, page = render(assessment, paper=True), render(assessment)
    assert page.count('<article class="finding') > paper.count('<article class="finding')
    shown = set(re.findall(r'id="f-([0-9a-f]{32})"', page))
    assert shown and shown == set(re.findall(r'id="f-([0-9a-f]{32})"', paper))
