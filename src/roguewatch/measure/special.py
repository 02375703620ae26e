"""`scipy.special`, loaded when something of it is first asked for.

It takes 22 MB, which stand beside everything that an assessment reads if they come first.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(import_module("scipy.special"), name)
