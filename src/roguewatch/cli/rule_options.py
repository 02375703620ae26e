"""Options of every command that runs the detectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from roguewatch.errors import InputError
from roguewatch.printable import printable_path

Command = TypeVar("Command", bound=Callable[..., Any])


def rule_options(command: Command) -> Command:
    """`--rules DIR`, `--disable ID=REASON`, `--disabled FILE`: as `folders: tuple[Path, …]`,
    `disable: tuple[str, …]` and `disabled: Path | None`."""
    for option in (
        click.option(
            "--disabled",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="YAML file of `rule id: reason` to switch off.",
        ),
        click.option(
            "--disable",
            multiple=True,
            metavar="ID=REASON",
            help="Switch a rule or detector off; the assessment prints why. Repeatable.",
        ),
        click.option(
            "--rules",
            "folders",
            multiple=True,
            type=click.Path(exists=True, path_type=Path),
            metavar="DIR",
            help="A folder of Sigma rules of your own. Repeatable.",
        ),
    ):
        command = option(command)
    return command


def switched_off(disable: tuple[str, ...], disabled: Path | None) -> dict[str, str]:
    """Ids and reasons from the options.

    Raises:
        InputError: an option or the file is not of the expected form.
    """
    found: dict[str, str] = {}
    if disabled is not None:
        import yaml

        name = printable_path(disabled)
        try:
            content = yaml.load(disabled.read_bytes(), yaml.CSafeLoader)
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"--disabled {name}: cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"--disabled {name}: expected lines of `rule id: reason`")
        found |= {str(identity): str(reason or "") for identity, reason in content.items()}
    for given in disable:
        identity, equals, reason = given.partition("=")
        if not equals or not reason.strip():
            raise InputError(f"--disable {given}: expected ID=REASON, with a reason")
        found[identity.strip()] = reason.strip()
    return found
