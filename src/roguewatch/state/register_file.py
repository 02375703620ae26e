"""The register as a YAML file that people review: written, and read with every fault named.

The file is an object with `version: 1` and `deployments`, a list of entries with the fields
of `Deployment`; `expires` is a date. A fault names line and field. Aliases are refused (a
few lines of them can stand for gigabytes), and so are keys given twice.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml

from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path
from roguewatch.state.register import ALL, Deployment, Recognition, Scope

VERSION = 1
MAX_BYTES = 4 << 20
MAX_DEPTH = 20

_HEADER = """\
# The register: every deployment that may act, who owns it, and what it may do.
# Read it back with: roguewatch register import FILE
"""

_BELOW: dict[str, type[msgspec.Struct]] = {"scope": Scope, "recognition": Recognition}
_PATH = re.compile(r"\.([a-z_]+)|\[(\d+)\]")

Place = tuple[str | int, ...]


def written(entries: list[Deployment]) -> str:
    """The file for some entries; the same entries always give the same text."""
    listed = [_plain(entry) for entry in sorted(entries, key=lambda one: one.name)]
    return _HEADER + yaml.safe_dump(
        {"version": VERSION, "deployments": listed},
        sort_keys=False, allow_unicode=True, width=100, default_flow_style=False,
    )  # fmt: skip


def _plain(entry: Deployment) -> dict[str, Any]:
    """An entry without what is at its default; what everybody should think about stays."""
    always = ("name", "owner", "purpose", "stakes", "fail_mode", "lease_seconds", "expires")
    blank = Deployment(name=entry.name)
    plain = {}
    for field in entry.__struct_fields__:
        value = getattr(entry, field)
        if field in always or value != getattr(blank, field):
            plain[field] = msgspec.to_builtins(value)
    if entry.expires is not None:
        plain["expires"] = _iso(entry.expires)
    return plain


def read(path: Path) -> list[Deployment]:
    """The entries of a register's file.

    Raises:
        InputError: it is none; names the line and the field.
    """
    shown = printable_path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{shown}: larger than {MAX_BYTES >> 20} MB, which no register is")
    return _File(shown, data).entries()


class _File:
    """One file while it is read: the lines of everything in it, for messages."""

    def __init__(self, shown: str, data: bytes) -> None:
        self._shown = shown
        self._lines: dict[Place, int] = {}
        self._document: Any = self._load(data)

    def entries(self) -> list[Deployment]:
        document = self._document
        if not isinstance(document, dict):
            raise self._fault((), "expected an object with `version` and `deployments`")
        self._known(document, ("version", "deployments"), ())
        if document.get("version") != VERSION:
            raise self._fault(("version",), f"expected `version: {VERSION}`")
        listed = document.get("deployments")
        if not isinstance(listed, list):
            raise self._fault(("deployments",), "expected a list of entries")
        names: dict[str, int] = {}
        found = []
        for index, value in enumerate(listed):
            place: Place = ("deployments", index)
            entry = self._entry(value, place)
            if entry.name in names:
                first = self._line(("deployments", names[entry.name]))
                raise self._fault(
                    (*place, "name"), f"{entry.name!r} stands in line {first} already"
                )
            names[entry.name] = index
            found.append(entry)
        return found

    def _entry(self, value: Any, place: Place) -> Deployment:
        if not isinstance(value, dict):
            raise self._fault(place, "expected an entry: an object with at least `name`")
        self._known(value, Deployment.__struct_fields__, place)
        for field, struct in _BELOW.items():
            below = value.get(field)
            if isinstance(below, dict):
                self._known(below, struct.__struct_fields__, (*place, field))
        value = dict(value)
        if value.get("expires") is not None:
            value["expires"] = self._moment(value["expires"], (*place, "expires"))
        try:
            entry = msgspec.convert(value, Deployment)
        except msgspec.ValidationError as error:
            said, at = _said(error)
            raise self._fault((*place, *at), said + _choices(at)) from error
        if entry.name in ("", ALL) or len(entry.name) > 200:
            raise self._fault((*place, "name"), f"expected 1 to 200 characters, and not {ALL!r}")
        if not 1 <= entry.lease_seconds <= 86400:
            raise self._fault((*place, "lease_seconds"), "expected 1 to 86400 seconds")
        return entry

    def _moment(self, value: Any, place: Place) -> int:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                raise self._fault(place, "expected a date such as 2026-12-01") from None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if not isinstance(value, datetime) or not 1970 < value.year < 2262:
            raise self._fault(place, "expected a date such as 2026-12-01, between 1971 and 2261")
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000

    def _known(self, value: dict[Any, Any], fields: tuple[str, ...], place: Place) -> None:
        for key in value:
            if key not in fields:
                near = get_close_matches(str(key), fields, 1)
                hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(fields)}"
                raise self._fault((*place, key), f"there is no such field; {hint}")

    def _load(self, data: bytes) -> Any:
        try:
            loader = yaml.SafeLoader(data)
            try:
                self._bounded(data)
                node = loader.get_single_node()
                if node is None:
                    raise self._fault((), "the file is empty")
                self._walk(node, ())
                return loader.construct_document(node)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f", line {mark.line + 1}" if mark else ""
            raise InputError(
                f"{self._shown}{line}: not YAML: {printable(error.problem or '', 200)}"
            ) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self._shown}: not YAML: {printable(str(error), 200) or 'nested too deep'}"
            ) from error

    def _bounded(self, data: bytes) -> None:
        """Refuse aliases and depth before anything is built of them."""
        depth = 0
        for event in yaml.parse(data, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise InputError(f"{self._shown}, line {line}: nested too deep for a register")
            if isinstance(event, yaml.AliasEvent):
                raise InputError(
                    f"{self._shown}, line {line}: aliases are not read; write the value out"
                )

    def _walk(self, node: yaml.Node, place: Place) -> None:
        """Note the line of every value; refuse keys given twice and unprintable text."""
        if place not in self._lines:
            self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = str(key.value)
                below = (*place, name)
                if below in self._lines:
                    raise InputError(
                        f"{self._shown}, line {key.start_mark.line + 1}: `{printable(name, 80)}` "
                        f"is given twice; first in line {self._lines[below]}"
                    )
                self._lines[below] = key.start_mark.line + 1
                self._walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._walk(value, (*place, index))
        elif printable(str(node.value)) != str(node.value):
            raise self._fault(place, "has control characters, or more than one line")

    def _line(self, place: Place) -> int:
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _fault(self, place: Place, said: str) -> InputError:
        field = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in place)
        named = f", {printable(field.lstrip('.'), 120)}" if field else ""
        return InputError(f"{self._shown}, line {self._line(place)}{named}: {said}")


def _said(error: msgspec.ValidationError) -> tuple[str, Place]:
    """What msgspec says of a value, and where: `Expected `str`, got `int` - at `$.owner``."""
    text, _, path = str(error).partition(" - at `$")
    place = tuple(key if key else int(index) for key, index in _PATH.findall(path.rstrip("`")))
    said = text[:1].lower() + text[1:]
    return printable(said, 300), place


def _choices(place: Place) -> str:
    """What a field with a closed set of values may be."""
    kind = get_type_hints(Deployment).get(str(place[-1])) if place else None
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return f"; expected one of: {', '.join(choices)}" if choices else ""


def _iso(time: int) -> str:
    moment = datetime.fromtimestamp(time // 1_000_000_000, UTC)
    if time % (86400 * 1_000_000_000) == 0:
        return moment.date().isoformat()
    micro = time % 1_000_000_000 // 1000
    return moment.replace(microsecond=micro).isoformat()
