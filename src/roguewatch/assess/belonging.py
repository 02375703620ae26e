"""Which evidence belongs to one class of deployments, and not only to the whole entity.

Evidence names a class, or a deployment of which the register says the class. What names
neither is the entity's alone: it speaks for a class only where the class has none of its
own (`scope="either"` in `facts/fact.py`), and the cells then say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from roguewatch.assess.facts.inputs import DrillResult, Result, Scenarios
from roguewatch.state.register import Deployment, Stop


class Belonging:
    """One class of deployments.

    Args:
        name: of the class.
        deployments: the whole register.
    """

    def __init__(self, name: str, deployments: Iterable[Deployment]) -> None:
        self.name = name
        every = list(deployments)
        self.deployments = [one for one in every if one.deployment_class == name]
        classes = {one.deployment_class for one in every}
        # A deployment may be called as another class is: what names a class means the class.
        self._names = {name} | {one.name for one in self.deployments if one.name not in classes}
        self._models = {one.model for one in self.deployments if one.model}

    def drills(self, given: Sequence[DrillResult] | None) -> list[DrillResult] | None:
        """Drills that were made for it; None where there is none."""
        return [one for one in given or () if one.deployment in self._names] or None

    def stops(self, given: Sequence[Stop] | None) -> list[Stop] | None:
        """Stops of its deployments; None where none was ordered."""
        own = {one.name for one in self.deployments}
        return [one for one in given or () if one.deployment in own] or None

    def scenarios(self, given: Scenarios | None) -> Scenarios | None:
        """Samples that are evidence for it; None where there is none."""
        own = [one for one in given.samples if one.deployment in self._names] if given else []
        return msgspec.structs.replace(given, samples=own) if given and own else None

    def horizon(self, given: Result | None) -> Result | None:
        """The horizons of the models that the register says it runs; None where none is known."""
        agents = given.document.get("agents") if given else None
        if given is None or not isinstance(agents, list):
            return None
        own = [
            one for one in agents if isinstance(one, dict) and one.get("agent") in self._models
        ]  # fmt: skip
        whole = {**given.document, "agents": own}
        return msgspec.structs.replace(given, document=whole) if own else None
