"""The safety case: supported only by what was measured, and what else there is in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from roguewatch.assess.document import Assessment, Fact, StatedAnswer
from roguewatch.assess.document.safety import CaseNode, SafetyCase
from roguewatch.assess.drawings.case import case
from roguewatch.assess.facts.fact import Facts
from roguewatch.assess.measuring import registered_facts
from roguewatch.assess.safety_case import safety_case, template
from roguewatch.errors import InputError
from tests.assess.conftest import Example
from tests.cli.run import roguewatch

GOOD: dict[str, Any] = {
    "register.deployments": 3, "sessions": 40, "horizon.p50_minutes": (60.0, 30.0, 90.0),
    "coverage.unknown_share": (0.001, 0.0, 0.005), "scenarios.overreach": (0.01, 0.0, 0.03),
    "scenarios.deception": (0.01, 0.0, 0.03), "scenarios.watched_effect": 0.0,
    "horizon.saturated": False, "monitors.live_recall": (0.95, 0.9, 0.98),
    "gate.sessions_share": (1.0, 0.99, 1.0), "gate.failed_open": 0, "register.fails_open": 0,
    "coverage.claimed_share": (0.99, 0.98, 1.0), "coverage.differing": 0,
    "reconciliation.agreement": (0.999, 0.995, 1.0), "monitor.recall": (0.9, 0.85, 0.95),
    "incidents.judged_share": (1.0, 0.95, 1.0), "incidents.overreach": {"none": 1},
    "incidents.deception": {"none": 1}, "drills.rung2.noticed": (0.95, 0.9, 0.99),
    "drills.rung3.survived": (0.0, 0.0, 0.02), "drills.rung3.routes": 9, "stops.unproven": 0,
    "review.median_seconds": 600,
}  # fmt: skip
"""Everything that the control safety case asks for, as good as it asks."""


def one(id: str, value: Any, **more: Any) -> Fact:
    definition, interval = registered_facts()[id], None
    if isinstance(value, tuple):
        value, *ends = value
        interval = (ends[0], ends[1])
    base: dict[str, Any] = {
        "statement": definition.statement, "unit": definition.unit, "method": "a test",
        "as_of": "2026-11-01T00:00:00Z", "expires": "2026-12-01T00:00:00Z", "interval": interval,
    }  # fmt: skip
    return Fact(id=id, value=value, **{**base, **more})


def made(*changed: Fact, without: str = "") -> SafetyCase:
    facts = {id: one(id, value) for id, value in GOOD.items() if id != without}
    facts |= {fact.id: fact for fact in changed}
    return safety_case(Facts(facts), template())


def node_of(case: SafetyCase, fact: str) -> CaseNode:
    """The lowest node that rests on a fact."""
    return [node for node in case.nodes if fact in node.facts][-1]


def above(case: SafetyCase, node: CaseNode) -> list[CaseNode]:
    by_id = {each.id: each for each in case.nodes}
    found = []
    while node.under:
        node = by_id[node.under]
        found.append(node)
    return found


def test_where_everything_was_measured_and_good_the_top_goal_is_supported() -> None:
    found = made()
    assert found.state == "supported", [n.why for n in found.nodes if n.why]
    assert found.expires == "2026-12-01T00:00:00Z"
    assert {node.kind for node in found.nodes} == {
        "goal", "strategy", "solution", "context", "assumption", "justification"
    }  # fmt: skip


@pytest.mark.parametrize("id", GOOD)
@pytest.mark.parametrize("state", ["deleted", "unassessed", "lapsed", "redacted"])
def test_deleting_any_fact_leaves_its_node_and_everything_above_undeveloped(
    id: str, state: str
) -> None:
    gone = one(id, None, state=state) if state != "deleted" else None
    found = made(*([gone] if gone else []), without=id)
    node = node_of(found, id)
    assert node.state == "undeveloped"
    assert node.why
    assert {each.state for each in above(found, node)} == {"undeveloped"}
    assert found.state == "undeveloped"


BAD: list[tuple[str, Any]] = [
    ("coverage.unknown_share", 0.3), ("monitors.live_recall", (0.4, 0.3, 0.5)),
    ("gate.sessions_share", 0.2), ("gate.failed_open", 4), ("reconciliation.agreement", 0.5),
    ("monitor.recall", (0.1, 0.0, 0.2)), ("drills.rung3.survived", (0.5, 0.3, 0.7)),
    ("horizon.saturated", True), ("review.median_seconds", 90_000),
    ("scenarios.watched_effect", 0.4), ("register.fails_open", 1), ("coverage.differing", 2),
    ("stops.unproven", 1),
]  # fmt: skip


@pytest.mark.parametrize(("id", "value"), BAD)
def test_a_bad_value_defeats_its_node_and_everything_above(id: str, value: Any) -> None:
    found = made(one(id, value))
    assert node_of(found, id).state == "defeated"
    assert found.state == "defeated"


def test_an_interval_that_reaches_beyond_the_threshold_supports_nothing() -> None:
    found = made(one("drills.rung3.survived", (0.0, 0.0, 0.52)))
    node = node_of(found, "drills.rung3.survived")
    assert node.state == "undeveloped"
    assert "interval" in node.why
    open_end = one("review.median_seconds", 600, interval=(300.0, None))
    assert node_of(made(open_end), "review.median_seconds").state == "undeveloped"


def test_a_contradicted_fact_defeats_and_a_stated_one_is_only_stated() -> None:
    said = StatedAnswer(value=9, by="Ada", stated="2026-11-01T00:00:00Z", until="2027-01-01")
    wrong = one("register.deployments", 3, stated=said, contradicted=True)
    assert node_of(made(wrong), "register.deployments").state == "defeated"
    stated = one("coverage.unknown_share", 0.0, kind="stated", state="stated", stated=said)
    found = made(stated)
    assert node_of(found, "coverage.unknown_share").state == "stated"
    assert found.state == "stated"


def test_a_defeater_that_only_a_person_denies_stays_open() -> None:
    found = made(one("stops.unproven", 0, kind="stated", state="stated"))
    node = node_of(found, "stops.unproven")
    assert [doubt.state for doubt in node.defeaters] == ["open"]
    assert found.state == "undeveloped"


def test_every_number_in_a_node_is_the_value_of_a_fact_that_it_names(example: Example) -> None:
    document = msgspec.json.decode((example.out / "assessment.json").read_bytes(), type=Assessment)
    facts = {fact.id: fact for fact in document.facts}
    again = safety_case(Facts(facts), template())
    assert again == document.safety_case
    for each in template().top.all():
        node = next(node for node in document.safety_case.nodes if node.id == each.id)
        assert set(each.own()) <= set(node.facts)
        for id in node.facts:
            less = {**facts, id: msgspec.structs.replace(facts[id], value=None, interval=None,
                                                         state="unassessed")}  # fmt: skip
            found = safety_case(Facts(less), template())
            assert next(n for n in found.nodes if n.id == node.id).state in (
                "undeveloped", "defeated"
            )  # fmt: skip


WRONG = [
    ("top: {id: G1, kind: strategy, text: x}", "the top must be a goal"),
    ("top: {id: G1, kind: goal, text: x, by: [{id: G1, kind: goal, text: y}]}", "two of 'G1'"),
    ("top: {id: G1, kind: goal, text: '{no.such}'}", "no fact 'no.such'"),
    ("top: {id: G1, kind: goal, text: x, by: [{id: C, kind: context, text: y}]}", "cannot support"),
    ("top: {id: G1, kind: goal, text: x, beside: [{id: G, kind: goal, text: y}]}", "under by"),
    ("top: {id: G1, kind: goal, text: x, by: [{id: E, kind: solution, text: y}]}", "on nothing"),
    ("top: {id: 'a b', kind: goal, text: x}", "letters, digits"),
    ("top: {id: G1, kind: guess, text: x}", "kind"),
    ("top: {id: G1, kind: goal, text: x, needs: [{fact: sessions, atleast: 1}]}", "atleast"),
    ("top: {id: G1, kind: goal, text: x, defeaters: [{text: y, holds: {fact: sessions}}]}",
     "needs one of"),
    ("top: [", "expected"),
]  # fmt: skip


@pytest.mark.parametrize(("top", "told"), WRONG)
def test_a_template_that_cannot_be_used_says_where_and_why(
    tmp_path: Path, top: str, told: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: Mine\nsource: me\n{top}\n")
    with pytest.raises(InputError, match=r"mine\.yaml") as error:
        template(path)
    assert told in str(error.value)


def test_a_template_of_the_users_is_used_and_a_bad_one_stops_before_anything_is_read(
    example: Example, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "name: <b>Ours</b>\nsource: '\"><script>'\n"
        "top: {id: G1, kind: goal, text: 'Few & <i>sessions</i>, {sessions}', title: '<svg onload=x>',"
        " by: [{id: E1, kind: solution, text: '{sessions}', needs: [{fact: sessions, at_least: 1}]}]}\n"
    )
    done = example.again(tmp_path, "--safety-case", mine)
    assert done.returncode == 0, done.stderr
    document = msgspec.json.decode((tmp_path / "out/assessment.json").read_bytes(), type=Assessment)
    assert (document.safety_case.name, document.safety_case.state) == ("<b>Ours</b>", "supported")
    page = (tmp_path / "out/assessment.html").read_text()
    for hostile in ("<b>Ours", '"><script>', "<i>sessions", "<svg onload"):
        assert hostile not in page
    mine.write_text("name: x\n")
    bad = roguewatch("assess", tmp_path, "--store", tmp_path / "none", "--safety-case", mine,
                     check=False)  # fmt: skip
    assert bad.returncode == 2
    assert "mine.yaml" in bad.stderr
    assert not (tmp_path / "none").exists()


def test_the_markdown_has_every_node_of_the_tree_with_its_state(example: Example) -> None:
    document = msgspec.json.decode((example.out / "assessment.json").read_bytes(), type=Assessment)
    lines = (example.out / "assessment.md").read_text().splitlines()
    for node in document.safety_case.nodes:
        start = f"- {node.id}, {node.kind}, *{node.state}*:"
        assert sum(line.lstrip().startswith(start) for line in lines) == 1, node.id


def test_the_drawing_has_a_diamond_or_cross_for_each_node_that_is_not_good() -> None:
    found = made(one("drills.rung2.noticed", None), one("gate.failed_open", 2))
    drawing = str(case(found))
    states = [node.state for node in found.nodes]
    assert drawing.count('class="diamond"') == states.count("undeveloped") > 0
    assert drawing.count('class="cross"') == states.count("defeated") > 0
    for node in found.nodes:
        assert f'href="#case-{node.id}"' in drawing
