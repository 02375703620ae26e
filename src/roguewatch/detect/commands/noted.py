"""The command that is noted, once its words are known: its files, addresses and texts."""

from __future__ import annotations

from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.frame import NO_REDIRECTS, Frame, Redirected, clean
from roguewatch.detect.commands.programs import paths_of, urls_of, written_by
from roguewatch.detect.commands.redirects import MAX_KNOWN_TEXT
from roguewatch.detect.commands.runners import goes_on
from roguewatch.detect.commands.state import State, Text

_SYSTEM = ("/bin/", "/usr/", "/sbin/", "/opt/homebrew/")
"""Where programs are that are known by their name alone."""


def command_of(
    program: str,
    arguments: tuple[str, ...],
    frame: Frame,
    state: State,
    redirected: Redirected = NO_REDIRECTS,
    assignments: tuple[str, ...] = (),
    raw: str = "",
    output: Text | None = None,
) -> Command:
    """One command as rules see it.

    Args:
        program: its name; empty where there are only redirects or assignments.
        arguments: its arguments.
        frame: where it was found.
        state: what its shell knows.
        redirected: its redirects.
        assignments: `NAME=value` before it.
        raw: its program as it was written.
        output: what it prints, where that is known.
    """
    text = " ".join((program, *arguments) if program else arguments or assignments)
    paths = paths_of(program, arguments, text, state) if arguments else []
    written = written_by(program, arguments, state)
    wrote = ""
    if redirected.targets or redirected.inputs:
        written = [*[target for target, _ in redirected.targets], *written]
        named = (*[target for target, _ in redirected.targets], *redirected.inputs)
        paths += [path for path in named if path not in paths]
    if "/" in raw and not raw.startswith(_SYSTEM):
        paths.append(state.resolve(raw))
    if output is not None and (program == "tee" or redirected.targets):
        wrote = clean(output.value[:MAX_KNOWN_TEXT])
    return Command(
        program=program,
        arguments=arguments,
        text=text,
        paths=tuple(paths),
        urls=tuple(urls_of(program, arguments, text, redirected.shown)),
        redirects=redirected.shown,
        written=tuple(written),
        assignments=assignments,
        decoded=tuple(map(clean, dict.fromkeys(frame.decoded))) if frame.decoded else (),
        background=frame.background or goes_on(program, arguments),
        via=frame.via,
        pipeline=frame.pipeline,
        piped_from=frame.piped_from,
        certain=frame.certain,
        wrote=wrote,
    )
