"""Records that are not quite of the shape that is known: what of them is, and what is not.

A reader decodes each record strictly, with types that forbid unknown fields: one pass,
no walking. Where that fails, `understand` decodes it field by field, keeps what is of
the known shape and names the rest.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from roguewatch.events import Event
from roguewatch.sources.lines import Line
from roguewatch.sources.repair import repaired
from roguewatch.sources.source import MAX_RECORD_BYTES
from roguewatch.sources.tally import Tally

S = TypeVar("S", bound=msgspec.Struct)

NOTHING = msgspec.Raw(b"")
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_MISSING = object()


class Drift(NamedTuple):
    """One field that is not of the known shape."""

    record: str
    field: str
    why: str = ""


def raw_text(raw: msgspec.Raw) -> str:
    """The JSON text that was sliced out of a record; empty where there was none."""
    return str(raw, "utf-8", "replace")


def understand(
    line: Line,
    shape: type[S],
    tally: Tally,
    *,
    known: frozenset[str] = frozenset(),
    types_known: frozenset[str] | None = None,
) -> tuple[S | None, list[Event]]:
    """Decode a line that strict decoding refused.

    Args:
        line: the line.
        shape: a struct whose fields all have defaults; `type` names the record.
        tally: where gaps are counted.
        known: top-level fields that are known but that `shape` does not need.
        types_known: where given, the fields of a record of another type are not told one
            by one: the type is what is not known.

    Returns:
        The record as far as it is understood (None: it is no JSON object), and a gap for
        each new kind of difference.
    """
    if line.skipped:
        reason = f"a line of {line.skipped} bytes, more than the {MAX_RECORD_BYTES} that are read"
        gap = tally.gap("malformed", reason, line.offset, key=f"{line.skipped}", why="too long")
        return None, [gap]
    fields, why = _fields(line.data)
    if fields is None:
        code = "malformed" if line.whole or not why.startswith("Input data was trunc") else ""
        code = code or "truncated_tail"
        reason = {
            "malformed": f"a line that is no JSON object: {why}",
            "truncated_tail": "the last line ends in the middle of a record",
        }[code]
        return None, [tally.gap(code, reason, line.offset, raw=line.data, why=why)]
    drifts: list[Drift] = []
    label = _label(fields)
    for name in known:
        fields.pop(name, None)
    record = _struct(fields, shape, label, drifts)
    if types_known is not None and label not in types_known:
        return record, []
    gaps = [tally.unknown_field(d.record, d.field, line.offset, d.why) for d in drifts]
    return record, [gap for gap in gaps if gap is not None]


def _fields(data: bytes) -> tuple[dict[str, msgspec.Raw] | None, str]:
    """The top-level fields, of the repaired text where the text itself is refused."""
    try:
        text = data
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            text = repaired(data)
            msgspec.json.decode(text)
        return _FIELDS.decode(text), ""
    except RecursionError:
        return None, "nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, str(error)


def _label(fields: dict[str, msgspec.Raw]) -> str:
    try:
        return msgspec.json.decode(fields.get("type", b'""'), type=str) or "record"
    except msgspec.DecodeError:
        return "record"


@cache
def _shape(shape: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Encoded name → (name, type) of a struct's fields."""
    return {f.encode_name: (f.name, f.type) for f in msgspec.structs.fields(shape)}


def _struct(fields: dict[str, msgspec.Raw], shape: type[S], label: str, drifts: list[Drift]) -> S:
    known = _shape(shape)
    values = {}
    for encoded, raw in fields.items():
        if encoded not in known:
            drifts.append(Drift(label, encoded))
            continue
        name, type_ = known[encoded]
        value = _value(raw, type_, f"{label}.{encoded}", drifts)
        if value is _MISSING:
            drifts.append(Drift(label, encoded, "whose value is of a kind that it never had"))
        else:
            values[name] = value
    return shape(**values)


def _value(raw: msgspec.Raw, type_: Any, label: str, drifts: list[Drift]) -> Any:
    """A value of that type; where it is a struct or a list of them, as far as possible."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    for choice in _choices(type_):
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            if _starts(raw, b"{"):
                return _struct(_FIELDS.decode(raw), choice, label, drifts)
        elif get_origin(choice) is list and _starts(raw, b"["):
            item = get_args(choice)[0]
            found = [_value(each, item, f"{label}[]", drifts) for each in _ITEMS.decode(raw)]
            if _MISSING in found:
                drifts.append(Drift(label, "[]", "with an item of a kind that it never had"))
            return [each for each in found if each is not _MISSING]
    return _MISSING


def _starts(raw: msgspec.Raw, with_: bytes) -> bool:
    return bytes(memoryview(raw)[:16]).lstrip()[:1] == with_


def _choices(type_: Any) -> tuple[Any, ...]:
    if get_origin(type_) in (Union, types.UnionType):
        return get_args(type_)
    return (type_,)
