"""Arguments that stand in headers too: `Mcp-Param-*` (revision 2026-07-28, Transports,
"Custom Headers from Tool Parameters"; SEP-2243).

A tool's input schema names with `x-mcp-header` the properties whose values a client repeats
in headers, so that a proxy may route by them. A call whose header says one thing and whose
body another would pass every check made of one of them, so both must agree; a header that
no schema declares must at least repeat a value that the body has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from roguewatch.gateway.mcp.headers import PARAM, header_value
from roguewatch.gateway.mcp.message import HEADER_MISMATCH, Frame, FrameError
from roguewatch.gateway.mcp.revisions import REVISIONS

ANNOTATION = "x-mcp-header"

Path = tuple[str, ...]
Declared = Mapping[str, Path]
"""Where a header's value stands in the arguments, by the header's name in lower case and
without its prefix."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL = re.compile(r"(-?[0-9]{1,400})(?:\.0+)?")
_TYPES = ("string", "integer", "boolean")
_DATA = ("default", "examples", "const", "enum")
"""Keywords of JSON Schema that hold instances, not schemas."""
_NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_MAX_PLACES = 20_000


def declared(schema: Any) -> Declared:
    """The headers that a tool's input schema declares; none where a declaration breaks the
    specification's rules, since clients must not use such a tool."""
    found: dict[str, Path] = {}
    for count, (path, place) in enumerate(_places(schema)):
        if count > _MAX_PLACES:
            return {}
        if ANNOTATION not in place:
            continue
        token = place[ANNOTATION]
        if (
            not path
            or not isinstance(token, str)
            or not _TOKEN.fullmatch(token)
            or token.lower() in found
            or place.get("type") not in _TYPES
        ):
            return {}
        found[token.lower()] = path
    return found


def _places(root: Any) -> Iterator[tuple[Path | None, dict[str, Any]]]:
    """Every schema in a schema, with its chain of `properties` from the root; None where
    something else led to it."""
    waiting: list[tuple[Path | None, Any]] = [((), root)]
    while waiting:
        path, place = waiting.pop()
        if not isinstance(place, dict):
            continue
        yield path, place
        for keyword, value in place.items():
            if keyword in _NAMED and isinstance(value, dict):
                on = path is not None and keyword == "properties"
                waiting += [((*(path or ()), name) if on else None, one)
                            for name, one in value.items()]  # fmt: skip
            elif keyword not in _DATA:
                parts = value if isinstance(value, list) else [value]
                waiting += [(None, one) for one in parts]


def check_params(
    headers: Mapping[str, str],
    frame: Frame,
    revision: str,
    declared_of: Callable[[str], Declared],
) -> None:
    """Refuse a frame whose `Mcp-Param-*` headers and body do not agree.

    Args:
        headers: those that route, by name in lower case.
        frame: the body.
        revision: that it speaks.
        declared_of: what the schema of a tool declares; empty where it is not known.

    Raises:
        FrameError: they do not.
    """
    given = {name[len(PARAM) :]: value for name, value in headers.items() if name.startswith(PARAM)}
    stateless = revision in REVISIONS and REVISIONS[revision].stateless
    if not given and not stateless:
        return
    message = frame.messages[0]
    calls = message.method == "tools/call" and not frame.batch
    arguments = (message.params.get("arguments") or {}) if calls else {}
    for token, path in declared_of(str(message.params.get("name"))).items() if calls else ():
        value = _at(arguments, path)
        if token in given:
            _agree(frame, token, given.pop(token), [value])
        elif stateless and _written(value) is not None:
            raise FrameError(HEADER_MISMATCH, f"{PARAM}{token} is missing", frame.ids)
    for token, value in given.items():
        _agree(frame, token, value, _scalars(arguments))


def _agree(frame: Frame, token: str, header: str, values: list[Any]) -> None:
    """Refuse a header that says none of these values."""
    said = header_value(header)
    if said is None or not any(_says(said, value) for value in values):
        raise FrameError(HEADER_MISMATCH, f"{PARAM}{token} differs from the body", frame.ids)


def _says(said: str, value: Any) -> bool:
    whole = _DECIMAL.fullmatch(said)
    integral = type(value) is int or (isinstance(value, float) and value.is_integer())
    if whole and integral and abs(value) < 10**300:
        return int(whole[1]) == int(value)
    return said == _written(value)


def _written(value: Any) -> str | None:
    """A value as it stands in a header; None where it stands in none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _at(arguments: Any, path: Path) -> Any:
    for key in path:
        arguments = arguments.get(key) if isinstance(arguments, dict) else None
    return arguments


def _scalars(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        else:
            found.append(one)
    return found
