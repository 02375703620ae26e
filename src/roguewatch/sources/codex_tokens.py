"""Tokens of a Codex rollout, which tells them twice: as running totals and as records."""

from __future__ import annotations

from roguewatch.events import Usage
from roguewatch.sources.codex_lines import TokenInfo, Totals
from roguewatch.sources.values import tokens

_Counts = tuple[int, int, int, int, int]
"""In the order of `Usage`: input, output, cache read, cache written, reasoning."""

_ZERO: _Counts = (0, 0, 0, 0, 0)


class RunningTokens:
    """Counts each response once, from `token_count` lines and `token_usage_record`s.

    Either kind sums up to what was used; what is told is the growth of the larger of the
    two sums, so that a file that holds both counts once, in whatever order they stand.
    """

    def __init__(self) -> None:
        self._records: _Counts = _ZERO
        self._totals: _Counts = _ZERO
        self._told: _Counts = _ZERO
        self._last_total: _Counts | None = None
        self._responses: set[str] = set()

    def knows(self, response_id: str) -> bool:
        """Whether a record of this response was counted."""
        return response_id in self._responses

    def record(self, response_id: str, usage: Totals | None) -> Usage | None:
        """The tokens of a `token_usage_record`; None where the response was counted."""
        if response_id:
            if response_id in self._responses:
                return None
            self._responses.add(response_id)
        self._records = _plus(self._records, _counts(usage))
        return self._growth()

    def total(self, info: TokenInfo | None) -> Usage | None:
        """The tokens of a `token_count`; None where its totals did not grow."""
        if info is None or info.total_token_usage is None:
            return None
        total, last = _counts(info.total_token_usage), _counts(info.last_token_usage)
        before = self._last_total
        self._last_total = total
        if before is None or sum(total[:2]) < sum(before[:2]):
            # The first totals of a fork include its parent's; totals that fell began anew.
            grown = last if info.last_token_usage is not None else total
        else:
            grown = _minus(total, before)
        self._totals = _plus(self._totals, grown)
        return self._growth()

    def _growth(self) -> Usage | None:
        reached = _larger(self._records, self._totals)
        if reached == self._told:
            return None
        grown = _minus(reached, self._told)
        self._told = _larger(reached, self._told)
        return Usage(*grown) if any(grown) else None


def usage_of(said: Totals | None) -> Usage:
    """Tokens of one response, of one turn, as an event holds them."""
    return Usage(*_counts(said))


def _counts(said: Totals | None) -> _Counts:
    if said is None:
        return _ZERO
    cached, written = tokens(said.cached_input_tokens), tokens(said.cache_write_input_tokens)
    return (
        max(0, tokens(said.input_tokens) - cached - written),
        tokens(said.output_tokens),
        cached,
        written,
        tokens(said.reasoning_output_tokens),
    )


def _plus(a: _Counts, b: _Counts) -> _Counts:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4])


def _minus(a: _Counts, b: _Counts) -> _Counts:
    return (
        max(0, a[0] - b[0]),
        max(0, a[1] - b[1]),
        max(0, a[2] - b[2]),
        max(0, a[3] - b[3]),
        max(0, a[4] - b[4]),
    )


def _larger(a: _Counts, b: _Counts) -> _Counts:
    return (
        max(a[0], b[0]),
        max(a[1], b[1]),
        max(a[2], b[2]),
        max(a[3], b[3]),
        max(a[4], b[4]),
    )
