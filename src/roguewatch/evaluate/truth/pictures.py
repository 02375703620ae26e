"""Reads back the text of a picture that `payloads.shot` took."""

from __future__ import annotations

import struct
import zlib

from roguewatch.evaluate.payloads.shot import COLUMNS, FONT, HIGH, ROWS, WIDE

_SIZE = (COLUMNS * WIDE + 1) * ROWS * HIGH
_GLYPHS = {
    FONT[place * 5 : place * 5 + 5]: chr(32 + place) for place in reversed(range(len(FONT) // 5))
}


def text_of(picture: bytes | None) -> str | None:
    """The picture's text; None where it is no picture of that make."""
    rows = _rows(picture or b"")
    if rows is None:
        return None
    lines = []
    for row in range(ROWS):
        letters = []
        for column in range(COLUMNS):
            glyph = bytearray(5)
            for x in range(5):
                for y in range(8):
                    if rows[row * HIGH + y][column * WIDE + x] == 0:
                        glyph[x] |= 1 << y
            letters.append(_GLYPHS.get(bytes(glyph), "\ufffd"))
        lines.append("".join(letters).rstrip())
    return "\n".join(lines).strip()


def _rows(picture: bytes) -> list[bytes] | None:
    if not picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    place, data, right = 8, b"", False
    while place + 12 <= len(picture):
        length, kind = struct.unpack_from(">I4s", picture, place)
        body = picture[place + 8 : place + 8 + length]
        place += 12 + length
        if kind == b"IHDR" and len(body) == 13:
            right = struct.unpack(">IIBBBBB", body) == (
                COLUMNS * WIDE, ROWS * HIGH, 8, 0, 0, 0, 0,
            )  # fmt: skip
        elif kind == b"IDAT":
            data += body
    if not right:
        return None
    try:
        # Never more than the picture's own size: what is read was made by an agent.
        plain = zlib.decompressobj().decompress(data, _SIZE)
    except zlib.error:
        return None
    width = COLUMNS * WIDE + 1
    found = [plain[at + 1 : at + width] for at in range(0, len(plain), width)]
    unfiltered = all(plain[at] == 0 for at in range(0, len(plain), width))
    return found if len(plain) == _SIZE and unfiltered else None
