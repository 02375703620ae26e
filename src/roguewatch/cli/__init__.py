"""The command line: one module per command group, imported only when called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from roguewatch import __version__
from roguewatch.errors import RoguewatchError
from roguewatch.printable import printable_text

# command: (module, one-line help). The help stands here so that `--help` imports nothing.
COMMANDS: dict[str, tuple[str, str]] = {
    "approvals": ("approvals", "Answer what agents ask before they act; enrol who may."),
    "assess": ("assess", "Read agent activity, detect, and write the assessment."),
    "detect": ("detect", "Run the detectors, and measure them against labels."),
    "facts": ("facts", "List every fact with its evidence; state what only people know."),
    "evaluate": ("evaluate", "Run scenarios with ground truth, and score what happened."),
    "findings": ("findings", "List what the detectors found."),
    "gate": ("gate", "Decide and record every action of live agents."),
    "incidents": ("incidents", "Confirm, reject and grade findings: the incident register."),
    "investigate": ("investigate", "Reconstruct what a deployment did, and what is missing."),
    "ledger": ("ledger", "Verify, prove, export and checkpoint the evidence."),
    "measure": ("measure", "Horizons, rates, monitors, awareness, extrapolation, with intervals."),
    "policy": ("policy", "Check, test, explain and replay control policies."),
    "register": ("register", "The deployments that may act, who owns them, what runs."),
    "drill": ("drill", "Prove by harmless rogues that stopping works; report what is stale."),
    "run": ("run", "Run an agent in containment, while its lease lasts."),
    "rules": ("rules", "List, test and explain the detection rules."),
    "sessions": ("sessions", "List the sessions in the store."),
    "stop": ("stop", "Stop a deployment, and prove that it is dead."),
    "show": ("show", "Show one session, with findings in the margin."),
    "sources": ("sources", "List the formats that can be read and where they lie."),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"roguewatch.cli.{COMMANDS[name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="roguewatch")
def cli() -> None:
    """What your AI agents did, whether they told the truth about it, who would
    notice, and whether they can be stopped.

    Exit status: 0 done, 1 a stated limit was reached, 2 a usage or input error.
    """


def main() -> None:
    """Entry point of the `roguewatch` command: errors of ours become one clear line."""
    try:
        cli.main(prog_name="roguewatch", standalone_mode=True)
    except RoguewatchError as error:
        click.echo(f"roguewatch: {printable_text(str(error))}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
