"""`roguewatch stop`: deny, revoke, freeze, kill, sweep, and say what the probes found."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roguewatch.cli.options import existing_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from roguewatch.control.stop.stop import Stopped


@click.command(
    help="Stop a deployment, or --all. Exit 1 where anything survived, or nothing could be looked at."
)
@click.argument("deployment", required=False)
@click.option("--all", "every", is_flag=True, help="Stop every deployment.")
@click.option("--reason", default="stopped by hand", show_default=True, metavar="TEXT")
@store_option
@json_option
def command(deployment: str | None, every: bool, reason: str, store: Path, as_json: bool) -> None:
    """Stop, and report; the stop stays open until it is closed."""
    from roguewatch.control.stop.stop import Stopper
    from roguewatch.errors import ControlError, InputError
    from roguewatch.gateway.asking import ask
    from roguewatch.gateway.recorder import decisions, gate_runs, relay_probe
    from roguewatch.gateway.recording import REVOKE
    from roguewatch.state.database import connect
    from roguewatch.state.register import ALL, Register
    from roguewatch.state.runs import Runs

    if every == (deployment is not None):
        raise click.UsageError("expected either a deployment or --all")
    name = ALL if every else str(deployment)
    engine = connect(existing_store(store))
    register, runs = Register(engine), Runs(engine)
    if not every and register.get(name) is None and not runs.all(name):
        # A misspelt name must not read as a successful stop.
        raise InputError(f"no deployment {name!r} is registered, and nothing of it runs")
    gate = gate_runs(store)
    stopper = Stopper(
        store, register, runs,
        relay_refuses_key=relay_probe(store, register, name) if gate else None,
        events_of=decisions(store) if gate else None,
    )  # fmt: skip
    report = stopper.stop(name, reason, getpass.getuser())
    if gate:
        try:
            ask(store, "POST", REVOKE, {"deployment": name})
        except ControlError as error:
            click.echo(f"roguewatch stop: its lease was not revoked: {error}", err=True)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if not report.stopped or report.survivors:
        raise click.exceptions.Exit(1)


def _print(report: Stopped) -> None:
    said = "stopped" if report.stopped else "NOT STOPPED" if report.survivors else "UNPROVEN"
    click.echo(
        f"{report.deployment}: {said} in {report.seconds:.2f} s; {report.found} found in "
        f"{report.runs} runs, {report.tokens_revoked} keys revoked"
    )
    for survivor in report.survivors:
        click.echo(f"  SURVIVES  {survivor}")
    for probe in report.probes:
        said = "found nothing" if not probe.survivors else f"found {len(probe.survivors)}"
        said = said if probe.observed else "could not look"
        click.echo(f"  probe     {probe.name}: {said}{f' ({probe.note})' if probe.note else ''}")
    for trace in report.traces:
        click.echo(f"  left      {trace.kind}: {trace.path} ({trace.change})")
    for note in report.notes:
        click.echo(f"  note      {note}")
    if report.evidence:
        click.echo(f"  evidence  {report.evidence}")
    import shlex

    click.echo(f"  stop {report.stop} stays open; close it with: "
               f"roguewatch register resume {shlex.quote(report.deployment)}")  # fmt: skip
