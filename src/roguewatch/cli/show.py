"""`roguewatch show`: one session as a transcript, findings in the margin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from roguewatch.cli.options import existing_store, iso, json_option, print_json, store_option
from roguewatch.events import Event
from roguewatch.findings import LEVELS, Finding
from roguewatch.printable import printable

MARGIN = 10
MAX_TEXT = 4000

_STYLES = {
    "user_message": ("bold cyan", "user"),
    "agent_message": ("bold green", "agent"),
    "reasoning": ("dim italic", "reasoning"),
    "tool_call": ("bold yellow", "call"),
    "tool_result": ("yellow", "result"),
    "gap": ("magenta", "gap"),
    "approval": ("bold blue", "approval"),
    "decision": ("bold blue", "decision"),
    "permission_mode": ("blue", "mode"),
}
_LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow"}


@click.command(name="show")
@click.argument("session")
@store_option
@click.option("--all", "everything", is_flag=True, help="Whole texts, usage and other records too.")
@json_option
def command(session: str, store: Path, everything: bool, as_json: bool) -> None:
    """Show one session, with findings in the margin.

    SESSION is its id or the beginning of it. Control characters that an agent wrote are
    made visible. --json prints the events as JSON lines, each with its `findings`.
    """
    from roguewatch.ledger.ledger import Ledger
    from roguewatch.state.database import connect
    from roguewatch.state.findings import Findings
    from roguewatch.state.sessions import Sessions

    state = connect(existing_store(store))
    summary = Sessions(state).find(session)
    marks: dict[str, list[Finding]] = {}
    for finding in Findings(state).all(summary.session):
        for id in finding.events:
            marks.setdefault(id, []).append(finding)
    with Ledger.open(store, create=False, readonly=True) as ledger:
        events = ledger.events(session=summary.session)
        if as_json:
            for event in events:
                _print_json(event, marks.get(event.id, []))
            return
        lines = _transcript(summary.session, events, marks, everything)
        if sys.stdout.isatty():
            click.echo_via_pager(line + "\n" for line in lines)
        else:
            for line in lines:
                click.echo(line)


def _print_json(event: Event, findings: list[Finding]) -> None:
    value = msgspec.to_builtins(event)
    value["raw"] = event.raw.decode("utf-8", "backslashreplace")
    value["findings"] = [finding.id for finding in findings]
    print_json(value)


def _transcript(
    session: str, events: Iterator[Event], marks: dict[str, list[Finding]], everything: bool
) -> Iterator[str]:
    """Lines for a terminal, coloured only where it is one."""
    yield click.style(printable(session), bold=True)
    seen: set[str] = set()
    mode = usual = ""
    for event in events:
        usual = usual or event.sighting
        findings = marks.get(event.id, [])
        if event.kind in ("usage", "other") and not everything and not findings:
            continue
        if event.permission_mode and event.permission_mode != mode:
            mode = event.permission_mode
            yield _line("", click.style(f"permission mode: {printable(mode)}", fg="blue"))
        by = event.sighting if event.sighting != usual else ""
        yield from _event(event, findings, seen, everything, by)


def _event(
    event: Event, findings: list[Finding], seen: set[str], everything: bool, by: str
) -> Iterator[str]:
    """Lines of one event. `by`: who saw it, where that is not who began to tell."""
    from roguewatch.assess.evidence import said

    style, name = _STYLES.get(event.kind, ("dim", event.kind.replace("_", " ")))
    if event.kind == "user_message" and event.author not in ("", "human"):
        name = f"user role, by {event.author}"
    title = " ".join(
        part
        for part in (
            name,
            printable(event.tool, 80),
            f"[{printable(event.agent, 60)}]" if event.agent != "main" else "",
            f"exit {event.exit_status}" if event.exit_status is not None else "",
            f"(seen by {by})" if by else "",
        )
        if part
    )
    words = style.split()
    yield ""
    clock = (iso(event.time) or "")[11:19]
    yield _line(
        clock,
        click.style(title, fg=words[-1] if words[-1] not in ("dim", "italic") else None,
                    bold="bold" in words, dim="dim" in words),
    )  # fmt: skip
    for finding in findings:
        first = "" if finding.id not in seen else " (again)"
        seen.add(finding.id)
        text = f"{finding.level} {finding.behaviour} {printable(finding.title, 120)}{first}"
        colour = _LEVEL_STYLES.get(finding.level, "blue").split()[-1]
        mark = "▲" * min(3, LEVELS.index(finding.level))
        yield _line(
            mark or "△", click.style(f"{text}  {finding.id[:12]} cause {finding.cause}", fg=colour)
        )
    body = said(event, None if everything else MAX_TEXT)
    for line in body.splitlines():
        yield _line("", line)


def _line(margin: str, text: str) -> str:
    return f"{margin:>{MARGIN}} │ {text}"
