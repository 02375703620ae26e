"""IPv4 addresses in disguise: decimal, octal, hexadecimal, mapped into IPv6.

`http://2852039166/`, `http://0xa9.0xfe.0xa9.0xfe/` and `http://[::ffff:a9fe:a9fe]/`
all reach 169.254.169.254 (inet_aton(3), RFC 4291 section 2.5.5.2).
"""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(
    r"^([a-z][a-z0-9+.-]*://)?((?:[^@/\s]*@)?)(\[[^\]]+\]|[^:/?#\s]+)(.*)$", re.I | re.S
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|\d{1,11}")


def address_forms(url: str) -> list[str]:
    """The same URL with a dotted address, where its host is one in disguise."""
    match = _HOST.match(url[:2048])
    if match is None:
        return []
    scheme, user, host, rest = match.groups()
    if host[:1] not in "[0123456789":
        return []
    dotted = _dotted(host)
    return [f"{scheme or ''}{user}{dotted}{rest}"] if dotted and dotted != host else []


def _dotted(host: str) -> str:
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1].partition("%")[0])
        except ValueError:
            return ""
        mapped = address.ipv4_mapped or address.sixtofour
        if mapped is None and 0 < int(address) < 2**32 and int(address) > 1:
            mapped = ipaddress.IPv4Address(int(address))
        return str(mapped) if mapped else ""
    pieces = host.rstrip(".").split(".")
    if len(pieces) > 4 or not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return ""
    if len(pieces) == 1 and pieces[0].isdigit() and int(pieces[0]) < 2**24:
        return ""  # a port or a count, not an address
    numbers = [_number(piece) for piece in pieces]
    if any(number is None for number in numbers):
        return ""
    values = [number for number in numbers if number is not None]
    last = values.pop()
    if any(value > 255 for value in values) or last >= 256 ** (4 - len(values)):
        return ""
    total = last
    for index, value in enumerate(values):
        total += value << (8 * (3 - index))
    return str(ipaddress.IPv4Address(total))


def _number(piece: str) -> int | None:
    if piece[:2] in ("0x", "0X"):
        return int(piece, 16)
    if piece.startswith("0") and len(piece) > 1:
        return int(piece, 8) if not set(piece) & {"8", "9"} else None
    return int(piece)
