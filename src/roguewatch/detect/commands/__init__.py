"""What a shell command really does: parsed, unwrapped, decoded; see docs/commands.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roguewatch.detect.commands.calls import understand_argv, understand_call
    from roguewatch.detect.commands.command import Command
    from roguewatch.detect.commands.session import SessionShell
    from roguewatch.detect.commands.understanding import BOUNDED, understand

_HOMES = {
    "BOUNDED": "understanding", "Command": "command", "SessionShell": "session",
    "understand": "understanding", "understand_argv": "calls", "understand_call": "calls",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The parsers are loaded at the first command and not at start-up (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


__all__ = ["BOUNDED", "Command", "SessionShell", "understand", "understand_argv", "understand_call"]
