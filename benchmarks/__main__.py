"""`python -m benchmarks [NAME…]`: run all benchmarks, or those named."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import benchmarks
from benchmarks.report import report

NOT_BENCHMARKS = {"__main__", "report"}


def main(names: list[str]) -> int:
    found = sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name not in NOT_BENCHMARKS and not module.name.startswith("_")
    )
    unknown = set(names) - set(found)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(found)}")
        return 2
    missed = 0
    for name in names or found:
        rows = import_module(f"benchmarks.{name}").run()
        report(name, rows)
        missed += sum(row.reached is False for row in rows)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
