"""Arguments and options that several commands of `roguewatch measure` take."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)
PLOT = click.option(
    "--plot", type=FILE, metavar="FILE",
    help="Also draw it (PNG, SVG or PDF by the name; needs [measure]).",
)  # fmt: skip
LEVEL = click.option(
    "--level", default=0.95, show_default=True, type=click.FloatRange(0.5, 0.999999)
)
