"""`roguewatch watch`: the processes of what runs, by whoever wants to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roguewatch.cli.options import (
    existing_store,
    json_option,
    look_up_option,
    print_json,
    store_option,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from roguewatch.events import Event
    from roguewatch.findings import Finding


@click.command(
    help="Watch the processes of every open run: what outlives the command that started it, "
    "sheds its mark, leaves its control group, listens, or plants what runs later. A gate "
    "does so by itself, and `roguewatch run` where no gate runs. Each finding is recorded and "
    "printed. As root lineage is exact; without, what hides between two looks is not seen.",
)
@store_option
@click.option("--seconds", type=click.FloatRange(0), metavar="N",
              help="End after so long; exit status 1 where something was found.  [default: "
              "until interrupted]")  # fmt: skip
@look_up_option
@json_option
def command(store: Path, seconds: float | None, look_up_providers: bool, as_json: bool) -> None:
    """Look until the time is over."""
    from roguewatch.control.watch.models import ModelHosts, relayed
    from roguewatch.control.watch.watch import ProcessWatch
    from roguewatch.gateway.recorder import record
    from roguewatch.state.database import connect
    from roguewatch.state.register import Register
    from roguewatch.state.runs import Runs

    engine = connect(existing_store(store))
    keep = alerting(engine, _line if as_json else None)
    count = 0

    def tell(events: Sequence[Event], findings: Sequence[Finding]) -> None:
        nonlocal count
        record(store, events)
        keep(findings)
        count += len(findings)

    end = time.monotonic() + seconds if seconds is not None else float("inf")
    with ProcessWatch(Runs(engine), tell, Path.home(), models=ModelHosts() if look_up_providers else None,
                      relayed=relayed(Register(engine))) as watching:  # fmt: skip
        if not watching.exact:
            click.echo("roguewatch watch: the kernel does not tell this user of forks and "
                       "writers: what comes and goes between two looks is not seen", err=True)  # fmt: skip
        while True:
            watching.look()
            if time.monotonic() >= end:
                break
            time.sleep(min(watching.rest, max(0.0, end - time.monotonic())))
    if count and seconds is not None:
        raise click.exceptions.Exit(1)


def _line(finding: object) -> None:
    print_json(finding)
    sys.stdout.flush()  # whoever reads it does not wait for a full buffer


def alerting(
    engine: Engine, shown: Callable[[object], None] | None = None
) -> Callable[[Sequence[Finding]], None]:
    """What keeps findings and says those of level medium and above.

    Args:
        engine: the state.
        shown: prints each finding, instead of a line on standard error.
    """
    from roguewatch.findings import ALERTING
    from roguewatch.printable import printable
    from roguewatch.state.findings import Findings

    findings = Findings(engine)

    def keep(found: Sequence[Finding]) -> None:
        findings.record(found)
        for one in found:
            if shown is not None:
                shown(one)
            elif one.level in ALERTING:
                said = printable(f"{one.behaviour} {one.level}: {one.title}: {one.excerpt}", 400)
                click.echo(f"roguewatch: {said}", err=True)

    return keep
