"""What a shell command does: parsed, unwrapped, decoded. Never executed."""

from roguewatch.detect.commands.calls import understand_argv, understand_call
from roguewatch.detect.commands.command import Command
from roguewatch.detect.commands.session import SessionShell
from roguewatch.detect.commands.understanding import BOUNDED, understand

__all__ = [
    "BOUNDED",
    "Command",
    "SessionShell",
    "understand",
    "understand_argv",
    "understand_call",
]
