"""`roguewatch gate install` and `uninstall`."""

from __future__ import annotations

from pathlib import Path

import click

from roguewatch.cli.options import store_option

_AGENTS = ("claude-code", "codex", "gemini-cli", "cursor", "copilot-cli")


@click.command(help="Put the gate's hooks into the settings of AGENT; shows the change first.")
@click.argument("agent", type=click.Choice(_AGENTS))
@store_option
@click.option("--deployment", help="Whose actions these will be.  [default: AGENT]")
@click.option("--managed", is_flag=True, help="Into the administrator's settings, for all users.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--listen", default="", metavar="HOST:PORT",
    help="Where `gate serve` listens.  [default: where the gate of this store does]",
)  # fmt: skip
@click.option(
    "--root", type=click.Path(file_okay=False, path_type=Path), default=Path("/"), hidden=True
)
def install(
    agent: str,
    store: Path,
    deployment: str | None,
    managed: bool,
    dry_run: bool,
    yes: bool,
    listen: str,
    root: Path,
) -> None:
    """Show the change, ask, back up, write."""
    import os

    from roguewatch.gateway.installing import environment_now, plan, where
    from roguewatch.gateway.settings import INSTALLERS
    from roguewatch.state.database import connect
    from roguewatch.state.register import Deployment, Register, new_token

    store.mkdir(mode=0o711, parents=True, exist_ok=True)
    register = Register(connect(store))
    name = deployment or agent
    address, warning = where(store, listen)
    planned = plan(
        agent, store, register, deployment=name, base=f"http://{address}", managed=managed,
        environment=environment_now(), home=Path(os.path.expanduser("~")),  # noqa: PTH111
        token=new_token("hook"), root=root,
    )  # fmt: skip
    click.echo(planned.diff())
    one = planned.installed
    found = f"version {one.version}" if one.version else "version unknown"
    click.echo(f"\n{agent}, {found}. {INSTALLERS[agent].hole}")
    if one.can_fail_open:
        click.echo(
            f"This agent CAN FAIL OPEN: deployment {name} is registered so, and the assessment "
            "requires a second source for it."
        )
    if warning:
        click.echo(warning)
    if dry_run:
        return
    if not yes:
        click.confirm("Write this?", abort=True)
    if register.get(name) is None:
        register.put(Deployment(name=name), "gate install")
    register.enter_token(planned.token, name, "hook")
    planned.apply(store, register)
    click.echo(f"Written. Back with: roguewatch gate uninstall {agent}")


@click.command(help="Restore the settings of AGENT byte for byte.")
@click.argument("agent", type=click.Choice(_AGENTS))
@store_option
@click.option("--force", is_flag=True, help="Also where the settings were changed since.")
def uninstall(agent: str, store: Path, force: bool) -> None:
    """Restore every installation of the agent."""
    from roguewatch.errors import ControlError
    from roguewatch.gateway.installed import installs
    from roguewatch.gateway.installing import uninstall as restore
    from roguewatch.printable import printable
    from roguewatch.state.database import connect
    from roguewatch.state.register import Register

    chosen = [one for one in installs(store) if one.agent == agent]
    if not chosen:
        raise ControlError(f"{agent}: not installed from this store")
    for one in chosen:
        restore(one, store, Register(connect(store)), force=force)
        what = "restored" if one.existed else "removed"
        click.echo(f"{printable(one.path)}: {what}")
