"""`roguewatch register attach`: what was started elsewhere becomes a run that can be stopped."""

from __future__ import annotations

import getpass
import shlex
from pathlib import Path

import click
import msgspec

from roguewatch.cli.options import existing_store, store_option


@click.command(help="Say that something started elsewhere is a run of NAME, to be stopped "
               "with it. What it is recognised by is added to the entry.")  # fmt: skip
@click.argument("name")
@click.option("--pid", type=click.IntRange(2), metavar="N", help="A process and its descendants.")
@click.option("--unit", metavar="UNIT", help="A systemd unit.")
@click.option("--user", is_flag=True, help="The unit is of the user's manager.")
@click.option("--container", metavar="NAME|ID", help="A container.")
@click.option(
    "--engine",
    type=click.Choice(["docker", "podman"]),
    default="docker",
    show_default=True,
    help="What runs the container.",
)
@click.option(
    "--kubernetes",
    metavar="[NAMESPACE/]KIND/NAME",
    help="A job, deployment, pod, … of the cluster that kubectl speaks to.",
)
@click.option(
    "--command",
    "stop_command",
    metavar="COMMAND",
    help="A command that stops it, for a cloud; run without a shell.",
)
@click.option(
    "--probe",
    "probe_command",
    metavar="COMMAND",
    help="With --command: exits 0 while it still runs, 1 when it does not.",
)
@click.option("--adapter", metavar="ADAPTER", help="Another installed adapter.")
@click.option("--target", metavar="JSON", help="What that adapter finds it by.")
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that it works in.  [default: the process's own]",
)
@click.option("--executable", "executables", multiple=True, metavar="PATH|NAME")
@click.option("--folder", "folders", multiple=True, metavar="DIR")
@click.option("--session", "sessions", multiple=True, metavar="ID")
@click.option("--env", "environment", multiple=True, metavar="NAME[=VALUE]")
@store_option
def attach(
    name: str, pid: int | None, unit: str | None, user: bool, container: str | None, engine: str,
    kubernetes: str | None, stop_command: str | None, probe_command: str | None,
    adapter: str | None, target: str | None, project: Path | None, executables: tuple[str, ...],
    folders: tuple[str, ...], sessions: tuple[str, ...], environment: tuple[str, ...], store: Path,
) -> None:  # fmt: skip
    """Enter a run, with the machine's footprint of now."""
    from roguewatch.control.discovery.recognition import recognised, widened
    from roguewatch.control.stop.adapter import adapter_for
    from roguewatch.control.stop.footprint import footprint
    from roguewatch.errors import InputError
    from roguewatch.printable import printable
    from roguewatch.state.database import connect
    from roguewatch.state.register import Recognition, Register
    from roguewatch.state.runs import Runs

    engine_ = connect(existing_store(store))
    register = Register(engine_)
    entry = register.get(name)
    if entry is None:
        raise InputError(f"no deployment {printable(name, 80)!r} in the register")
    ways = [
        ("process", _process(pid)) if pid is not None else None,
        ("systemd", _json(name=unit, user=user)) if unit else None,
        (engine, _container(engine, container)) if container else None,
        ("kubernetes", _workload(kubernetes)) if kubernetes else None,
        ("cloud", _commands(stop_command, probe_command)) if stop_command else None,
        (adapter, str(target)) if adapter and target else None,
    ]
    given = [way for way in ways if way is not None]
    if len(given) != 1 or bool(adapter) != bool(target):
        raise click.UsageError(
            "expected one of --pid, --unit, --container, --kubernetes, --command with --probe, "
            "or --adapter with --target"
        )
    which, found = given[0]
    # Describing it first refuses what the adapter could not find again.
    said = adapter_for(which).describe(found)
    for probe in adapter_for(which).probe(found):
        if not probe.observed and which != "process":
            raise InputError(f"{said}: it cannot be asked whether that runs: {probe.note}")
    told = Recognition(
        executables=executables, folders=folders, sessions=sessions, environment=environment
    )
    seen = recognised(pid) if pid is not None else Recognition()
    where = project or (Path(seen.folders[0]) if seen.folders else None)
    before = msgspec.json.encode(footprint(Path.home(), where)).decode()
    recognition = widened(widened(entry.recognition, told), seen)
    register.put(msgspec.structs.replace(entry, recognition=recognition), getpass.getuser())
    run = Runs(engine_).begin(name, which, found, footprint=before)
    click.echo(f"run {run.id}: {said}")
    for field in recognition.__struct_fields__:
        for value in getattr(recognition, field):
            click.echo(f"  recognised by {field}: {printable(value, 300)}")


def _process(pid: int) -> str:
    from roguewatch.control.stop.adapters.process import target_of
    from roguewatch.control.stop.members import MARK
    from roguewatch.control.stop.process import environment

    return target_of(pid, environment(pid).get(MARK, ""))


def _workload(text: str) -> str:
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise click.BadParameter("expected [NAMESPACE/]KIND/NAME", param_hint="--kubernetes")
    namespace = parts[0] if len(parts) == 3 else ""
    from roguewatch.control.stop.workload import adapter

    return adapter.identified(_json(namespace=namespace, kind=parts[-2], name=parts[-1]))


def _container(engine: str, name: str) -> str:
    from roguewatch.control.stop.adapters.outside import container_id

    return _json(name=container_id(engine, name))


def _commands(stop: str, probe: str | None) -> str:
    if not probe:
        raise click.UsageError(
            "--command needs --probe: without it nobody can tell that it is dead"
        )
    try:
        return _json(stop=shlex.split(stop), probe=shlex.split(probe))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--command") from error


def _json(**fields: object) -> str:
    return msgspec.json.encode(fields).decode()
