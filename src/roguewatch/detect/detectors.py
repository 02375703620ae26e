"""The detectors written in Python: the one place where they are named.

Other packages add theirs by the entry point group `roguewatch.detectors`: a callable
without arguments that gives a `Detector`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from importlib.metadata import entry_points

from roguewatch.detect.detector import Detector
from roguewatch.detect.provenances import Provenances
from roguewatch.errors import RuleError

# (module under roguewatch.detect, class, whether it takes the shared provenances)
BUILT_IN: tuple[tuple[str, str, bool], ...] = (
    ("injection", "InjectionDetector", True),
    ("claims.detector", "ClaimsDetector", False),
    ("claims.pretence", "FalseDryRunDetector", False),
    ("claims.weakening", "WeakeningDetector", False),
    ("scope", "ScopeDetector", False),
    ("denials", "DenialsDetector", False),
    ("tellings", "TellingsDetector", False),
    ("crosssession", "CrossSessionDetector", True),
)


def built_in(provenances: Provenances) -> list[Detector]:
    """A fresh instance of each of our own."""
    made: list[Detector] = []
    for module, name, shares in BUILT_IN:
        detector = getattr(import_module(f"roguewatch.detect.{module}"), name)
        made.append(detector(provenances) if shares else detector())
    return made


def detectors(provenances: Provenances) -> list[Detector]:
    """A fresh instance of every detector.

    Args:
        provenances: where the causes of all sessions are followed, once for all.

    Raises:
        RuleError: an installed entry point gives something that is no detector.
    """
    made = built_in(provenances)
    for point in entry_points(group="roguewatch.detectors"):
        added = point.load()()
        missing = [n for n in ("name", "version", "observe", "finish") if not hasattr(added, n)]
        if missing:
            raise RuleError(f"entry point roguewatch.detectors:{point.name} has no {missing[0]}")
        made.append(added)
    return made


def reasons_checked(disabled: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """What is switched off, with why.

    Raises:
        RuleError: an id is unknown (a typing error would leave the rule on), or the
            reason is empty.
    """
    for identity, reason in disabled.items():
        if identity not in known:
            raise RuleError(f"--disable {identity}: there is no such rule or detector")
        if not reason.strip():
            raise RuleError(f"--disable {identity}: say why, as {identity}=REASON")
    return dict(disabled)
