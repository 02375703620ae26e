"""A short, seeded run of the fuzzer; `make fuzz` is the long one."""

from __future__ import annotations

from tests.fuzz.readers import run

SEED = 20260301


def test_damaged_files_crash_no_reader() -> None:
    print(f"seed {SEED}")
    assert list(run(SEED, cases=4000))[-1] >= 4000
