"""Rows of JSON lines, checked where they enter: an error names file, line and field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path

MAX_LINE_BYTES = 64 << 20
MAX_NAME = 1000


class Row:
    """One row of a table, with its place.

    Args:
        place: how errors name it, `file:line` or `row 3`.
        fields: the row's own fields; unknown ones are ignored.
    """

    __slots__ = ("fields", "place")

    def __init__(self, place: str, fields: Mapping[str, Any]) -> None:
        self.place = place
        self.fields = fields

    def wrong(self, name: str, expected: str) -> InputError:
        """The error for a field that cannot be used."""
        if name in self.fields:
            value = printable(repr(self.fields[name]), 60)
            return InputError(f"{self.place}: field {name!r} is {value}; expected {expected}")
        return InputError(f"{self.place}: field {name!r} is missing; expected {expected}")

    def find(self, names: Sequence[str]) -> str | None:
        """The first of `names` that the row has with a value other than null."""
        for name in names:
            if self.fields.get(name) is not None:
                return name
        return None

    def number(
        self,
        names: Sequence[str],
        *,
        low: float = -math.inf,
        high: float = math.inf,
        above: float = -math.inf,
        expected: str = "a finite number",
    ) -> float:
        """A finite number in [low, high] and greater than `above`, under any of `names`.

        Raises:
            InputError: where it is missing, no number, not finite or out of range.
        """
        name = self.find(names)
        if name is None:
            raise self.wrong(names[0], expected)
        value = self.fields[name]
        if isinstance(value, bool):
            value = float(value)
        if not isinstance(value, int | float):
            raise self.wrong(name, expected)
        try:
            number = float(value)
        except OverflowError:
            raise self.wrong(name, expected) from None
        if not math.isfinite(number) or not low <= number <= high or number <= above:
            raise self.wrong(name, expected)
        return number

    def optional(self, names: Sequence[str], **limits: Any) -> float | None:
        """Like `number`, but None where the row has no such field."""
        return None if self.find(names) is None else self.number(names, **limits)

    def text(self, names: Sequence[str]) -> str:
        """A name (numbers are taken as their text), under any of `names`; never empty.

        Bounded, valid Unicode and without NUL, so that it can stand in an array and in JSON.
        """
        expected = f"a text of 1 to {MAX_NAME} valid characters"
        name = self.find(names)
        if name is None:
            raise self.wrong(names[0], expected)
        value = self.fields[name]
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or "\0" in value:
            raise self.wrong(name, expected)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.wrong(name, expected) from None
        return value

    def flag(self, names: Sequence[str], default: bool = False) -> bool:
        """True or false (also 0 and 1), under any of `names`."""
        name = self.find(names)
        if name is None:
            return default
        value = self.fields[name]
        if value in (0, 1, True, False):
            return bool(value)
        raise self.wrong(name, "true or false")


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON lines file; blank lines are skipped.

    Raises:
        InputError: the file cannot be read, a line is no JSON object, or there is no row.
    """
    name = printable_path(path)
    empty = True
    try:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(MAX_LINE_BYTES):
                number += 1
                if not line.strip():
                    continue
                empty = False
                yield Row(f"{name}:{number}", _decode(line, f"{name}:{number}"))
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    if empty:
        raise InputError(f"{name}: holds no rows; expected one JSON object a line")


def _decode(line: bytes, place: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{place}: is not valid JSON ({printable(str(error), 120)})") from None
    if not isinstance(value, dict):
        raise InputError(f"{place}: is a JSON {type(value).__name__}; expected an object")
    return value


def rows_of(table: Any) -> Iterator[Row]:
    """The rows of a dataframe, a mapping of columns, or a sequence of mappings.

    A dataframe is anything with `columns` and `table[column]` (pandas, Polars); its
    missing values (None, NaN) count as absent.
    """
    if hasattr(table, "columns") or isinstance(table, Mapping):
        names = list(table.columns if hasattr(table, "columns") else table)
        columns = [list(table[name]) for name in names]
        if len({len(column) for column in columns}) > 1:
            raise InputError("the columns of the table differ in length")
        rows: Any = (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))
    else:
        rows = table
    for index, fields in enumerate(rows):
        present = {k: _plain(v) for k, v in fields.items() if not _missing(v)}
        yield Row(f"row {index}", present)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
