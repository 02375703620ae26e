"""An action as the matcher reads it: field values, folded and encoded once."""

from __future__ import annotations

from roguewatch.detect.action import Action
from roguewatch.detect.fields import FIELDS, Field, Value, Values, field
from roguewatch.detect.sigma.expression import KEYWORD, fold

_known: dict[str, Field] = dict(FIELDS)
_EVENT = -1


def text_of(value: Value) -> str:
    """A value as the text that string tests see."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_ASCII = bytes(range(128))


def fold_bytes(text: str) -> bytes:
    """`fold` of a text, in UTF-8.

    Folding one by one is slow where a text is not ASCII. In most such texts the rest has no
    case (dashes, ticks, boxes), and then bytes are folded as well.
    """
    if text.isascii():
        return text.lower().encode()
    data = text.encode("utf-8", "replace")
    rest = data.translate(None, _ASCII).decode("utf-8", "replace")
    return data.lower() if fold(rest) == rest else fold(text).encode("utf-8", "replace")


class View:
    """The fields of one action. `at` is a command's index, or -1 where there is none."""

    __slots__ = ("_encoded", "_folded", "_texts", "_values", "action", "scanned")

    def __init__(self, action: Action) -> None:
        self.action = action
        self.scanned = 0
        """Bytes that regular expressions have looked at: the cost of this event."""
        self._values: dict[tuple[str, int], Values] = {}
        self._texts: dict[tuple[str, int], tuple[str, ...]] = {}
        self._folded: dict[tuple[str, int], tuple[bytes, ...]] = {}
        self._encoded: dict[tuple[str, int], tuple[bytes, ...]] = {}

    def values(self, name: str, at: int) -> Values:
        if name == KEYWORD:
            return (self.action.text, *self.action.strings)
        known = _known.get(name)
        if known is None:
            known = field(name)
            assert known is not None, name
            _known[name] = known
        key = (name, at if known.per_command else _EVENT)
        found = self._values.get(key)
        if found is None:
            command = self.action.commands[at] if known.per_command and at >= 0 else None
            found = self._values[key] = known.get(self.action, command)
        return found

    def texts(self, name: str, at: int) -> tuple[str, ...]:
        """Its values as the texts that string tests see."""
        key = (name, at)
        found = self._texts.get(key)
        if found is None:
            values = self.values(name, at)
            if len(values) == 1 and isinstance(values[0], str):
                found = (values[0],)
            else:
                found = tuple([v if isinstance(v, str) else text_of(v) for v in values])
            self._texts[key] = found
        return found

    def folded(self, name: str, at: int) -> tuple[bytes, ...]:
        """Its texts, case folded, in UTF-8, in which texts are compared and searched."""
        key = (name, at)
        found = self._folded.get(key)
        if found is None:
            texts = self.texts(name, at)
            # Most fields have one value, and many have none.
            if len(texts) == 1:
                found = (fold_bytes(texts[0]),)
            else:
                found = tuple([fold_bytes(text) for text in texts]) if texts else ()
            self._folded[key] = found
        return found

    def encoded(self, name: str, at: int) -> tuple[bytes, ...]:
        """Its texts in UTF-8."""
        key = (name, at)
        found = self._encoded.get(key)
        if found is None:
            texts = self.texts(name, at)
            found = self._encoded[key] = tuple([t.encode("utf-8", "replace") for t in texts])
        return found
