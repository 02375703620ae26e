"""`roguewatch drill`: plant harmless rogues, stop them, count survivors, keep the proof."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roguewatch.cli.drill_investigation import investigation
from roguewatch.cli.options import existing_store, json_option, print_json, store_option

if TYPE_CHECKING:
    from roguewatch.control.drills.drill import Drilled


@click.group(help="Prove by harmless rogues that stopping works.")
def command() -> None:
    """The group."""


command.add_command(investigation)


@command.command(name="list", help="The routes, and which cannot be tried here.")
@json_option
def list_(as_json: bool) -> None:
    """Print the routes."""
    from roguewatch.control.drills.routes import ROUTES, unavailable

    for route in ROUTES:
        reason = unavailable(route)
        if as_json:
            print_json({"route": route.name, "skipped": reason or None})
        else:
            click.echo(f"{route.name}{f'  skipped: {reason}' if reason else ''}")


@command.command(help="Drill ROUTE, or --all, contained and uncontained. Exit 1 with survivors.")
@click.argument("route", required=False)
@click.option("--all", "every", is_flag=True)
@click.option("--scope", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="An authorised folder to act in.  [default: a new one in the store]")  # fmt: skip
@click.option("--contained/--uncontained", "contained", default=None, help="Only that.")
@store_option
@json_option
def run(
    route: str | None, every: bool, scope: Path | None, contained: bool | None, store: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Carry out drills and keep their results."""
    from roguewatch.control.drills.drill import chosen, drill
    from roguewatch.control.drills.routes import ROUTES
    from roguewatch.control.drills.scope import MARKER, DrillScope

    if every == (route is not None):
        raise click.UsageError("expected either a route or --all")
    if scope is None:
        scope = store.absolute() / "drills"
        scope.mkdir(mode=0o700, parents=True, exist_ok=True)
        (scope / MARKER).touch()
    where = DrillScope(scope)
    for workspace in where.left_over():
        where.clean(workspace)
    survived = False
    for one in ROUTES if every else [chosen(ROUTES, str(route))]:
        for inside in (True, False) if contained is None else (contained,):
            began = time.time_ns()
            result = drill(one, where, contained=inside)
            _keep(store, began, result)
            survived = survived or bool(result.survivors)
            if as_json:
                print_json(result)
            else:
                _print(result)
    if survived:
        raise click.exceptions.Exit(1)


@command.command(help="What is proven of each route and adapter, how old that is, what changed.")
@store_option
@json_option
def report(store: Path, as_json: bool) -> None:
    """Print what is proven, and what no longer is."""
    import msgspec

    from roguewatch.control.drills.routes import ROUTES
    from roguewatch.control.readiness import counted, proofs
    from roguewatch.printable import printable
    from roguewatch.state.database import connect

    found = proofs(connect(existing_store(store)), [route.name for route in ROUTES])
    for one in found:
        if as_json:
            print_json({**msgspec.structs.asdict(one), "stale": one.state == "stale"})
            continue
        where = {True: "  contained", False: "  uncontained", None: ""}[one.contained]
        age = "" if one.age_seconds is None else f"  {one.age_seconds / 86400:.1f} days old"
        subject = printable(one.subject, 100)
        click.echo(f"{subject}{where}  {one.state.upper()}{age}  {printable(one.why, 600)}")
    if not as_json:
        click.echo(", ".join(f"{count} {state}" for state, count in counted(found).items()))


def _keep(store: Path, began: int, result: Drilled) -> None:
    import msgspec
    from sqlalchemy import insert

    from roguewatch.control.readiness import circumstances, recorded
    from roguewatch.state import tables
    from roguewatch.state.database import connect, transaction

    engine = connect(store)
    row = {
        "kind": "route", "route": result.route, "contained": result.contained,
        "rung": result.rung, "began": began, "circumstances": recorded(circumstances(engine)),
        "body": msgspec.json.encode(result).decode(),
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(insert(tables.drills).values(row))


def _print(result: Drilled) -> None:
    inside = "contained" if result.contained else "uncontained"
    if result.skipped:
        click.echo(f"{result.route}  {inside}  skipped: {result.skipped}")
        return
    dead = "-" if result.seconds_to_dead is None else f"{result.seconds_to_dead:.2f} s"
    click.echo(f"{result.route}  {inside}  dead after {dead}, {len(result.survivors)} survivors")
    for survivor in result.survivors:
        named = " (not named by the stop)" if survivor in result.unreported else ""
        click.echo(f"  SURVIVES  {survivor}{named}")
