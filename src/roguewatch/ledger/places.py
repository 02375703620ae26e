"""Where the signing key and the witness lie: never inside the store by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from roguewatch.errors import LedgerError
from roguewatch.ledger.durable import make_folder, write_file
from roguewatch.ledger.note import Signer, Verifier
from roguewatch.printable import printable_path

KEYS_VARIABLE = "ROGUEWATCH_KEYS"
"""Folder of the signing keys; default $XDG_CONFIG_HOME/roguewatch/keys."""

WITNESS_VARIABLE = "ROGUEWATCH_WITNESS"
"""Folder (or http(s) address) of the witness; default $XDG_STATE_HOME/roguewatch/witness."""


def _home(variable: str, default: str, environment: Mapping[str, str]) -> Path:
    value = environment.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default


def keys_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of keys."""
    chosen = environment.get(KEYS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return _home("XDG_CONFIG_HOME", ".config", environment) / "roguewatch" / "keys"


def witness_place(
    identity: str, chosen: Path | str | None, environment: Mapping[str, str] = os.environ
) -> Path | str:
    """Where the witness of a ledger is: a file, or an http(s) address.

    Args:
        identity: the ledger's id; the file's name within a folder.
        chosen: what the caller asked for: an address, a folder that exists, or a file.
    """
    place = chosen or environment.get(WITNESS_VARIABLE)
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        return place
    if chosen:
        path = Path(chosen).expanduser()
        return path / identity if path.is_dir() else path
    if place:
        return Path(place).expanduser() / identity
    return _home("XDG_STATE_HOME", ".local/state", environment) / "roguewatch/witness" / identity


def create_key(identity: str, origin: str) -> Signer:
    """Make the signing key of a new ledger: 0600, in a folder that only its owner reads."""
    folder = keys_folder()
    signer = Signer.generate(origin)
    make_folder(folder, 0o700)
    write_file(folder / f"{identity}.vkey", f"{signer.verifier}\n".encode())
    write_file(folder / f"{identity}.key", f"{signer.private_text()}\n".encode(), mode=0o600)
    return signer


def signing_key(identity: str) -> Signer:
    """The signing key of a ledger.

    Raises:
        LedgerError: it is not there, cannot be read, or others can read it.
    """
    path = keys_folder() / f"{identity}.key"
    shown = printable_path(path)
    try:
        with path.open() as stream:
            mode = os.fstat(stream.fileno()).st_mode
            text = stream.read(4096)
    except OSError as error:
        raise LedgerError(
            f"{shown}: the signing key of this ledger cannot be read ({error.strerror}); "
            f"without it the ledger can be read but not written ({KEYS_VARIABLE} moves the folder)"
        ) from error
    if mode & 0o077:
        raise LedgerError(f"{shown}: others may read this signing key; chmod 600 it")
    return Signer.parse(text)


def trusted_key(identity: str) -> Verifier | None:
    """The public key kept outside the store, or None where this machine has none."""
    try:
        return Verifier.parse((keys_folder() / f"{identity}.vkey").read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"{identity}.vkey: cannot be read: {error}") from error
