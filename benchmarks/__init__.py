"""Benchmarks: ours, the peer (named, versioned, in the same run), and a ratio.

Each module here offers `run() -> list[Row]`; `python -m benchmarks [NAME…]` runs them,
prints tables and writes `out/bench/NAME.json`. Absolute times are noisy: ratios count.
"""
