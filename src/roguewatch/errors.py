"""Every error that roguewatch raises on purpose.

A message names the file, line or field, what was expected, and what to do
about it. Text that came from an agent is never put in a message unescaped: use
`roguewatch.printable.printable` first.
"""

from __future__ import annotations


class RoguewatchError(Exception):
    """Base of all errors that a user of roguewatch may want to catch."""


class InputError(RoguewatchError):
    """Something given to us cannot be used: a file, an option, a value."""


class SourceError(InputError):
    """One file of agent activity cannot be read; the others still can."""


class RuleError(InputError):
    """A detection rule cannot be used. Says which file, which key, and why."""


class PolicyError(InputError):
    """A control policy cannot be used."""


class LedgerError(RoguewatchError):
    """The ledger cannot do what was asked."""


class LedgerBusyError(LedgerError):
    """Another process is already writing to this ledger."""


class TamperError(LedgerError):
    """Stored evidence does not match what was signed."""


class StateError(RoguewatchError):
    """The state database cannot do what was asked."""


class ControlError(RoguewatchError):
    """A control (lease, stop, containment, drill) could not be applied."""


class MissingExtraError(RoguewatchError):
    """A feature needs an optional part of roguewatch that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the optional part [{extra}]: "
            f"install it with: pip install 'roguewatch[{extra}]'"
        )
