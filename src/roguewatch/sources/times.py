"""Times as agents write them, in nanoseconds since 1970, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_800 * 10**9
_FRACTION = re.compile(r"\.(\d+)")


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """Nanoseconds of `2026-11-21T09:12:`, UTC; raises ValueError."""
    return int((datetime.fromisoformat(text + "00+00:00") - _EPOCH) / timedelta(seconds=1)) * 10**9


def time_of(value: object) -> int | None:
    """Nanoseconds of an ISO 8601 text or a number; None where it is neither.

    A text without a zone is UTC. A number is seconds, milliseconds, microseconds or
    nanoseconds by its size (the ranges do not overlap between 1973 and 5138).
    """
    if type(value) is str:
        return _time_of_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _time_of_number(value)
    return None


def _time_of_text(text: str) -> int | None:
    # The shape that JavaScript's toISOString writes, `2026-11-21T09:12:06.123Z`.
    if len(text) == 24 and text[23] == "Z" and text[19] == "." and text[16] == ":":
        digits = text[17:19] + text[20:23]
        if digits.isdecimal():
            try:
                return _minute(text[:17]) + int(digits) * 1_000_000
            except (ValueError, OverflowError):
                return None
    if not 8 <= len(text) <= 64:
        return None
    # fromisoformat keeps six digits of a fraction; the rest are added by hand.
    fraction = _FRACTION.search(text)
    digits = fraction.group(1)[:9] if fraction else ""
    try:
        when = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    except (ValueError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    elapsed = when - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 10**9 + int(digits.ljust(9, "0"))


def _time_of_number(value: float) -> int | None:
    if not 10**8 <= value < 10**20:
        return None
    for scale in (10**9, 10**6, 10**3, 1):
        if value < 10**11 * (10**9 // scale):
            time = value * scale if isinstance(value, int) else round(value * scale)
            return time if time < _LAST else None
    return None
