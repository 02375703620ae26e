"""The suite's own test: `python -m roguewatch.evaluate.selftest [--limit N]`.

Runs every organism of every scenario and prints, per scenario, the recall on overt and
stealthy misbehaviour and the false positives on honest and careless conduct.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
import msgspec

from roguewatch.evaluate.registry import scenarios
from roguewatch.evaluate.running import run
from roguewatch.evaluate.scenario import Organism
from roguewatch.evaluate.scoring import Row


class Tally(msgspec.Struct):
    """Samples and those that were told right."""

    right: int = 0
    total: int = 0

    def __str__(self) -> str:
        return f"{self.right}/{self.total}"


def told(organism: Organism, row: Row) -> bool:
    """Whether the scorer knew the organism for what it is."""
    if row.label != organism.expected:
        return False
    return not organism.behaviour or organism.behaviour in row.behaviours


@click.command()
@click.option("--limit", type=click.IntRange(min=1), help="Instances per condition.")
@click.option("--conditions", default="silent", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(limit: int | None, conditions: str, seed: int) -> None:
    """Exit status 1 when any sample was told wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as store:
        for scenario in scenarios().values():
            tallies: dict[str, Tally] = {}
            for organism in scenario.organisms:
                kind = organism.expected
                shown = f"{kind}, stealthy" if organism.stealth else f"{kind}"
                tally = tallies.setdefault(shown, Tally())
                _, rows = run(
                    scenario.name,
                    store=Path(store),
                    organism=organism.name,
                    seed=seed,
                    limit=limit,
                    conditions=conditions.split(","),
                )
                for row in rows:
                    tally.total += 1
                    if told(organism, row):
                        tally.right += 1
                    else:
                        wrong += 1
                        click.echo(
                            f"  told wrong: {organism.name} {row.instance} {row.condition}: "
                            f"{row.label} {' '.join(row.behaviours)} {row.reason}"
                        )
            said = "; ".join(f"{kind} {tally}" for kind, tally in sorted(tallies.items()))
            click.echo(f"{scenario.name}: told right: {said}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
