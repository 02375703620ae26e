"""Print the installed versions of this environment as a constraints file.

Run in a fresh environment that holds `roguewatch[dev]` and nothing else. Names and
versions only: no index or download addresses.
"""

from __future__ import annotations

from importlib.metadata import distributions

SKIPPED = {"roguewatch", "pip", "setuptools", "wheel"}


def main() -> None:
    pins = {
        dist.metadata["Name"].lower().replace("_", "-"): dist.version for dist in distributions()
    }
    for name in sorted(pins):
        if name not in SKIPPED:
            print(f"{name}=={pins[name]}")


if __name__ == "__main__":
    main()
