"""`roguewatch register gap`: granted against used, and a narrower proposal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from roguewatch.cli.options import (
    existing_store,
    iso,
    json_option,
    nanoseconds,
    print_json,
    store_option,
)

if TYPE_CHECKING:
    from roguewatch.control.permissions.gap import Gap


@click.command(help="What NAME was granted against what it used, from the ledger's actions, and "
               "a narrower scope and policy that still let through what was used and granted.")  # fmt: skip
@click.argument("name")
@click.option("--since", metavar="DATE", help="Only actions from then on.")
@click.option(
    "--policy",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the proposed Cedar policy to this new file.",
)
@store_option
@json_option
def gap(name: str, since: str | None, file: Path | None, store: Path, as_json: bool) -> None:
    """Measure the least-privilege gap."""
    from roguewatch.control.permissions.gap import measured_gap
    from roguewatch.detect.engine import Engine
    from roguewatch.errors import InputError
    from roguewatch.ledger.ledger import Ledger
    from roguewatch.printable import printable, printable_path
    from roguewatch.state.database import connect
    from roguewatch.state.register import Register

    entries = Register(connect(existing_store(store))).all()
    entry = next((one for one in entries if one.name == name), None)
    if entry is None:
        raise InputError(f"no deployment {printable(name, 80)!r} in the register")
    begin = nanoseconds(since) if since is not None else None
    with Ledger.open(store, create=False, readonly=True) as ledger:
        found = measured_gap(ledger, entries, entry, Engine.load(), begin)
    if file is not None:
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(found.policy)
        except OSError as error:
            raise InputError(
                f"{printable_path(file)}: the policy cannot be written: {error.strerror}"
            ) from error
    if as_json:
        print_json(
            {
                **msgspec.structs.asdict(found),
                "never_used": found.never_used,
                "excess": found.excess,
            }
        )
    else:
        _print(found)
        if file is not None:
            click.echo(f"proposed policy: {printable_path(file)}")


def _print(found: Gap) -> None:
    from roguewatch.printable import printable

    click.echo(
        f"{printable(found.deployment, 200)}: {found.actions} actions in {found.sessions} sessions, "
        f"{found.tried} more refused"
    )
    if not found.sessions:
        click.echo("  no session of the ledger is its own: say by what they are recognised, with")
        click.echo("  roguewatch register add NAME --surface … --path … or --session …")
    if found.unbounded:
        click.echo(f"not bounded by the scope: {', '.join(found.unbounded)}")
    click.echo(f"granted and never used: {len(found.never_used)}")
    for grant in found.never_used:
        click.echo(f"  {grant.kind}  {printable(grant.grant, 200)}")
    unknown = [grant for grant in found.grants if grant.state == "not assessable"]
    if unknown:
        click.echo(f"granted in words that no action can be held against: {len(unknown)}")
        for grant in unknown:
            click.echo(f"  {printable(grant.grant, 200)}")
    click.echo(f"used and not granted: {len(found.excess)}, in {found.not_granted} actions")
    for used in found.excess[:100]:
        click.echo(
            f"  {used.kind}  {used.value}  {used.used - used.granted} times, "
            f"last {iso(used.last) or 'at an unknown time'}: {used.why}  (event {used.event[:12]})"
        )
    click.echo("proposed scope")
    for kind in found.scope.__struct_fields__:
        click.echo(f"  {kind}: {printable(', '.join(getattr(found.scope, kind)), 2000)}")
    click.echo(
        f"replayed under the proposal: {found.replayed.denied} of {found.replayed.actions} "
        f"used and granted actions denied, {found.replayed.denied_unused} of "
        f"{found.not_granted} that were not granted"
    )
