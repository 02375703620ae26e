"""`roguewatch register discover`: what acts here without an entry."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from roguewatch.cli.options import iso, json_option, print_json, store_option

if TYPE_CHECKING:
    from roguewatch.control.discovery.discovery import Discovered


@click.command(help="Propose entries from the ledger, agents' settings, MCP configurations and "
               "running processes; show what runs unregistered.")  # fmt: skip
@click.option("--add", "adding", is_flag=True, help="Enter the proposals, marked unreviewed.")
@store_option
@json_option
def discover(adding: bool, store: Path, as_json: bool) -> None:
    """Look over ledger and machine, and print what the register lacks."""
    from roguewatch.control.discovery.discovery import Survey
    from roguewatch.ledger.ledger import Ledger
    from roguewatch.state.database import connect
    from roguewatch.state.register import Register
    from roguewatch.state.runs import Runs

    engine = connect(store)
    register = Register(engine)
    survey = Survey(register.all(), Runs(engine).all(open_only=True), Path.home(), os.environ)
    if (store / "ledger").is_dir():
        with Ledger.open(store, create=False, readonly=True) as ledger:
            for event in ledger.events():
                survey.see(event)
    found = survey.discovered()
    if adding:
        for proposal in found.proposals:
            register.put(proposal.entry, f"discover, by {getpass.getuser()}")
    if as_json:
        _print_json(found, adding)
    else:
        _print(found, adding)


def _print_json(found: Discovered, added: bool) -> None:
    for process in found.running:
        registered = bool(process.deployment)
        print_json({"kind": "process", "registered": registered, **msgspec.structs.asdict(process)})
    for session in found.unowned:
        print_json({"kind": "session", "registered": False, **msgspec.structs.asdict(session)})
    for setting in found.settings:
        print_json({"kind": "settings", **msgspec.structs.asdict(setting)})
    for proposal in found.proposals:
        print_json({"kind": "proposal", "added": added, **msgspec.structs.asdict(proposal)})


def _print(found: Discovered, added: bool) -> None:
    from roguewatch.printable import printable

    known = len(found.running) - len(found.unregistered)
    click.echo(f"{len(found.unregistered)} agents run unregistered, {known} registered")
    for process in found.unregistered:
        below = f", {process.children} processes below it" if process.children else ""
        click.echo(f"  pid {process.pid}  {process.surface}, by its {process.sign}{below}")
        click.echo(f"      {process.command}  in {process.folder or 'an unknown folder'}")
        for file in process.sessions:
            click.echo(f"      writes {file}")
    click.echo(f"{len(found.unowned)} sessions of the ledger belong to no entry")
    for session in found.unowned[:50]:
        why = f"; fits {', '.join(session.several)} alike" if session.several else ""
        click.echo(
            f"  {printable(session.session, 80)}  {printable(session.surface, 30)}  "
            f"{printable(session.folder, 120) or '-'}  {iso(session.last) or '-'}{printable(why, 200)}"
        )
    if len(found.unowned) > 50:
        click.echo(f"  and {len(found.unowned) - 50} more; --json lists all")
    for setting in found.settings:
        if setting.error:
            click.echo(f"  {setting.path}: cannot be read: {setting.error}")
    click.echo(f"{len(found.proposals)} entries {'added, unreviewed' if added else 'proposed'}")
    for proposal in found.proposals:
        click.echo(f"  {printable(proposal.entry.name, 200)}")
        for line in proposal.evidence[:8]:
            click.echo(f"      {line}")
    if found.proposals and not added:
        click.echo("enter them with: roguewatch register discover --add")
