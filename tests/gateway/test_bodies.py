"""Bodies of requests are bounded in time and size, wherever they are read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roguewatch.gateway import bodies
from roguewatch.gateway.bodies import RefusedError, read_body


def drip(pieces: list[bytes], pause: float) -> Any:
    left = iter(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": next(left), "more_body": True}

    return receive


def test_a_client_that_sends_a_byte_now_and_then_is_refused_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    with pytest.raises(RefusedError) as refused:
        asyncio.run(read_body(drip([b"x"] * 1000, 0.05), 1 << 20))
    assert refused.value.status == 408
    assert bodies._reading == 0


def test_a_body_beyond_its_bound_is_refused_before_it_has_all_come() -> None:
    with pytest.raises(RefusedError) as refused:
        asyncio.run(read_body(drip([b"x" * 10] * 1000, 0), 100))
    assert refused.value.status == 413
    assert bodies._reading == 0
