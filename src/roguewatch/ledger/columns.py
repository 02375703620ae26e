"""Events as columns: the schema of a segment, rows into Arrow and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from roguewatch.events import Event, Origin, Usage

LOW = [
    "session",
    "kind",
    "surface",
    "sighting",
    "agent",
    "parent_agent",
    "author",
    "tool",
    "permission_mode",
    "model",
    "cwd",
    "origin_file",
    "prompt_id",
    "detail",
]
"""Columns of few different values, which a dictionary suits."""

SCHEMA = pa.schema(
    [
        pa.field("leaf", pa.int64(), nullable=False),
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("id", "session", "kind", "surface", "sighting", "agent", "parent_agent")
        ),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("ns", tz="UTC")),
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in (
                "author", "tool", "call_id", "request_id", "prompt_id", "parent", "arguments",
                "text", "permission_mode", "model", "cwd", "detail", "origin_file",
            )
        ),
        pa.field("origin_offset", pa.int64(), nullable=False),
        pa.field("exit_status", pa.int64()),
        pa.field("failed", pa.bool_()),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("part", pa.int64(), nullable=False),
        *(
            pa.field(f"usage_{name}", pa.int64())
            for name in ("input", "output", "cache_read", "cache_write", "reasoning")
        ),
        pa.field("raw", pa.binary(), nullable=False),
    ]
)  # fmt: skip
"""The columns. `usage_*` are null together, where an event has no usage."""


def batch_of(events: Sequence[Event], first: int) -> pa.RecordBatch:
    """The columns of events whose leaves start at `first`."""
    # astuple and zip turn rows into columns in C.
    rows = zip(*map(msgspec.structs.astuple, events), strict=True)
    columns: dict[str, Any] = dict(zip(Event.__struct_fields__, rows, strict=True))
    origins, usages = columns.pop("origin"), columns.pop("usage")
    columns["leaf"] = range(first, first + len(events))
    columns["origin_file"] = [origin.file for origin in origins]
    columns["origin_offset"] = [origin.offset for origin in origins]
    nothing = (None,) * len(Usage.__struct_fields__)
    used = [nothing if usage is None else msgspec.structs.astuple(usage) for usage in usages]
    for name, column in zip(Usage.__struct_fields__, zip(*used, strict=True), strict=True):
        columns[f"usage_{name}"] = column
    return pa.RecordBatch.from_arrays(
        [array(columns[field.name], field) for field in SCHEMA], schema=SCHEMA
    )


def array(column: Sequence[Any], field: pa.Field) -> pa.Array:
    """A column as Arrow lays it out in memory.

    Not by `pa.array`, which imports pandas where it is installed (45 MB) to see whether
    the column is one of its.
    """
    if pa.types.is_string(field.type):
        text = "".join(column)
        data = text.encode()
        if len(data) == len(text):
            return _pieces(column, data, field.type)
        encoded = [value.encode() for value in column]
        return _pieces(encoded, b"".join(encoded), field.type)
    if pa.types.is_binary(field.type):
        return _pieces(column, b"".join(column), field.type)
    count, present = len(column), None
    if field.nullable and None in column:
        if column.count(None) == count:
            return pa.nulls(count, field.type)
        known = np.fromiter((value is not None for value in column), bool, count)
        present = pa.py_buffer(np.packbits(known, bitorder="little"))
        column = [value or 0 for value in column]
    if pa.types.is_boolean(field.type):
        values = np.packbits(np.fromiter(column, bool, count), bitorder="little")
    else:
        values = np.fromiter(column, np.int64, count)
    return pa.Array.from_buffers(field.type, count, [present, pa.py_buffer(values)])


def _pieces(column: Sequence[str] | Sequence[bytes], data: bytes, kind: pa.DataType) -> pa.Array:
    """Strings that stand one after the other in `data`."""
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, column), np.int64, len(column)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(column), buffers)


def scalar(value: str | int | bool, column: str) -> pa.Scalar:
    """A value of the type of a column; `pa.scalar` imports pandas too."""
    return array([value], SCHEMA.field(column))[0]


def events_of(table: pa.Table) -> list[tuple[int, Event]]:
    columns = [
        (column.cast(pa.int64()) if name == "time" else column).to_pylist()
        for name, column in zip(SCHEMA.names, table.columns, strict=True)
    ]
    return [
        (
            leaf,
            Event(
                id=id_, session=session, kind=kind, surface=surface, sighting=sighting,
                agent=agent, parent_agent=parent_agent, seq=seq, time=time, author=author,
                tool=tool, call_id=call_id, request_id=request_id, prompt_id=prompt_id,
                parent=parent, arguments=arguments, text=text, permission_mode=permission_mode,
                model=model, cwd=cwd, detail=detail, origin=Origin(file, offset),
                exit_status=exit_status, failed=failed, truncated=truncated, part=part,
                usage=None if used is None else Usage(used, output, read, write, reasoning),
                raw=raw,
            ),
        )
        for (
            leaf, id_, session, kind, surface, sighting, agent, parent_agent, seq, time, author,
            tool, call_id, request_id, prompt_id, parent, arguments, text, permission_mode, model,
            cwd, detail, file, offset, exit_status, failed, truncated, part, used, output, read,
            write, reasoning, raw,
        ) in zip(*columns, strict=True)
    ]  # fmt: skip
