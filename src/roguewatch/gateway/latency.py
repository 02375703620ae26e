"""How long answers take, as percentiles over the latest ones."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

KEPT = 4096


class Latency:
    """Durations by kind of request; the latest `KEPT` of each count."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}
        self.counts: dict[str, int] = {}

    @contextmanager
    def measure(self, kind: str) -> Iterator[None]:
        """Measure one request."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds.setdefault(kind, deque(maxlen=KEPT)).append(time.perf_counter() - started)
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def percentiles(self, kind: str) -> dict[str, float]:
        """p50, p95 and p99 in milliseconds; empty where nothing was measured."""
        kept = sorted(self._seconds.get(kind, ()))
        if not kept:
            return {}
        return {
            f"p{percent}": kept[min(len(kept) - 1, len(kept) * percent // 100)] * 1000
            for percent in (50, 95, 99)
        }
