"""`roguewatch gate status` and `reload`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roguewatch.cli.options import existing_store, iso, json_option, print_json, store_option


@click.command(help="Deployments, sources, fail modes, leases, decisions, latency, complaints.")
@store_option
@json_option
def status(store: Path, as_json: bool) -> None:
    """Ask the daemon; where none runs, say so and show the register. Exit 1 if not well."""
    from roguewatch.gateway.asking import ask

    existing_store(store)
    said: dict[str, Any] | None = ask(store, "GET", "/status")
    if said is None:
        said = _offline(store)
    else:
        said["coverage"] = (ask(store, "GET", "/coverage") or {}).get("coverage", [])
    said["readiness"] = _readiness(store)
    if as_json:
        print_json(said)
    else:
        _print(said)
    if not said["well"]:
        raise click.exceptions.Exit(1)


@click.command(name="reload", help="Read rules and policies anew; a bad version is refused.")
@store_option
def reload_rules(store: Path) -> None:
    """Ask the daemon to reload."""
    from roguewatch.errors import ControlError
    from roguewatch.gateway.asking import ask

    if ask(store, "POST", "/admin/reload", {}) is None:
        raise ControlError("no gate runs on this store")
    click.echo("reloaded")


def _readiness(store: Path) -> dict[str, Any]:
    """How many proofs that stopping works there are, and which fail or are stale."""
    from roguewatch.control.drills.routes import ROUTES
    from roguewatch.control.readiness import counted, proofs
    from roguewatch.state.database import connect

    found = proofs(connect(store), [route.name for route in ROUTES])
    poor = [one.subject for one in found if one.state in ("failed", "stale")]
    oldest = max((one.age_seconds for one in found if one.age_seconds is not None), default=None)
    return dict(counted(found)) | {"poor": sorted(set(poor)), "oldest_seconds": oldest}


def _offline(store: Path) -> dict[str, Any]:
    from roguewatch.state.database import connect
    from roguewatch.state.register import Register

    register = Register(connect(store))
    deployments = [
        {
            "deployment": entry.name, "surface": entry.surface, "policy": entry.policy,
            "fail_mode": entry.fail_mode, "can_fail_open": entry.can_fail_open,
            "stopped": register.stopped(entry.name), "lease": "no gate runs", "lease_seconds": 0,
            "sources": list(entry.sources), "last_seen": {}, "decisions": {},
        }
        for entry in register.all()
    ]  # fmt: skip
    return {"well": False, "running": False, "deployments": deployments, "complaints": []}


def _print(said: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from roguewatch.printable import printable

    console = Console()
    running = said.get("running", True)
    state = "decides" if said["well"] else "DOES NOT DECIDE: everything gets its fail mode"
    console.print(f"The gate {state if running else 'does not run'}.")
    table = Table("deployment", "fail mode", "lease", "sources", "last seen", "decisions")
    for one in said["deployments"]:
        seen = [f"{source} {iso(time)}" for source, time in sorted(one["last_seen"].items())]
        claimed = [name if name in one["last_seen"] else f"{name}: NOT OBSERVED"
                   for name in one["sources"]]  # fmt: skip
        mode = one["fail_mode"] + (", CAN FAIL OPEN" if one["can_fail_open"] else "")
        lease = "STOPPED" if one["stopped"] else f"{one['lease']} {one['lease_seconds']:.0f} s"
        counts = ", ".join(f"{what} {count}" for what, count in sorted(one["decisions"].items()))
        cells = (one["deployment"], mode, lease, "\n".join(claimed), "\n".join(seen), counts)
        table.add_row(*(Text(printable(cell, 300) if "\n" not in cell else cell) for cell in cells))
    console.print(table)
    _print_coverage(console, said.get("coverage", []))
    for kind, figures in sorted(said.get("latency_ms", {}).items()):
        shown = ", ".join(
            f"{name} {value:.2f} ms" for name, value in figures.items() if name != "count"
        )
        console.print(f"{kind}: {figures['count']} answers; {shown}", markup=False)
    ready = said["readiness"]
    console.print(
        f"Stopping: {ready['proven']} proven, {ready['failed']} failed, {ready['stale']} stale, "
        f"{ready['unassessed']} unassessed (roguewatch drill report)", highlight=False,
    )  # fmt: skip
    for complaint in said["complaints"][-10:]:
        line = f"{iso(complaint['time'])} {printable(complaint['text'], 500)}"
        console.print(line, markup=False, highlight=False)


def _print_coverage(console: Any, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from roguewatch.printable import printable

    if not rows:
        return
    table = Table("deployment", "source", "coverage", "seen of expected", "heartbeat", "canaries")
    for row in rows:
        cells = (
            row["deployment"] or "(none)", f"{row['surface']} {row['source']}",
            row["state"].upper() if row["state"] != "covered" else row["state"],
            f"{row['seen']} of {row['expected']}", row["heartbeat"],
            f"{row['canaries_seen']} of {row['canaries_sent']}",
        )  # fmt: skip
        table.add_row(*(Text(printable(cell, 200)) for cell in cells))
    console.print(table)
