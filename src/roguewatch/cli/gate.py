"""`roguewatch gate`: serve, tokens, status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roguewatch.cli.coverage import command as coverage
from roguewatch.cli.gate_install import install, uninstall
from roguewatch.cli.gate_mcp import command as mcp_command
from roguewatch.cli.gate_relays import relay_options, relay_settings
from roguewatch.cli.gate_status import reload_rules, status
from roguewatch.cli.options import Group, look_up_option, store_option
from roguewatch.errors import InputError
from roguewatch.printable import printable_path


@click.group(cls=Group, help="Decide and record every action of live agents.")
def command() -> None:
    """The group."""


command.add_command(mcp_command, "mcp")
command.add_command(coverage, "coverage")
for part in (install, uninstall, status, reload_rules):
    command.add_command(part)


@command.command(help="Serve on loopback and on a Unix socket until told to end.")
@store_option
@click.option(
    "--listen", default="127.0.0.1:7433", show_default=True, metavar="HOST:PORT",
    help="Loopback address to listen on; port 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--rules", multiple=True, type=click.Path(exists=True, path_type=Path),
    help="A folder of Sigma rules besides the shipped pack; may be given more than once.",
)  # fmt: skip
@click.option(
    "--decision-seconds", type=click.FloatRange(0.05, 60), default=2.5, show_default=True,
    help="Deadline of a decision; after it the deployment's fail mode is the answer.",
)  # fmt: skip
@click.option(
    "--otlp-grpc", default="", metavar="HOST:PORT",
    help="Take telemetry over gRPC here too (4317 is its usual port); port 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--canary-minutes", type=click.FloatRange(0), default=15.0, show_default=True,
    help="Mean time between canaries of a deployment whose sources are registered; 0: none.",
)  # fmt: skip
@click.option(
    "--settle-seconds", type=click.FloatRange(0.1), default=60.0, show_default=True,
    help="How long an action's other sightings may take before they are missing.",
)  # fmt: skip
@look_up_option
@relay_options
def serve(
    store: Path,
    listen: str,
    rules: tuple[Path, ...],
    decision_seconds: float,
    otlp_grpc: str,
    canary_minutes: float,
    settle_seconds: float,
    look_up_providers: bool,
    **relays: Any,
) -> None:
    """Run the daemon; prints one line of JSON when it is ready."""
    from roguewatch.gateway.coverage_watch import WatchSettings
    from roguewatch.gateway.daemon import serve as run
    from roguewatch.gateway.house import House
    from roguewatch.gateway.places import keep_to_oneself

    try:
        keep_to_oneself(store)
    except OSError as error:
        raise InputError(f"{printable_path(store)}: cannot be the store: {error}") from error
    settings = relay_settings(**relays)
    watched = WatchSettings(
        canary_seconds=canary_minutes * 60, settle_seconds=settle_seconds,
        look_up_providers=look_up_providers,
    )  # fmt: skip
    run(House(store, list(rules), seconds=decision_seconds), listen, settings, otlp_grpc, watched)


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
