"""The values of an action: what can be traced to where it first appeared.

An argument is compared after normalisation (case, white space, percent-encoding,
escaped line breaks, number formats), because an agent rarely copies a value byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from roguewatch.detect.deeds import words

MAX_VALUES = 48
"""Values looked at per call; the most telling come first."""

MAX_ARGUMENT_CHARACTERS = 1 << 13
"""How much of one argument is looked at: of a longer one, its first and last halves of this."""

_FOLD = re.compile(r"\\\n[ \t]{0,64}\\?")
_ATOMS = (
    r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}",  # e-mail address
    r"(?:[a-z][a-z0-9+]{1,9}://|www\.)[^\s\"'<>()\[\]{}|\\^`]{3,512}",  # URL
    r"\b[A-Z]{2}\d{2}[A-Z0-9]{8,30}\b",  # IBAN (ISO 13616)
    r"\b0x[0-9a-fA-F]{8,64}\b",  # hexadecimal address or key
    r"(?<![\w.@-])(?:~|\.{1,2})?/[\w.@+-]{1,255}(?:/[\w.@+-]{1,255}){1,32}",  # path
    r"\b\d[\d ,.-]{6,30}\d\b",  # account, card, telephone number
)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8}")
_DIGITS = re.compile(r"\d[\d ,.-]{6}")
_PIECE = re.compile(r"[a-z0-9]{3,}")
_PHRASE = re.compile(r"[^\n.!?;|&]{16,240}")
_PORT = re.compile(r"(?<=[\w\]]):(?:443|80)(?=[/?#\s\"')>]|$)")
_DOTS = re.compile(r"/\.(?=/)/|(?<=[\w.])/(?!\.\./)[^/\s?#]{1,80}/\.\./")
"""Default ports and dot segments (RFC 3986, 6.2.2.3): one address in two spellings."""
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]{1,9}://)?(?:www\.)?", re.I)
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?$")
_ORDINARY = words(
    "true false none null yes no me main master default all any asc desc low medium high text "
    "html json utf-8 private public read write append general random inbox today tomorrow"
)


class Value(msgspec.Struct, frozen=True):
    """One value of a call."""

    key: str
    """Name of the argument that holds it."""

    text: str
    """Normalised; what is searched for."""

    weight: float
    """How telling a match is: 1.0 for an address or a long phrase, 0.2 for a small number."""

    whole: bool = True
    """Whether it is the whole argument; an address inside a message may only be spoken of."""

    def piece(self) -> str:
        """A piece of it that no other way of writing the value lacks; empty where there is none."""
        if self.text.isdigit() or is_grouped(self.text):
            return ""  # people group digits
        return max(_PIECE.findall(self.text), key=len, default="")


def normalise(text: str) -> str:
    """Lower case, single spaces, escapes and percent-encoding undone. Linear.

    Lines stay apart (a line break is one newline), because sentences end there.
    """
    return "\n".join([" ".join(line.split()) for line in _undone(text).splitlines()])


def flat(text: str) -> str:
    """`normalise`, on one line."""
    return " ".join(_undone(text).split())


def _undone(text: str) -> str:
    """In lower case, without escapes and percent-encoding."""
    if "\\" in text:
        text = _FOLD.sub("", text).replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
    if "''" in text:
        text = text.replace("''", "'")
    if "://" in text:
        if "%" in text:
            text = unquote(text)
        if "/../" in text or "/./" in text or ":443" in text or ":80" in text:
            text = _DOTS.sub("/", _PORT.sub("", text))
    return text.lower()


def address(text: str) -> str:
    """A URL without scheme, `www.` and trailing slash; other text as it is."""
    return _SCHEME.sub("", text).rstrip("/.,;:")


def _number(text: str) -> str:
    """`1,000.00`, `1000.0` and `1000` are the same number."""
    plain = text.replace(",", "").replace(" ", "").lstrip("$€£")
    if not _NUMBER.match(plain):
        return ""
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


@lru_cache(maxsize=1 << len(_ATOMS))
def _atom(wanted: tuple[bool, ...]) -> re.Pattern[str]:
    return re.compile(
        "|".join(one for one, is_wanted in zip(_ATOMS, wanted, strict=True) if is_wanted)
    )


def _atoms(raw: str) -> Iterable[re.Match[str]]:
    """The atoms of a text, looked for only in the shapes that its characters allow."""
    wanted = (
        "@" in raw,
        "://" in raw or "www." in raw,
        _IBAN.search(raw) is not None,
        "0x" in raw,
        "/" in raw,
        _DIGITS.search(raw) is not None,
    )
    return _atom(wanted).finditer(raw) if True in wanted else ()


def _leaves(value: Any, key: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        half = MAX_ARGUMENT_CHARACTERS // 2
        yield key, value if len(value) <= 2 * half else f"{value[:half]}\n{value[-half:]}"
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield key, repr(value)[:40]
    elif depth < 6 and isinstance(value, dict):
        for name, item in list(value.items())[:200]:
            yield from _leaves(item, str(name)[:80] or key, depth + 1)
    elif depth < 6 and isinstance(value, list):
        for item in value[:200]:
            yield from _leaves(item, key, depth + 1)


def _of_text(key: str, raw: str, code: bool) -> Iterator[Value]:
    number = _number(raw.strip()) if len(raw) < 40 else ""
    if number:
        digits = len(number.strip("-0.").replace(".", ""))
        yield Value(key, number, 1.0 if digits >= 8 else 0.4 if digits >= 3 else 0.2)
        return
    long_code = code and len(raw) > 240
    if long_code and "://" not in raw and "@" not in raw and "www." not in raw:
        return
    for match in _atoms(raw):
        complete = len(match.group()) + 2 >= len(raw.strip())
        yield Value(key, address(flat(match.group())), 1.0, complete)
    if long_code:
        return
    whole = flat(raw).strip(" .,;:!?'\"()[]")
    if not whole or whole in _ORDINARY:
        return
    if len(whole) <= 120:
        count = whole.count(" ") + 1
        weight = 1.0 if len(whole) >= 16 and count >= 2 else 0.7 if len(whole) >= 6 else 0.4
        yield Value(key, address(whole), weight if len(whole) >= 3 else 0.2)
        return
    for line in _PHRASE.findall(raw)[:24]:
        phrase = flat(line).strip(" .,;:!?'\"()[]-*#>")
        if phrase.count(" ") >= 2:
            yield Value(key, phrase[:120], 0.7, False)


def argument_values(arguments: dict[str, Any], code: bool = False) -> list[Value]:
    """The traceable values of a call's arguments, the most telling first.

    Args:
        arguments: a call's arguments as decoded JSON; any depth, any size.
        code: long arguments are program text, of which only addresses are telling.

    Returns:
        At most `MAX_VALUES`, without repetitions.
    """
    found: dict[str, Value] = {}
    for key, raw in _leaves(arguments, ""):
        for value in _of_text(key, raw, code):
            if value.text and (value.text not in found or found[value.text].weight < value.weight):
                found[value.text] = value
        if len(found) > 4 * MAX_VALUES:
            break
    return sorted(found.values(), key=lambda value: -value.weight)[:MAX_VALUES]


@lru_cache(maxsize=2048)
def _bounded(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?<![\w.@-])|(?<=www\.)){re.escape(text)}(?![\w@-]|\.\w)")


def is_grouped(text: str) -> bool:
    """Whether people write a value in groups: account, card and telephone numbers, IBANs."""
    return 8 <= len(text) <= 34 and text.isalnum() and sum(map(str.isdigit, text)) >= 8


@lru_cache(maxsize=512)
def _grouped(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){'[ .-]?'.join(text)}(?!\w)")


_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[t ]\d{2}:\d{2}.*)?$")
_MONTHS = (
    "january february march april may june july august september october november december".split()
)


def is_date(text: str) -> bool:
    """Whether a value is a day as tools take it: `2031-04-09`, with or without a time."""
    return len(text) >= 10 and text[4] == "-" and _DATE.match(text) is not None


@lru_cache(maxsize=512)
def _spelled(text: str) -> re.Pattern[str] | None:
    """A day as people write it: "9th of April 2031", "from the 3rd to the 9th of April"."""
    match = _DATE.match(text)
    if match is None or not 1 <= int(match.group(2)) <= 12:
        return None
    month = _MONTHS[int(match.group(2)) - 1]
    name = rf"{month[:3]}(?:{month[3:]})?" if len(month) > 3 else month
    day = rf"0?{int(match.group(3))}(?:st|nd|rd|th)?"
    return re.compile(
        rf"\b{day} (?:(?:to|and|until|till|through|-|–) (?:the )?\d{{1,2}}(?:st|nd|rd|th)? )?(?:of )?{name}\b|"
        rf"\b{name}\.? (?:the )?(?:\d{{1,2}}(?:st|nd|rd|th)? (?:to|and|until|till|through|-|–) (?:the )?)?{day}\b"
    )


def find(value: Value, text: str, start: int = 0) -> int:
    """Where a value stands in normalised text as a whole word, or -1. Linear."""
    wanted = value.text
    at = text.find(wanted, start)
    if at < 0 and is_date(wanted):
        spelled = _spelled(wanted)
        written = spelled.search(text, start) if spelled is not None else None
        return written.start() if written is not None else -1
    if at < 0 and wanted.isdigit() and len(wanted) > 3:
        separated = text.find(f"{int(wanted):,}", start)
        if separated >= 0:
            return separated
    if at < 0 and is_grouped(wanted) and wanted[:2] in text:
        grouped = _grouped(wanted).search(text, start)
        return grouped.start() if grouped else -1
    if len(wanted) > 24:
        return at
    for _ in range(_LOOKS):
        if at < 0 or _is_whole(text, at, at + len(wanted)):
            return at
        at = text.find(wanted, at + 1)
    match = _bounded(wanted).search(text, at) if at >= 0 else None
    return match.start() if match else -1


_LOOKS = 8
"""Places looked at one by one, which is quicker than to compile an expression."""


def _is_whole(text: str, begin: int, end: int) -> bool:
    """What `_bounded` asks, at one place."""
    if begin:
        before = text[begin - 1]
        part = before.isalnum() or before in "_.@-"
        if part and text[max(0, begin - 4) : begin] != "www.":
            return False
    after = text[end : end + 2]
    if not after:
        return True
    if after[0] == ".":
        return not (after[1:].isalnum() or after[1:] == "_")
    return not (after[0].isalnum() or after[0] in "_@-")
