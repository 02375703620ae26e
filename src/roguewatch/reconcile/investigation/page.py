"""The reconstruction as one page that needs nothing else: no script, nothing fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment

from roguewatch.errors import InputError
from roguewatch.printable import printable_path
from roguewatch.reconcile.investigation.investigation import Investigation
from roguewatch.reconcile.investigation.moment import what_of

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ found.deployment }}: what it did</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top;
padding: .2rem .6rem; border-bottom: 1px solid #ddd } td.text { font-family: monospace;
white-space: pre-wrap; overflow-wrap: anywhere } tr.found { background: #fff0ee }
time, .sightings { color: #555; white-space: nowrap } .missing { color: #8a1c00 }
</style></head><body>
<h1>{{ found.deployment }}</h1>
<p>{{ found.events }} events of {{ found.sessions|length }} sessions,
reconstructed in {{ "%.1f"|format(found.seconds) }} s.</p>
<h2>Missing</h2>
<ul class="missing">{% for one in found.missing %}
<li><b>{{ one.lack }}</b>: {{ one.text }}{% if one.count > 1 %} ({{ one.count }}){% endif %}
{% if one.since %}<time>{{ one.since|clock }} to {{ one.until|clock }}</time>{% endif %}</li>
{% else %}<li>nothing</li>{% endfor %}</ul>
<h2>Timeline</h2>
<table><tr><th>time<th>agent<th>what<th>seen by<th>outcome<th>text</tr>
{% for one in found.timeline %}<tr{% if one.findings %} class="found"{% endif %}>
<td><time>{{ one.time|clock }}</time><td>{{ one.agent }}<td>{{ one|what }}
<td class="sightings">{{ one.sightings|join(", ") }}
<td>{{ one.decision }} {{ one.outcome }} {{ one.findings|join(", ") }}
<td class="text">{{ one.text }}</tr>
{% endfor %}</table>
{% for title, touched in (("Files", found.files), ("Keys and identities", found.keys),
("Hosts", found.hosts), ("Programs", found.programs)) %}
<h2>{{ title }}</h2>
<table><tr><th>name<th>times<th>written<th>refused<th>failed<th>first<th>last</tr>
{% for one in touched %}<tr><td class="text">{{ one.name }}<td>{{ one.times }}<td>{{ one.written }}
<td>{{ one.refused }}<td>{{ one.failed }}<td><time>{{ one.first|clock }}</time><td><time>{{ one.last|clock }}</time></tr>
{% endfor %}</table>{% endfor %}
<h2>Processes</h2>
<table><tr><th>pid<th>parent<th>command<th>known from</tr>
{% for one in found.processes %}<tr><td>{{ one.pid }}<td>{{ one.parent }}
<td class="text">{{ one.command }}<td>{{ one.source }}</tr>{% endfor %}</table>
</body></html>
"""


def write(found: Investigation, file: Path) -> None:
    """Write the page; everything in it is escaped.

    Raises:
        InputError: it cannot be written.
    """
    environment = Environment(autoescape=True)
    environment.filters["clock"] = _clock
    environment.filters["what"] = what_of
    try:
        file.write_text(environment.from_string(_PAGE).render(found=found), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{printable_path(file)}: cannot be written: {error.strerror}") from error


def _clock(time: int | None) -> str:
    if time is None:
        return "-"
    try:
        moment = datetime.fromtimestamp(time / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return "-"
    return moment.strftime("%Y-%m-%d %H:%M:%S")
