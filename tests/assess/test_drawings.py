"""Drawings show facts, say where one is not known, and let no name out of its text."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, seed
from hypothesis import strategies as st
from markupsafe import Markup

from roguewatch.assess.document import Assessment, Fact
from roguewatch.assess.drawings import columns, drawings, drills, unattended
from roguewatch.assess.drawings.flow import flow
from roguewatch.assess.drawings.monitor import monitor
from roguewatch.assess.drawings.trend import trend
from roguewatch.assess.facts.drill_times import median_interval
from tests.assess.conftest import Example

HOSTILE = "\"><script>alert(1)</script><a href='javascript:x'>\x1b[31m&\u202e"


@pytest.fixture(scope="module")
def assessment(example: Example) -> Assessment:
    return msgspec.json.decode((example.out / "assessment.json").read_bytes(), type=Assessment)


def drawn(markup: Markup) -> ElementTree.Element:
    """The drawing, which must be well-formed by itself."""
    return ElementTree.fromstring(str(markup))


def links(markup: Markup) -> dict[str, str]:
    """What stands in each link, by where it leads."""
    found: dict[str, str] = {}
    for one in drawn(markup).iter("a"):
        found[one.attrib["href"]] = found.get(one.attrib["href"], "") + "".join(one.itertext())
    return found


def fact(id: str, value: Any, **more: Any) -> dict[str, Fact]:
    base = {"statement": id, "unit": "", "as_of": "2026-01-01T00:00:00Z",
            "expires": "2027-01-01T00:00:00Z", "method": ""}  # fmt: skip
    return {id: Fact(id=id, value=value, **{**base, **more})}


def test_every_mark_that_leads_somewhere_leads_to_a_fact_or_a_node_of_the_case(
    assessment: Assessment,
) -> None:
    known = {f"#fact-{one.id}" for one in assessment.facts}
    known |= {f"#case-{node.id}" for node in assessment.safety_case.nodes}
    for name, markup in drawings(assessment).items():
        assert set(links(markup)) <= known, name
        assert links(markup), name


DRAWN_FROM = [
    ("flow", "tool_calls"), ("stretches", "unattended.by_length"),
    ("stretches", "unattended.longest_seconds"), ("horizon", "horizon.p50_minutes"),
    ("horizon", "horizon.p80_minutes"), ("horizon", "unattended.longest_seconds"),
    ("monitor", "monitor.curve"), ("monitor", "monitor.at_fpr"), ("notice", "drills.notice_times"),
    ("notice", "drills.unnoticed_by_route"), ("notice", "drills.rung2.notice_median"),
    ("dead", "drills.dead_times"), ("dead", "drills.rung3.dead_median"),
    ("trend", "coverage.claimed_share"), ("trend", "gate.denied_share"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "id"), DRAWN_FROM)
@pytest.mark.parametrize("state", ["unassessed", "lapsed", "redacted"])
def test_deleting_a_fact_takes_its_number_out_of_the_drawing(
    assessment: Assessment, name: str, id: str, state: str
) -> None:
    gone = [
        msgspec.structs.replace(one, value=None, interval=None, counts=None, state=state)
        if one.id == id else one
        for one in assessment.facts
    ]  # fmt: skip
    less = msgspec.structs.replace(assessment, facts=gone)
    before, after = drawings(assessment)[name], drawings(less)[name]
    assert before != after
    shown = {words for place in links(before).values() for words in re.findall(r"[\d.]+", place)}
    assert shown
    if name in ("horizon", "trend") or (name, id) in {
        ("notice", "drills.notice_times"), ("dead", "drills.dead_times"),
        ("notice", "drills.rung2.notice_median"), ("dead", "drills.rung3.dead_median"),
        ("stretches", "unattended.by_length"),
    }:  # fmt: skip
        assert state in links(after)[f"#fact-{id}"]


def test_without_any_fact_every_drawing_says_unassessed_and_shows_no_number() -> None:
    for make in (flow, unattended.stretches, unattended.horizon, monitor, drills.noticed,
                 drills.dead):  # fmt: skip
        words = "".join(
            "".join(text.itertext())
            for one in drawn(make({})).iter("a")
            for text in one.iter("text")
        )
        assert "unassessed" in words, make
        assert not re.search(r"\d", words), make


def test_the_unknown_share_is_drawn_as_high_as_it_is_and_hatched_where_nobody_knows() -> None:
    unknown = drawn(flow({}))
    assert any(one.attrib.get("fill", "").startswith("url(") for one in unknown.iter("rect"))
    known = flow(fact("coverage.unknown_share", 0.25))
    heights = {
        one.attrib["class"]: float(one.attrib["height"]) for one in drawn(known).iter("rect")
    }
    assert heights["bad"] / (heights["bad"] + heights["node"]) == pytest.approx(0.25)
    assert "25%" in links(known)["#fact-coverage.unknown_share"]


def test_reviewed_and_monitored_shares_are_as_high_as_they_are() -> None:
    facts = {**fact("coverage.unknown_share", 0.0), **fact("monitors.live_share", 0.5),
             **fact("review.seen_share", 0.1)}  # fmt: skip
    for id, share in (("monitors.live_share", 0.5), ("review.seen_share", 0.1)):
        nodes = [
            float(rect.attrib["height"])
            for one in drawn(flow(facts)).iter("a") if one.attrib["href"] == f"#fact-{id}"
            for rect in one.iter("rect")
        ]  # fmt: skip
        assert nodes == [pytest.approx(110 * share)]


@pytest.mark.parametrize("id", ["coverage.unknown_share", "monitors.live_share",
                                "review.seen_share", "horizon.p50_minutes"])  # fmt: skip
def test_what_a_person_only_stated_is_never_drawn_as_measured(id: str) -> None:
    make = unattended.horizon if id.startswith("horizon") else flow
    measured = make(fact(id, 0.25))
    stated = make(fact(id, 0.25, kind="stated", state="stated"))
    assert "stated" not in measured
    assert "stated" in links(stated)[f"#fact-{id}"]
    marks = {one.attrib.get("class", "") for one in drawn(stated).iter() if one.tag != "text"}
    assert any("stated" in class_.split() for class_ in marks)


def test_survivors_and_unnoticed_drills_are_crossed() -> None:
    facts = {**fact("drills.dead_times", {"rung 3 cron": [], "rung 3 nohup": [0.4, 0.6]}),
             **fact("drills.survivors_by_route", {"rung 3 cron": 2})}  # fmt: skip
    marks = links(drills.dead(facts))
    assert "2 survived" in marks["#fact-drills.survivors_by_route"]
    crosses = [one for one in drawn(drills.dead(facts)).iter("path")
               if one.attrib.get("class") == "cross"]  # fmt: skip
    assert len(crosses) == 1


def test_a_period_that_does_not_know_a_rate_is_hatched_in_the_trend(assessment: Assessment) -> None:
    periods = columns(assessment)
    assert len(periods) == 2
    marks = links(trend(periods))
    now = {one.id: one for one in assessment.facts}["coverage.claimed_share"]
    assert now.counts is not None
    assert f"{now.counts[0]} of {now.counts[1]}" in marks["#fact-coverage.claimed_share"]
    assert "anytime-valid interval" in marks["#fact-coverage.claimed_share"]
    empty = [msgspec.structs.replace(periods[0], facts={}), periods[1]]
    assert "unassessed" in links(trend(empty))["#fact-coverage.claimed_share"]
    assert "no trend" in "".join(links(trend(periods[1:])).values())


SEED = 20261121


@seed(SEED)
@given(st.text(max_size=60).map(lambda words: words + HOSTILE), st.integers(0, 3))
def test_hostile_names_stay_text(name: str, place: int) -> None:
    """Whatever a route, range or rate is called, the drawing holds no element that is not ours."""
    facts = [
        fact("drills.notice_times", {f"rung 2 {name}": [1.0, 2.0], name: [3.0]}),
        fact("unattended.by_length", {name: 3}),
        {**fact("monitor.at_fpr", {name: [0.5]}), **fact("monitor.recall", 0.5)},
        fact("drills.dead_times", {name: [2.0]}),
    ][place]
    make = (drills.noticed, unattended.stretches, monitor, drills.dead)[place]
    tags = {one.tag for one in drawn(make(facts)).iter()}
    assert tags <= {"svg", "title", "desc", "defs", "pattern", "path", "a", "g", "rect", "text",
                    "line", "circle"}, f"seed {SEED}"  # fmt: skip
    for one in drawn(make(facts)).iter():
        assert not {key for key in one.attrib if key.startswith(("on", "style"))}
        assert one.attrib.get("href", "#fact-").startswith("#fact-")
    assert "\x1b" not in make(facts)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, "many", [1], {"a": "b"}, True])
def test_a_value_that_is_no_sound_number_draws_no_number(value: object) -> None:
    for id in ("coverage.unknown_share", "monitors.live_share", "horizon.p50_minutes",
               "unattended.by_length", "drills.dead_times", "monitor.curve", "monitor.recall"):  # fmt: skip
        facts = fact(id, value)
        for make in (flow, unattended.stretches, unattended.horizon, monitor, drills.dead):
            assert drawn(make(facts)).tag == "svg"
            assert "nan" not in make(facts)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    rng, covered, runs = random.Random(SEED), 0, 2000
    for _ in range(runs):
        times = sorted(rng.expovariate(1) for _ in range(12))
        low, high = median_interval(times)
        covered += low <= math.log(2) <= high
    assert covered / runs >= 0.94, SEED
    assert median_interval([1.0, 2.0, 3.0]) == (0.0, math.inf)


def test_the_drawings_in_the_page_are_those_of_the_data(
    example: Example, assessment: Assessment
) -> None:
    page = (example.out / "assessment.html").read_text()
    for name, markup in drawings(assessment).items():
        assert str(markup) in page, name
    assert json.loads((example.out / "assessment.json").read_text())["safety_case"]["nodes"]


def test_the_page_is_printed_as_pdf_with_page_numbers(example: Example, tmp_path: Path) -> None:
    import shutil
    import subprocess

    from roguewatch.assess.exports.pdf import printed

    if shutil.which("chromium") is None or shutil.which("pdftotext") is None:
        pytest.skip("no chromium or no pdftotext")
    made = tmp_path / "a.pdf"
    made.write_bytes(printed((example.out / "assessment.html").read_text()))
    done = subprocess.run(["pdftotext", made, "-"], capture_output=True, text=True, check=True)
    assert re.search(r"1 of \d\d", done.stdout)
    assert "Safety case: Control safety case" in done.stdout


def test_without_a_browser_pdf_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from roguewatch.assess.exports.pdf import browser
    from roguewatch.errors import InputError

    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("ROGUEWATCH_BROWSER", raising=False)
    with pytest.raises(InputError, match="apt install chromium"):
        browser()
    monkeypatch.setenv("ROGUEWATCH_BROWSER", "/no/such")
    with pytest.raises(InputError, match="is no program"):
        browser()
