"""The verdict's rules on written cases (`verdict_cases.yaml`), METR's published one among them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from roguewatch.assess.document import Cell, Fact, StatedAnswer
from roguewatch.assess.facts.fact import Facts
from roguewatch.assess.measuring import registered_facts
from roguewatch.assess.verdict import verdict

FILE = yaml.safe_load((Path(__file__).parent / "verdict_cases.yaml").read_text())
CASES: list[dict[str, Any]] = FILE["cases"]
METR = "METR, February to March 2026, as published"


def fact(id: str, given: Any) -> Fact:
    """A fact as a case writes it: a value, or [value, low, high]."""
    assert id in registered_facts(), id
    value, interval = given, None
    if isinstance(given, list):
        value, low, high = given
        interval = None if low is None else (low, None if high == "inf" else high)
    judged = id.startswith("judgement.")
    said = StatedAnswer(value=value, by="Ada", stated="2026-01-01", until="2030-01-01")
    return Fact(
        id=id, statement="", value=value, interval=interval, unit="", as_of="", expires="",
        method="", kind="stated" if judged else "primary", stated=said if judged else None,
    )  # fmt: skip


def facts_of(case: dict[str, Any]) -> Facts:
    given = dict(FILE["good"]) if case.get("base") else {}
    for id in case.get("without", ()):
        del given[id]
    given |= case.get("facts", {})
    return Facts({id: fact(id, value) for id, value in given.items()})


def cells_of(facts: Facts) -> dict[str, Cell]:
    return {f"{cell.axis}.{cell.rung}": cell for cell in verdict(facts)}


def test_there_are_at_least_sixty_cases_each_with_its_own_name() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_case_gives_the_table_that_is_written(case: dict[str, Any]) -> None:
    cells = cells_of(facts_of(case))
    for name, expected in case["expect"].items():
        cell = cells[name]
        told = f"{cell.state} {cell.basis}"
        assert told == expected or cell.state == expected, (name, told, cell.argument)


def test_metrs_published_situation_gives_metrs_table() -> None:
    (case,) = (case for case in CASES if case["name"] == METR)
    states = [cell.state for cell in verdict(facts_of(case))]
    assert states == ["well within", "edge", "well beyond"] * 2


def test_no_deletion_of_a_fact_makes_any_cell_better_unless_a_named_person_vouches() -> None:
    order = {"well within": 0, "edge": 1, "well beyond": 2}
    for case in CASES:
        whole = facts_of(case)
        before = cells_of(whole)
        for gone in whole.all():
            left = Facts({one.id: one for one in whole.all() if one.id != gone.id})
            for name, cell in cells_of(left).items():
                if cell.state == "unassessed" or before[name].state == "unassessed":
                    assert cell.state in ("unassessed", before[name].state), (case["name"], gone.id)
                elif f"judgement.{name}" not in {one.id for one in whole.all()}:
                    same = order[cell.state] <= order[before[name].state]
                    assert same, (case["name"], gone.id, name)


def test_a_cell_that_is_assessed_names_its_argument_weakest_link_and_facts() -> None:
    for case in CASES:
        facts = facts_of(case)
        for cell in verdict(facts):
            if cell.state == "unassessed":
                assert cell.basis == "none"
                assert cell.unknowns
            else:
                assert cell.argument
                assert cell.weakest
                assert cell.facts
                assert all(facts[id] is not None for id in cell.facts)


def test_a_statement_never_counts_as_a_measurement() -> None:
    given = dict(FILE["good"])
    for id in ("drills.rung3.survived", "monitor.recall"):
        facts = {one: fact(one, value) for one, value in given.items()}
        said = fact("judgement.overreach.active", "edge")
        value, low, high = given[id]
        facts[id] = Fact(
            id=id, statement="", value=value, interval=(low, high), unit="", as_of="",
            expires="", method="", kind="stated", stated=said.stated,
        )  # fmt: skip
        cells = cells_of(Facts(facts))
        assert cells["overreach.active" if "rung3" in id else "deception.routine"].state == (
            "unassessed"
        )


def test_an_open_interval_is_read_as_unbounded() -> None:
    facts = Facts({"horizon.p50_minutes": fact("horizon.p50_minutes", [680, 300, "inf"])})
    assert facts.interval("horizon.p50_minutes") == (300, math.inf)
