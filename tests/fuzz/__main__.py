"""`python -m tests.fuzz --minutes N`: fuzz the relays' protocols, then every installed reader;
exit status 1 on a crash."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.fuzz import protocols
from tests.fuzz.readers import CrashError, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    done = 0
    began = time.monotonic()
    for done in protocols.run(options.seed, began + options.minutes * 60 / 4):
        print(f"{done} cases of protocols", flush=True)
    try:
        for done in run(options.seed, until=began + options.minutes * 60):
            if done % 20_000 < 8:
                print(f"{done} cases", flush=True)
    except CrashError as crash:
        print(f"after {done} cases: {crash} (the case is in out/fuzz)", file=sys.stderr)
        raise
    print(f"{done} cases, no crash")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
