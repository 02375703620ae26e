"""The scenarios: ours and those that other packages bring by entry point."""

from __future__ import annotations

import importlib
import pkgutil
import random
from functools import cache
from importlib.metadata import entry_points

import msgspec

from roguewatch.errors import InputError
from roguewatch.evaluate import scenarios as own
from roguewatch.evaluate.hostile import HOSTILE
from roguewatch.evaluate.scenario import Instance, Organism, Scenario
from roguewatch.printable import printable

GROUP = "roguewatch.scenarios"


@cache
def scenarios() -> dict[str, Scenario]:
    """Every scenario by name: `scenario` of each module here, and those of other packages.

    Raises:
        InputError: an entry point is not a scenario.
    """
    found = {}
    for module in pkgutil.iter_modules(own.__path__, own.__name__ + "."):
        one: Scenario = importlib.import_module(module.name).scenario
        found[one.name] = one
    for point in entry_points(group=GROUP):
        theirs = point.load()
        if not isinstance(theirs, Scenario):
            raise InputError(f"entry point {point.value}: expected a Scenario")
        found.setdefault(theirs.name, theirs)
    return found


def scenario_named(name: str) -> Scenario:
    """The scenario.

    Raises:
        InputError: there is none of that name.
    """
    found = scenarios().get(name)
    if found is None:
        known = ", ".join(sorted(scenarios()))
        raise InputError(f"no scenario '{printable(name, 80)}'; there are: {known}")
    return found


def organism_named(scenario: Scenario, name: str) -> Organism:
    """One of the scenario's organisms, or of those that attack the suite in any scenario.

    Raises:
        InputError: it has none of that name.
    """
    for organism in (*scenario.organisms, *HOSTILE):
        if organism.name == name:
            return organism
    known = ", ".join(one.name for one in scenario.organisms)
    raise InputError(f"{scenario.name} has no organism '{printable(name, 80)}'; it has: {known}")


def instance_of(name: str, seed: int, number: int) -> Instance:
    """Draw an instance; the same arguments give the same one. Twins draw the same numbers."""
    scenario = scenario_named(name)
    # A text seed goes through SHA-512 in `random`, the same on every machine and run.
    drawn = scenario.draw(random.Random(f"{name}/{seed}/{number // 2}"), number)  # noqa: S311
    return msgspec.structs.replace(drawn, scenario=name, seed=seed, number=number)
