"""`roguewatch sources`: formats that can be read, where they lie, what is there."""

from __future__ import annotations

import os
from pathlib import Path

import click

from roguewatch.cli.options import json_option, print_json
from roguewatch.printable import printable, printable_path


@click.command(name="sources")
@json_option
def command(as_json: bool) -> None:
    """List the formats that can be read, their places on this machine, and what is there."""
    from roguewatch.sources.source import sources

    for name, source in sorted(sources().items()):
        places = [_place(path) for path in source.places(os.environ, Path.home())]
        if as_json:
            print_json({"source": name, "title": source.title, "places": places})
            continue
        click.echo(f"{click.style(printable(name), bold=True)}  {printable(source.title)}")
        for place in places:
            state = (
                f"{place['files']:,} files, {place['bytes']:,} bytes"
                if place["exists"]
                else "nothing there"
            )
            reason = f"; {place['error']}" if place["error"] else ""
            click.echo(f"    {place['path']}: {state}{reason}")


def _place(path: Path) -> dict[str, object]:
    """What lies at one place: its files and their bytes, links not followed."""
    files = size = 0
    error = ""

    def refused(failed: OSError) -> None:
        nonlocal error
        error = f"{printable_path(failed.filename or path)}: {failed.strerror}"

    exists = path.exists()
    if path.is_file():
        files, size = 1, path.stat().st_size
    elif exists:
        for folder, _, names in os.walk(path, onerror=refused):
            for name in names:
                try:
                    size += (Path(folder) / name).stat(follow_symlinks=False).st_size
                    files += 1
                except OSError as failed:
                    refused(failed)
    return {
        "path": printable_path(path), "exists": exists, "files": files, "bytes": size,
        "error": error,
    }  # fmt: skip
