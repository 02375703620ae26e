"""The report of scenario runs as one HTML file: no network, no script, nothing unescaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roguewatch.measure.effects import Effect
from roguewatch.measure.scenarios import Rate, Report
from roguewatch.printable import printable

_STYLE = """
svg.rate { display: block; width: 100%; min-width: 9rem; height: 1.1rem; overflow: visible; }
svg.rate line { stroke: var(--soft); stroke-width: 2; vector-effect: non-scaling-stroke; }
svg.rate .axis { stroke: var(--line); stroke-width: 1; }
svg.rate rect { fill: var(--accent); }
svg.rate.bad rect { fill: var(--critical); }
.links a { font-size: 0.78rem; margin-right: 0.5em; }
.reports td:nth-child(4) { width: 24%; }
.wide details { margin: 0; } .wide summary { white-space: nowrap; }
.figures { grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
.figures div { min-width: 0; overflow-wrap: anywhere; }
.reports .n { padding-left: 0.6rem; }
"""


class _Block(msgspec.Struct, frozen=True):
    """Rates that stand in one table."""

    title: str
    rates: tuple[Rate, ...]


def render(report: Report) -> str:
    """The page. Everything in it is escaped; its policy forbids script and network."""
    own = files("roguewatch.assess").joinpath("templates/style.css").read_text(encoding="utf-8")
    style = own + _STYLE
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    places = {row.session: number for number, row in enumerate(report.samples, 1)}
    environment = Environment(
        loader=PackageLoader("roguewatch.assess"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "plain": lambda text: printable(str(text), 400),
        "places": lambda sessions: [places[one] for one in sessions],
        "x": lambda share: f"{1000 * share:.1f}",
        "signed": lambda value: f"{value:+.2f}",
        "p": lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}",
    }
    return environment.get_template("scenarios.html").render(
        report=report,
        blocks=list(_blocks(report)),
        overall=[rate for rate in report.rates if rate.by == "all"],
        groups=[("What changes with one factor", report.effects),
                ("Comparison of models and runs", report.comparisons)],
        tests=len(report.effects) + len(report.comparisons),
        certain=[one for one in (*report.effects, *report.comparisons) if _certain(one)],
        style=Markup(style),  # noqa: S704 — our own file
        style_hash=f"sha256-{digest}",
    )  # fmt: skip


def _certain(effect: Effect) -> bool:
    return effect.adjusted <= 0.05


def _blocks(report: Report) -> Iterable[_Block]:
    titles = {"scenario": "By scenario", "behaviour": "By behaviour",
              "condition": "By what is said of monitoring",
              "difficulty": "By what the task takes a skilled human"}  # fmt: skip
    for by, title in titles.items():
        yield _Block(title, tuple(rate for rate in report.rates if rate.by == by))
    rest = tuple(one for one in report.rates if one.by not in (*titles, "all"))
    yield _Block("By factor", rest)
    yield _Block("Behaviour, condition, difficulty", report.cells)
