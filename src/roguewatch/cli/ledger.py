"""`roguewatch ledger`: verify, prove, export and checkpoint the evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from roguewatch.cli.options import Group, json_option, print_json, store_option
from roguewatch.printable import printable, printable_path

if TYPE_CHECKING:
    from roguewatch.ledger.fsck import Fault
    from roguewatch.ledger.ledger import Ledger

witness_option = click.option(
    "--witness",
    metavar="PLACE",
    help="Where checkpoints are witnessed: a file, a folder or an http(s) address.  "
    "[default: $ROGUEWATCH_WITNESS, else ~/.local/state/roguewatch/witness]",
)
out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File.  [default: stdout]"
)


@click.group(cls=Group)
def command() -> None:
    """Verify, prove, export and checkpoint the evidence.

    Exit status: 0 all is as it was signed, 1 tampering was found, 2 a usage or input
    error. Keys lie in $ROGUEWATCH_KEYS, else ~/.config/roguewatch/keys.
    """


@command.command()
@store_option
@witness_option
@json_option
@click.option("--quick", is_flag=True, help="Signatures, tree and witness alone; reads no event.")
@click.pass_context
def verify(
    context: click.Context, store: Path, witness: str | None, as_json: bool, quick: bool
) -> None:
    """Check that the evidence is what was signed: every byte, or --quick."""
    if quick:
        from roguewatch.ledger.verify import verify as check

        _report(context, check(store, witness), as_json, "signatures, tree and witness agree")
    else:
        context.invoke(fsck, store=store, witness=witness, as_json=as_json)


@command.command()
@store_option
@witness_option
@json_option
@click.pass_context
def fsck(context: click.Context, store: Path, witness: str | None, as_json: bool) -> None:
    """Check every stored byte, and name the place of each fault."""
    from roguewatch.ledger.fsck import fsck as check

    _report(context, check(store, witness), as_json, "every stored byte is what was signed")


def _report(context: click.Context, faults: list[Fault], as_json: bool, good: str) -> None:
    if as_json:
        for fault in faults:
            print_json(fault)
        if not faults:
            print_json({"ok": True, "message": good})
    elif not faults:
        click.echo(f"OK: {good}")
    for fault in [] if as_json else faults:
        click.echo(f"FAULT {printable(fault.place)}: {printable(fault.message)}")
    if faults:
        context.exit(1)


@command.command()
@click.argument("event")
@store_option
@out_option
@click.option("--tlog", is_flag=True, help="As a C2SP tlog-proof instead of JSON.")
def prove(event: str, store: Path, out: Path | None, tlog: bool) -> None:
    """Write a proof that EVENT is in the log; tools/verify_evidence.py checks it."""
    from roguewatch.ledger.ledger import Ledger

    with Ledger.open(store, readonly=True) as ledger:
        proof = ledger.prove(event)
    _write(out, proof.text().encode() if tlog else proof.encode())


@command.command()
@click.argument("session")
@store_option
@out_option
@click.option("--records", is_flag=True, help="Our canonical records instead of source bytes.")
@click.option("--proofs", is_flag=True, help="One proof per line, with record and source bytes.")
@click.pass_context
def export(
    context: click.Context,
    session: str,
    store: Path,
    out: Path | None,
    records: bool,
    proofs: bool,
) -> None:
    """Write the source bytes of SESSION, just as they were read."""
    from roguewatch.errors import InputError
    from roguewatch.ledger.ledger import Ledger
    from roguewatch.ledger.record import encode

    if records and proofs:
        raise InputError("--records and --proofs exclude each other")
    found = False
    with Ledger.open(store, readonly=True) as ledger:
        whole = _whole(session, store, ledger)
        with _stream(out) as stream:
            for event in ledger.events(session=whole):
                found = True
                if proofs:
                    import msgspec

                    stream.write(msgspec.json.encode(ledger.prove(event.id)) + b"\n")
                elif records:
                    stream.write(encode(event) + b"\n")
                elif event.raw:
                    stream.write(event.raw if event.raw.endswith(b"\n") else event.raw + b"\n")
    if not found:
        raise InputError(f"no session {printable(session, 80)} in {printable_path(store)}")


def _whole(session: str, store: Path, ledger: Ledger) -> str:
    """The session of this id in the ledger, or the one that the state knows to begin so.

    Raises:
        StateError: none or several do.
    """
    if next(iter(ledger.events(session=session)), None) is not None:
        return session
    from roguewatch.state.database import connect
    from roguewatch.state.sessions import Sessions

    engine = connect(store)
    try:
        return Sessions(engine).find(session).session
    finally:
        engine.dispose()


@command.command()
@store_option
@witness_option
@json_option
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An older checkpoint: prove that it is the beginning of this log.",
)
@click.option("--new-witness", is_flag=True, help="Start a witness where the old one is lost.")
@out_option
def checkpoint(
    store: Path,
    witness: str | None,
    as_json: bool,
    since: Path | None,
    new_witness: bool,
    out: Path | None,
) -> None:
    """Seal the hot rows, sign, witness, and print the checkpoint."""
    from roguewatch.ledger.ledger import Ledger

    if since is not None:
        with Ledger.open(store, readonly=True, witness=witness) as ledger:
            proof = ledger.prove_consistency(since.read_text(encoding="utf-8", errors="replace"))
        _write(out, proof.encode())
        return
    with Ledger.open(store, create=False, witness=witness, new_witness=new_witness) as ledger:
        signed = ledger.seal()
        error, key = ledger.witness_error, str(ledger.identity.verifier())
    if as_json:
        print_json({"checkpoint": signed.note, "size": signed.size, "key": key})
    else:
        _write(out, signed.note.encode())
    if error:
        click.echo(f"roguewatch: not witnessed: {printable(error)}", err=True)


@contextmanager
def _stream(out: Path | None) -> Iterator[IO[bytes]]:
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with out.open("wb") as stream:
            yield stream


def _write(out: Path | None, data: bytes) -> None:
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(data)
