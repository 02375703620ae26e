"""`roguewatch run`: an agent in containment, alive while its lease is renewed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from roguewatch.cli.options import store_option

if TYPE_CHECKING:
    from roguewatch.control.contain.wall import Wall

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@click.command(
    help="Run COMMAND in containment: own namespaces, read-only system, one writable folder, "
    "no network but the relays and the hosts that are allowed. Its exit status is passed "
    "on; 137 where it was killed.",
    context_settings={"ignore_unknown_options": True},
)
@store_option
@click.option("--deployment", required=True, metavar="D", help="Whose run it is.")
@click.option("--allow-host", "hosts", multiple=True, metavar="H",
              help="NAME, NAME:PORT or *.NAME that may be reached.")  # fmt: skip
@click.option("--project", type=click.Path(exists=True, file_okay=False, path_type=Path),
              default=".", metavar="DIR", help="The folder that can be written.  [default: here]")  # fmt: skip
@click.option("--env", "variables", multiple=True, metavar="NAME[=V]",
              help="A variable to give inside; nothing is inherited.")  # fmt: skip
@click.option("--read", "readable", multiple=True, metavar="PATH",
              type=click.Path(exists=True, path_type=Path), help="More to show, read only.")  # fmt: skip
@click.option("--processes", type=click.IntRange(8), default=512, show_default=True)
@click.option("--memory", default="4G", show_default=True, metavar="SIZE")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED,
                metavar="COMMAND...")  # fmt: skip
def command(
    store: Path, deployment: str, hosts: tuple[str, ...], project: Path,
    variables: tuple[str, ...], readable: tuple[Path, ...], processes: int, memory: str,
    arguments: tuple[str, ...],
) -> None:  # fmt: skip
    """Supervise one run, and pass its exit status on."""
    from roguewatch.cli.watch import alerting
    from roguewatch.control.supervise import Plan, Supervision
    from roguewatch.gateway.places import AGENT_SOCKET
    from roguewatch.gateway.recorder import gate_consents, gate_runs, record
    from roguewatch.printable import printable
    from roguewatch.state.database import connect
    from roguewatch.state.register import Deployment, Register
    from roguewatch.state.runs import Runs

    plan = Plan(
        deployment=deployment, command=arguments, project=project.resolve(),
        environment=dict(_variable(one) for one in variables),
        readable=tuple(path.resolve() for path in readable), hosts=hosts,
        processes=processes, memory=_bytes(memory),
    )  # fmt: skip
    engine = connect(store)
    gate = gate_runs(store)
    register = Register(engine)
    if register.get(deployment) is None:
        register.put(Deployment(name=deployment), "roguewatch run")
        name = printable(deployment, 80)
        click.echo(
            f"roguewatch run: {name} was not in the register and has been entered without an "
            f"owner; say whose it is: roguewatch register add {name} --owner NAME",
            err=True,
        )
    supervision = Supervision(
        register,
        Runs(engine),
        lambda events: record(store, events),
        gate=store.absolute() / AGENT_SOCKET if gate else None,
        consents=[gate_consents(store)] if gate else [],
        said=_missing,
        found=alerting(engine),
    )
    if not gate:
        click.echo("roguewatch run: no gate runs: actions inside are not decided", err=True)
    outcome = supervision.run(plan)
    if outcome.killed:
        click.echo(f"roguewatch run: killed: {printable(outcome.killed, 300)}", err=True)
    if outcome.unrecorded:
        said = printable(outcome.unrecorded, 300)
        click.echo(f"roguewatch run: its end is not in the record: {said}", err=True)
    if outcome.survivors:
        left = ", ".join(map(str, outcome.survivors))
        click.echo(f"roguewatch run: still alive: pid {left}", err=True)
    raise click.exceptions.Exit(outcome.status)


def _missing(wall: Wall) -> None:
    click.echo(f"roguewatch run: this machine cannot enforce {wall.name}: {wall.how}", err=True)


def _variable(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not name or (not given and name not in os.environ):
        raise click.BadParameter(f"{name or text!r} is not set here", param_hint="--env")
    return name, value if given else os.environ[name]


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,12})([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise click.BadParameter("expected a size such as 512M or 4G", param_hint="--memory")
    return int(match[1]) * _UNITS[match[2].upper()]
