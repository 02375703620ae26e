"""`roguewatch gate mcp`: stand between an MCP client and its server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from roguewatch.cli.options import store_option
from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path

SOCKETS = ("agent.sock", "gate.sock")
"""The socket for agents first: the other is for people."""
TOKEN_MINUTES = 60 * 24


@click.command(
    help="Run SERVER, an MCP server on stdio, behind the gate: every call is decided and "
    "recorded by the running daemon before the server gets it.",
    context_settings={"ignore_unknown_options": True},
)
@store_option
@click.option(
    "--deployment", envvar="ROGUEWATCH_DEPLOYMENT", metavar="NAME",
    help="Whose calls these are; a token is issued for a day.  [default: mcp]",
)  # fmt: skip
@click.option(
    "--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="ROGUEWATCH_TOKEN_FILE", help="A file with a token, instead of --deployment.",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the server.  [default: from its command]")
@click.argument("server", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    store: Path,
    deployment: str | None,
    token_file: Path | None,
    name: str | None,
    server: tuple[str, ...],
) -> None:
    """Relay until either side ends, with the server's exit status."""
    from roguewatch.gateway.mcp.stdio import Relay

    if token_file is not None:
        token = token_file.read_text(encoding="ascii", errors="replace").strip()
    else:
        token = os.environ.get("ROGUEWATCH_TOKEN") or _issued(store, deployment or "mcp")
    if not re.fullmatch(r"[!-~]{1,512}", token):
        raise InputError("the token is none; make one with: roguewatch gate token --purpose relay")
    called = server_name(name or Path(server[0]).name, server)
    # The server must not learn the key that opens the relays.
    os.environ.pop("ROGUEWATCH_TOKEN", None)
    try:
        relay = Relay(list(server), _socket(store), token, called)
    except OSError as error:
        raise InputError(
            f"the server {printable_path(server[0])} cannot be started: {error.strerror}"
        ) from error
    status = relay.run()
    # A thread still waits for the client's next line: the interpreter's own end would take the
    # buffer from under it, and abort.
    sys.stderr.flush()
    os._exit(status)


def _socket(store: Path) -> str:
    """The daemon's socket; one that is not there yet may be there when it is needed."""
    return str(next((store / name for name in SOCKETS if (store / name).exists()),
                    store / SOCKETS[0]))  # fmt: skip


def server_name(name: str, server: tuple[str, ...]) -> str:
    """A name that records and policies can carry.

    An interpreter or package runner says nothing of the server: the first of its
    arguments that is no option does.
    """
    runners = ("python", "node", "npx", "uvx", "uv", "deno", "bun", "docker", "sh", "bash")
    if name.casefold().rstrip("0123456789.") in runners:
        plain = [word for word in server[1:] if not word.startswith("-") and word != "run"]
        name = Path(plain[0]).stem if plain else name
    # Two underscores separate the parts of an MCP tool's name.
    cleaned = re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9._-]", "-", name))[:64].strip("-_.")
    if not cleaned:
        raise InputError(f"{printable(name, 80)!r} cannot name a server; give --name")
    return cleaned


def _issued(store: Path, deployment: str) -> str:
    """A token from a process of its own: the register's libraries stay out of this one."""
    issued = subprocess.run(
        [sys.executable, "-m", "roguewatch", "gate", "token", deployment, "--store", str(store),
         "--purpose", "relay", "--minutes", str(TOKEN_MINUTES)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if issued.returncode:
        raise InputError("no token could be issued; is the store there, and the gate running?")
    return issued.stdout.decode().strip()
