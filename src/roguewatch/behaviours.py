"""The behaviour taxonomy, A1 to F3. Its table is data: `behaviours.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
import yaml

EvidenceClass = Literal["D", "M", "X"]
"""D: deterministic rules over tool calls. M: needs a model. X: needs evidence from
outside the transcript."""


class Behaviour(msgspec.Struct, frozen=True):
    """One behaviour that an assessment looks for."""

    code: str
    name: str
    family: str
    evidence: tuple[EvidenceClass, ...]
    signs: str
    axis: Literal["overreach", "deception", "awareness"]
    """The axis on which it mostly counts; awareness is a signal, not an incident."""


class Taxonomy(msgspec.Struct, frozen=True):
    families: dict[str, str]
    behaviours: tuple[Behaviour, ...]


@cache
def taxonomy() -> Taxonomy:
    """The families and behaviours, in their order."""
    text = files("roguewatch").joinpath("behaviours.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.load(text, yaml.CSafeLoader), Taxonomy)


@cache
def behaviours() -> dict[str, Behaviour]:
    """Behaviours by code."""
    return {behaviour.code: behaviour for behaviour in taxonomy().behaviours}
