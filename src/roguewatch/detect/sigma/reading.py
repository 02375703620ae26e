"""Rule folders into one `RuleSet`, through a compiled cache beside the rules."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from roguewatch import __version__
from roguewatch.detect.sigma.rule import Correlation, RuleSet
from roguewatch.errors import RuleError
from roguewatch.printable import printable_path

if TYPE_CHECKING:
    from roguewatch.detect.sigma.document import Document

MAX_RULE_BYTES = 1 << 20
_FORMAT = b"roguewatch rules 5 " + __version__.encode()
_CACHE_FOLDER = "__pycache__"


class _Compiled(msgspec.Struct, frozen=True):
    """What a cache file holds. Nothing has a default: a damaged file is no empty one."""

    key: str
    rules: RuleSet


def rule_files(folder: Path) -> list[Path]:
    """The YAML files below a folder, or the file itself, in order of their names.

    Raises:
        RuleError: the folder does not exist.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise RuleError(f"{printable_path(folder)}: there is no such folder of rules")
    return sorted(path for path in folder.rglob("*.y*ml") if path.suffix in (".yml", ".yaml"))


def read_rules(folders: Sequence[Path], *, cached: bool = True) -> RuleSet:
    """All rules of the folders, checked and with references resolved.

    The compiled form is kept in `__pycache__` in the first folder, keyed by the content
    of all rule files, as Python keeps compiled modules: whoever can write there can write
    the rules themselves. It is decoded as typed data, never executed, and is ignored when
    its owner or mode says that others may have written it.

    Raises:
        RuleError: naming file, key and reason of the first rule that cannot be run.
    """
    texts = [(path, _read(path)) for folder in folders for path in rule_files(folder)]
    if not texts:
        return RuleSet()
    digest = sha256(_FORMAT)
    for path, text in texts:
        name = os.fsencode(path.name)
        digest.update(b"%d:%b%d:" % (len(name), name, len(text)))
        digest.update(text)
    home = folders[0] if folders[0].is_dir() else folders[0].parent
    cache = home / _CACHE_FOLDER / f"rules-{digest.hexdigest()[:40]}.msgpack"
    if cached and (found := _cached(cache, home)) is not None:
        return found
    found = compile_rules(texts)
    if cached:
        _keep(cache, found)
    return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_RULE_BYTES + 1)
    except OSError as error:
        raise RuleError(f"{printable_path(path)}: cannot be read: {error.strerror}") from error
    if len(text) > MAX_RULE_BYTES:
        raise RuleError(f"{printable_path(path)}: more than {MAX_RULE_BYTES >> 20} MiB of rules")
    return text


def _cached(cache: Path, home: Path) -> RuleSet | None:
    try:
        with cache.open("rb") as stream:
            status = os.fstat(stream.fileno())
            shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if shared or status.st_uid not in (home.stat().st_uid, os.getuid()):
                return None
            found = msgspec.msgpack.decode(stream.read(), type=_Compiled)
            return found.rules if found.key == cache.name else None
    except (OSError, msgspec.DecodeError):
        return None


def _keep(cache: Path, rules: RuleSet) -> None:
    """Write the compiled form; a folder that cannot be written only costs start-up time."""
    temporary = cache.with_suffix(f".{os.getpid()}")
    try:
        cache.parent.mkdir(exist_ok=True)
        for old in cache.parent.glob("rules-*.msgpack"):
            old.unlink(missing_ok=True)
        temporary.write_bytes(msgspec.msgpack.encode(_Compiled(cache.name, rules)))
        temporary.chmod(0o644)
        temporary.replace(cache)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def compile_rules(texts: Sequence[tuple[Path, bytes]], *, examples: bool = True) -> RuleSet:
    """Parse, check and resolve rule files, and try every rule's examples.

    Args:
        texts: each file's path and content.
        examples: whether an example that does not hold is an error.

    Raises:
        RuleError: naming file, key and reason.
    """
    # pySigma is needed only here: a start from the cache does not import it.
    from sigma.correlations import SigmaCorrelationRule
    from sigma.filters import SigmaFilter
    from sigma.rule import SigmaRule

    from roguewatch.detect.sigma.documents import documents_of
    from roguewatch.detect.sigma.examples import example_faults
    from roguewatch.detect.sigma.gates import check_possible

    documents = [document for path, text in texts for document in documents_of(path, text)]
    ids: dict[str, str] = {}
    for document in documents:
        for name in dict.fromkeys((document.id, str(document.sigma.id or document.id))):
            if name in ids:
                raise document.refuse("name", f"{name} is taken by another rule")
            ids[name] = document.id
    rules = {d.id: d for d in documents if isinstance(d.sigma, SigmaRule)}
    correlations = [d for d in documents if isinstance(d.sigma, SigmaCorrelationRule)]
    for document in documents:
        if isinstance(document.sigma, SigmaFilter):
            _apply(document, rules, ids)
    quiet = _quiet(correlations, ids)
    compiled = RuleSet(
        tuple(document.rule(name not in quiet) for name, document in rules.items()),
        _ordered([d.correlation(ids, d.id not in quiet) for d in correlations], set(rules)),
    )
    for rule in compiled.rules:
        check_possible(rule)
    if examples:
        for fault in example_faults(compiled):
            raise RuleError(fault)
    return compiled


def _apply(document: Document, rules: dict[str, Document], ids: dict[str, str]) -> None:
    """Put a Sigma filter into the rules that it names; one that names none is refused."""
    named = document.sigma.filter.rules  # type: ignore[union-attr]
    for reference in [] if isinstance(named, str) else named:
        if ids.get(str(reference.reference)) not in rules:
            raise document.refuse("filter.rules", f"there is no rule {reference.reference}")
    for rule in rules.values():
        rule.sigma = document.sigma.apply_on_rule(rule.sigma)  # type: ignore[union-attr,arg-type]


def _quiet(correlations: list[Document], ids: dict[str, str]) -> set[str]:
    """Rules that only feed correlations: those of a correlation without `generate: true`.

    A rule that another correlation asks to be generated, or that is no one's, reports.
    """
    followed: dict[str, bool] = {}
    for document in correlations:
        sigma: Any = document.sigma
        names = [reference.reference for reference in sigma.rules or ()]
        if not names and hasattr(sigma.condition, "get_referenced_rules"):
            names = sigma.condition.get_referenced_rules()
        for name in names:
            identity = ids.get(str(name), "")
            followed[identity] = followed.get(identity, False) or bool(sigma.generate)
    return {name for name, generates in followed.items() if not generates}


def _ordered(found: list[Correlation], known: set[str]) -> tuple[Correlation, ...]:
    """Correlations after those that they follow.

    Raises:
        RuleError: they follow each other in a circle.
    """
    ordered: list[Correlation] = []
    waiting = list(found)
    while waiting:
        ready = [one for one in waiting if known.issuperset(one.rules)]
        if not ready:
            meta = waiting[0].meta
            raise RuleError(f"{meta.file}: {meta.title}: correlation.rules: goes in a circle")
        ordered += ready
        known |= {one.meta.id for one in ready}
        waiting = [one for one in waiting if one not in ready]
    return tuple(ordered)
