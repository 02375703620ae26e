"""`roguewatch register`: the deployments that may act, and what runs of them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from roguewatch.cli.options import (
    existing_store,
    json_option,
    nanoseconds,
    print_json,
    store_option,
)


@click.group(help="The deployments that may act, who owns them, and what runs of them.")
def command() -> None:
    """The group."""


@command.command(help="Enter a deployment, or change what is given of its entry.")
@click.argument("name")
@store_option
@click.option("--owner", metavar="PERSON")
@click.option("--purpose", metavar="TEXT")
@click.option("--model", metavar="NAME")
@click.option("--surface", metavar="NAME")
@click.option("--policy", metavar="NAME|FILE")
@click.option("--stakes", type=click.Choice(["low", "medium", "high"]))
@click.option("--fail-mode", type=click.Choice(["closed", "open"]))
@click.option("--lease-seconds", type=click.FloatRange(1, 86400))
@click.option("--expires", metavar="DATE")
@click.option("--contact", "contacts", multiple=True, metavar="PERSON")
@click.option("--permission", "permissions", multiple=True, metavar="TEXT")
@click.option("--path", "paths", multiple=True, metavar="PATH")
@click.option("--host", "hosts", multiple=True, metavar="HOST")
@click.option("--tool", "tools", multiple=True, metavar="TOOL")
def add(name: str, store: Path, expires: str | None, **given: Any) -> None:
    """Add or change an entry."""
    import msgspec

    from roguewatch.state.database import connect
    from roguewatch.state.register import Deployment, Register

    register = Register(connect(store))
    entry = register.get(name) or Deployment(name=name)
    scope = {key: given.pop(key) for key in ("paths", "hosts", "tools")}
    changed = {key: value for key, value in given.items() if value not in (None, ())}
    if expires is not None:
        changed["expires"] = nanoseconds(expires)
    narrowed = {key: value for key, value in scope.items() if value}
    entry = msgspec.structs.replace(
        entry, scope=msgspec.structs.replace(entry.scope, **narrowed), **changed
    )
    register.put(entry, getpass.getuser())
    click.echo(f"{name} is registered")


@command.command(name="list", help="Every entry.")
@store_option
@json_option
def list_(store: Path, as_json: bool) -> None:
    """Print the register."""
    from roguewatch.printable import printable

    for entry in _register(store).all():
        if as_json:
            print_json(entry)
        else:
            owner = printable(entry.owner, 60) or "no owner"
            click.echo(f"{entry.name}  {owner}  {printable(entry.surface, 40)}  {entry.fail_mode}")


@command.command(help="One entry, with its runs and open stops.")
@click.argument("name")
@store_option
def show(name: str, store: Path) -> None:
    """Print one entry as JSON."""
    import msgspec

    from roguewatch.errors import InputError
    from roguewatch.printable import printable
    from roguewatch.state.database import connect
    from roguewatch.state.register import ALL
    from roguewatch.state.runs import Runs

    register = _register(store)
    entry = register.get(name)
    if entry is None:
        raise InputError(f"no deployment {printable(name, 80)!r} in the register")
    runs = Runs(connect(store)).all(name, open_only=True)
    stops = [stop for stop in register.stops(open_only=True) if stop.deployment in (name, ALL)]
    print_json({**msgspec.to_builtins(entry), "runs": runs, "stops": stops})


@command.command(help="Take a deployment out, and revoke its keys.")
@click.argument("name")
@store_option
def remove(name: str, store: Path) -> None:
    """Remove an entry."""
    from roguewatch.errors import InputError
    from roguewatch.printable import printable

    if not _register(store).remove(name):
        raise InputError(f"no deployment {printable(name, 80)!r} in the register")
    click.echo(f"{name} is removed")


@command.command(help="Close the open stops of NAME (`*`: those of all): it may act again.")
@click.argument("name")
@store_option
def resume(name: str, store: Path) -> None:
    """Close stops."""
    register = _register(store)
    closed = [stop.id for stop in register.stops(open_only=True) if stop.deployment == name]
    for id in closed:
        register.close_stop(id, getpass.getuser())
    click.echo(f"{len(closed)} stops closed")


@command.command(help="Say that something started elsewhere is a run of NAME, to be stopped "
                 "with it.")  # fmt: skip
@click.argument("name")
@click.option("--adapter", default="process", show_default=True, metavar="ADAPTER")
@click.option(
    "--pid", type=click.IntRange(2), metavar="N", help="A process; with --adapter process."
)
@click.option("--target", metavar="JSON", help="What another adapter finds it by.")
@store_option
def attach(name: str, adapter: str, pid: int | None, target: str | None, store: Path) -> None:
    """Enter a run."""
    from roguewatch.control.stop.adapter import adapter_for
    from roguewatch.control.stop.adapters.process import target_of
    from roguewatch.errors import InputError
    from roguewatch.printable import printable
    from roguewatch.state.database import connect
    from roguewatch.state.runs import Runs

    if _register(store).get(name) is None:
        raise InputError(f"no deployment {printable(name, 80)!r} in the register")
    if (pid is None) == (target is None) or (pid is not None and adapter != "process"):
        raise click.UsageError("expected --pid N, or --adapter ADAPTER --target JSON")
    found = target_of(pid) if pid is not None else str(target)
    # Describing it first refuses what the adapter could not find again.
    said = adapter_for(adapter).describe(found)
    run = Runs(connect(store)).begin(name, adapter, found)
    click.echo(f"run {run.id}: {said}")


def _register(store: Path) -> Any:
    from roguewatch.state.database import connect
    from roguewatch.state.register import Register

    return Register(connect(existing_store(store)))
