"""Options of `roguewatch gate serve` that say where the relays lead."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from roguewatch.errors import InputError

if TYPE_CHECKING:
    from roguewatch.gateway.relays import RelaySettings

Command = TypeVar("Command", bound=Callable[..., Any])

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


def relay_options(command: Command) -> Command:
    """The options, as `openai_upstream`, `anthropic_upstream`, `mcp` and `provider_keys`."""
    options = (
        click.option(
            "--openai-upstream", envvar=["ROGUEWATCH_OPENAI_UPSTREAM", "OPENAI_BASE_URL"],
            default="https://api.openai.com/v1", show_default=True, metavar="URL",
            help="Where /openai/v1 leads, with the protocol's version.",
        ),
        click.option(
            "--anthropic-upstream", envvar=["ROGUEWATCH_ANTHROPIC_UPSTREAM", "ANTHROPIC_BASE_URL"],
            default="https://api.anthropic.com", show_default=True, metavar="URL",
            help="Where /anthropic/v1 leads.",
        ),
        click.option(
            "--mcp", multiple=True, metavar="NAME=URL",
            help="A streamable HTTP server, served at /mcp/NAME; may be given more than once.",
        ),
        click.option(
            "--provider-keys", type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file that only its owner can read, with lines of NAME=VALUE: OPENAI_API_KEY, "
            "ANTHROPIC_API_KEY, MCP_<NAME> (an Authorization value).  [default: the environment]",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def relay_settings(
    openai_upstream: str, anthropic_upstream: str, mcp: tuple[str, ...], provider_keys: Path | None
) -> RelaySettings:
    """The settings that the options give.

    Raises:
        InputError: an option cannot be used.
    """
    from roguewatch.gateway.models.relay import key_file
    from roguewatch.gateway.relays import RelaySettings

    servers = dict(pair.partition("=")[::2] for pair in mcp)
    names = {*_KEYS, *(f"MCP_{name.upper()}" for name in servers)}
    keys = {name: os.environ[name] for name in names if os.environ.get(name)}
    if provider_keys is not None:
        if provider_keys.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"{provider_keys}: others can read it; chmod 600 it first")
        keys |= key_file(provider_keys.read_text(encoding="utf-8"))
    return RelaySettings(
        openai=openai_upstream, anthropic=anthropic_upstream, mcp=servers, keys=keys
    )
