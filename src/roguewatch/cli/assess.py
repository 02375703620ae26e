"""`roguewatch assess`: read agent activity, detect, and write the assessment."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roguewatch.cli.options import (
    json_option,
    nanoseconds,
    print_json,
    results_options,
    store_option,
)
from roguewatch.errors import InputError
from roguewatch.findings import LEVELS
from roguewatch.printable import printable, printable_path

if TYPE_CHECKING:
    from roguewatch.assess.document import Assessment

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it (128 + SIGINT)."""


@click.command(name="assess verify")
@click.argument("report", type=click.Path(path_type=Path), metavar="REPORT")
@store_option
@json_option
def verify(report: Path, store: Path, as_json: bool) -> None:
    """Verify that REPORT, an assessment.json, is what was written from this store.

    Its bytes and each of its facts were committed to the store's ledger of reports.

    Exit status: 0 it is; 1 it is not, and what differs is named.
    """
    from roguewatch.assess.published import REPORTS
    from roguewatch.assess.published import verify as check
    from roguewatch.cli.options import existing_store, iso

    found = check(report, existing_store(store))
    if as_json:
        print_json(found)
    elif found.genuine:
        click.echo(f"genuine: written {iso(found.committed)}, SHA-256 {found.report}")
        place = printable_path(store / REPORTS)
        click.echo(f"proof: roguewatch ledger prove {found.event} --store {place}")
    else:
        told = (
            "no such report was written from this store"
            if not found.event
            else (f"not the report that was written {iso(found.committed)}")
        )
        click.echo(f"NOT GENUINE: {told}", err=True)
        for id in found.changed:
            click.echo(f"  differs: fact {printable(id, 100)}", err=True)
    if not found.genuine:
        sys.exit(1)


class _Assess(click.Command):
    """`assess PATH…`, and `assess verify REPORT`. A folder called so is `./verify`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:  # fmt: skip
        if args[:1] == ["verify"]:
            return verify.make_context("assess verify", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(name="assess", cls=_Assess)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@store_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("assessment"),
    show_default=True,
    metavar="DIR",
    help="Where assessment.html and assessment.json are written.",
)
@click.option("--since", metavar="DATE", help="Assess only sessions that went on after this.")
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS),
    help="Exit with status 1 when a finding of this level or above is not suppressed.",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder of your own rules; may be given several times.",
)
@click.option(
    "--disable",
    multiple=True,
    metavar="RULE=REASON",
    help="Switch a rule or detector off; the assessment prints the reason.",
)
@results_options
@json_option
def command(
    paths: tuple[Path, ...],
    store: Path,
    out: Path,
    since: str | None,
    fail_on: str | None,
    rules: tuple[Path, ...],
    disable: tuple[str, ...],
    horizon: Path | None,
    monitor: Path | None,
    scenarios: Path | None,
    as_json: bool,
) -> None:
    """Read agent activity, detect, and write the assessment.

    PATH is a file or folder of transcripts; formats are recognised by content. Without
    one, the places where this machine's agents keep theirs are read.

    Exit status: 0 the assessment was written, whatever it says; 1 with --fail-on, when
    findings reach the level; 2 an error that left nothing to assess.
    """
    from roguewatch.assess.assessment import assess
    from roguewatch.assess.measuring import Results
    from roguewatch.cli.progress import progress
    from roguewatch.sources.reading import discover

    moment = nanoseconds(since) if since else None
    chosen = list(paths) or discover(os.environ, Path.home())
    if not chosen:
        raise InputError(
            "no agent activity was found in this machine's standard places "
            "(roguewatch sources lists them): give a PATH"
        )
    missing = [path for path in paths if not os.path.lexists(path)]
    for path in missing:
        click.echo(f"roguewatch: {printable_path(path)}: no such file or folder", err=True)
    if paths and len(missing) == len(paths):
        raise InputError("nothing to assess")
    try:
        with progress() if sys.stderr.isatty() and not as_json else nullcontext() as shown:
            assessment, done = assess(
                chosen,
                store,
                rules=rules,
                disabled=dict(_reason(text) for text in disable),
                since=moment,
                results=Results(horizon=horizon, monitor=monitor, scenarios=scenarios),
                progress=shown,
            )
        for unread in assessment.coverage.unread:
            click.echo(f"roguewatch: {unread.path}: {unread.reason}", err=True)
        if not assessment.sessions and since is None:
            raise InputError(
                f"nothing to assess: of {done.files} files none held agent activity "
                "that could be read"
            )
        html, data = _written(assessment, out, store)
    except KeyboardInterrupt:
        click.echo(
            "\nroguewatch: interrupted; what was read is kept, the same command goes on", err=True
        )
        sys.exit(INTERRUPTED)
    if as_json:
        print_json(assessment)
    else:
        _summary(assessment, html, data)
    if fail_on is not None:
        reached = LEVELS[LEVELS.index(fail_on) :]
        if any(finding.level in reached for finding in assessment.findings):
            sys.exit(1)


def _written(assessment: Assessment, out: Path, store: Path) -> tuple[Path, Path]:
    """Write it; a report that no ledger could be told of is still a report."""
    from roguewatch.assess.assessment import write
    from roguewatch.errors import LedgerError

    try:
        return write(assessment, out, store)
    except LedgerError as error:
        click.echo(
            f"roguewatch: the report was written but cannot be verified later: {error}", err=True
        )
        return out / "assessment.html", out / "assessment.json"


def _reason(text: str) -> tuple[str, str]:
    rule, _, reason = text.partition("=")
    return rule.strip(), reason.strip()


def _summary(assessment: object, html: Path, data: Path) -> None:
    from roguewatch.assess.document import Assessment
    from roguewatch.assess.sections import grouped

    assert isinstance(assessment, Assessment)
    read = assessment.coverage.files_read + assessment.coverage.files_unchanged
    click.echo(
        f"{read} files read, {assessment.coverage.files_unread} not; "
        f"{len(assessment.sessions)} sessions, {assessment.events} events, "
        f"{len(assessment.findings)} findings"
    )
    for group in grouped(assessment.findings)[:8]:
        times = f" ({group.count} times)" if group.count > 1 else ""
        click.echo(f"  {group.level:9} {printable(group.title, 100)}{times}; {group.causes}")
    click.echo(f"\n{printable_path(html)}\n{printable_path(data)}")
