"""Findings as JSON lines: one object a line, the fields of `Finding`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from roguewatch.findings import Finding


def json_lines(findings: Iterable[Finding]) -> Iterator[bytes]:
    """Each finding as one line of JSON, newline included."""
    encoder = msgspec.json.Encoder(order="sorted")
    for finding in findings:
        yield encoder.encode(finding) + b"\n"
