"""`roguewatch gate`: serve, tokens, status."""

from __future__ import annotations

from pathlib import Path

import click

from roguewatch.cli.gate_mcp import command as mcp_command
from roguewatch.cli.options import store_option


@click.group(help="Decide and record every action of live agents.")
def command() -> None:
    """The group."""


command.add_command(mcp_command, "mcp")


@command.command(help="Serve on loopback and on a Unix socket until told to end.")
@store_option
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT",
    help="Loopback address to listen on; port 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--rules", multiple=True, type=click.Path(exists=True, path_type=Path),
    help="A folder of Sigma rules besides the shipped pack; may be given more than once.",
)  # fmt: skip
def serve(store: Path, listen: str, rules: tuple[Path, ...]) -> None:
    """Run the daemon; prints one line of JSON when it is ready."""
    from roguewatch.gateway.daemon import serve as run

    run(store, listen, list(rules))


@command.command(help="Print a new bearer token for DEPLOYMENT; it is shown this once.")
@click.argument("deployment")
@store_option
@click.option(
    "--purpose", type=click.Choice(["hook", "relay", "otlp", "all"]), default="all",
    show_default=True, help="What it opens: the hooks, the relays, the receiver, or all of them.",
)  # fmt: skip
@click.option("--minutes", type=float, help="How long it is valid; without it, until revoked.")
def token(deployment: str, store: Path, purpose: str, minutes: float | None) -> None:
    """Issue a token. A deployment that the register does not have is entered, closed by
    default, so that the first token needs no other command."""
    from roguewatch.state.database import connect
    from roguewatch.state.register import Deployment, Register

    register = Register(connect(store))
    if register.get(deployment) is None:
        register.put(Deployment(name=deployment), "gate token")
    seconds = minutes * 60 if minutes is not None else None
    click.echo(register.issue_token(deployment, purpose, seconds))  # type: ignore[arg-type]
