"""`roguewatch gate coverage`: what each source saw of what it should have seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from roguewatch.cli.options import (
    console,
    existing_store,
    iso,
    json_option,
    print_json,
    store_option,
)

if TYPE_CHECKING:
    from roguewatch.gateway.coverage import Coverage


@click.command(
    help="Show, for each deployment and source, which actions were seen and which were not. "
    "Exit status 1: a source that claims to cover missed actions, or observers disagree."
)
@store_option
@json_option
@click.option(
    "--missing", "show_missing", is_flag=True, help="Also list actions that a source missed."
)
@click.option("--record", is_flag=True, help="Keep the differences as findings (E5) in the store.")
@click.option(
    "--settle-seconds", type=click.FloatRange(0), default=0.0, show_default=True,
    help="Actions younger than this are pending, not missed.",
)  # fmt: skip
def command(
    store: Path, as_json: bool, show_missing: bool, record: bool, settle_seconds: float
) -> None:
    """Measure the store's ledger against its register."""
    from roguewatch.gateway.coverage import measured
    from roguewatch.ledger.ledger import Ledger
    from roguewatch.state.database import connect
    from roguewatch.state.findings import Findings
    from roguewatch.state.register import Register

    engine = connect(existing_store(store))
    try:
        deployments = {entry.name: entry for entry in Register(engine).all()}
        with Ledger.open(store, create=False, readonly=True) as ledger:
            found = measured(ledger, deployments, settle_seconds=settle_seconds)
        if record:
            Findings(engine).record(found.findings())
    finally:
        engine.dispose()
    if as_json:
        for row in found.coverage:
            print_json(row)
    else:
        _print(found, show_missing)
    short = any(row.claimed and row.state in ("partial", "not observed") for row in found.coverage)
    raise SystemExit(1 if short or found.differences else 0)


def _print(found: object, show_missing: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from roguewatch.gateway.coverage import Measured
    from roguewatch.printable import printable

    assert isinstance(found, Measured)
    colours = {
        "covered": "green", "partial": "red", "unconfirmed": "yellow", "not observed": "magenta"
    }  # fmt: skip
    out = console()
    groups: dict[tuple[str, str], list[Coverage]] = {}
    for row in found.coverage:
        groups.setdefault((row.deployment, row.surface), []).append(row)
    for (deployment, surface), rows in groups.items():
        # A block for each deployment: its name is as long as it likes, and the columns fit
        # a terminal of 80.
        name = printable(deployment, 60) or "(none in the register)"
        out.print(Text(f"{name}, {printable(surface, 30)}", style="bold"))
        table = Table(box=None, pad_edge=False)
        table.add_column("  source", overflow="fold")
        table.add_column("state", no_wrap=True)
        for head in ("seen", "missed", "differ"):
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("last seen, heartbeat, canaries", overflow="fold", min_width=20)
        for row in rows:
            table.add_row(
                Text("  " + row.source + ("" if row.claimed else "\n  (unclaimed)")),
                Text(row.state, style=colours[row.state]),
                f"{row.seen}/{row.expected}",
                str(row.missing),
                str(row.differing),
                Text(
                    f"{iso(row.last_seen) or 'never'}\n{row.heartbeat}; "
                    f"canaries {row.canaries_seen}/{row.canaries_sent}"
                ),
            )
        out.print(table)
    for one in found.differences:
        said = f"{one.what}: {one.tool} {one.call_id} {' / '.join(one.sources)}"
        out.print(Text("differ: " + printable(said, 300)), soft_wrap=True)
    for missing in found.missed if show_missing else ():
        said = f"{missing.source} missed {missing.tool} {missing.call_id} in {missing.session}"
        more = "; a hook failed for it" if missing.hook_failed else ""
        out.print(Text(printable(said + more, 300)), soft_wrap=True)
