"""`roguewatch gate coverage`: what each source saw of what it should have seen."""

from __future__ import annotations

from pathlib import Path

import click

from roguewatch.cli.options import existing_store, iso, json_option, print_json, store_option


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
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from roguewatch.gateway.coverage import Measured
    from roguewatch.printable import printable

    assert isinstance(found, Measured)
    colours = {
        "covered": "green", "partial": "red", "unconfirmed": "yellow", "not observed": "magenta"
    }  # fmt: skip
    console = Console()
    table = Table("deployment", "surface", "source", "state", "seen", "missed", "differ",
                  "canaries", "last seen", "heartbeat")  # fmt: skip
    for row in found.coverage:
        table.add_row(
            escape(printable(row.deployment, 60)) or "(none in the register)",
            escape(printable(row.surface, 30)),
            row.source + ("" if row.claimed else " (unclaimed)"),
            f"[{colours[row.state]}]{row.state}[/]",
            f"{row.seen}/{row.expected}",
            str(row.missing),
            str(row.differing),
            f"{row.canaries_seen}/{row.canaries_sent}",
            iso(row.last_seen) or "never",
            row.heartbeat,
        )
    console.print(table)
    for one in found.differences:
        said = f"{one.what}: {one.tool} {one.call_id} {' / '.join(one.sources)}"
        console.print("differ: " + escape(printable(said, 300)))
    for missing in found.missed if show_missing else ():
        said = f"{missing.source} missed {missing.tool} {missing.call_id} in {missing.session}"
        more = "; a hook failed for it" if missing.hook_failed else ""
        console.print(escape(printable(said + more, 300)))
