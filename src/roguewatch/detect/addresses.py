"""IP addresses as they stand in URLs and arguments."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_MAX_HOST = 255
_MAX_SCHEME = 30


@lru_cache(maxsize=1024)
def network(cidr: str) -> IPv4Network | IPv6Network:
    return ip_network(cidr, strict=False)


def in_network(text: str, net: IPv4Network | IPv6Network) -> bool:
    """Whether `text` is, or is a URL or host:port with, an address of the network."""
    address = address_in(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped and net.version == 4:
        address = address.ipv4_mapped
    return address is not None and address in net


def address_in(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `10.0.0.1`, `10.0.0.1:80`, `[::1]:80`, `http://u@10.0.0.1/x`.

    In a URL the host may also be written the ways that inet_aton(3) reads and clients
    follow: `http://2852039166/`, `http://0xa9.0xfe.43518/`, `http://127.1/`.
    """
    scheme, mark, rest = text.partition("://")
    url = bool(mark) and len(scheme) < _MAX_SCHEME and ":" not in scheme
    host = rest if url else text
    for end in "/?#\\":
        host = host.split(end, 1)[0]
    host = host.rpartition("@")[2].strip()
    if host.startswith("["):
        host = host[1:].split("]", 1)[0]
    elif host.count(":") == 1:
        host = host.split(":")[0]
    if not host or len(host) > _MAX_HOST:
        return None
    try:
        return ip_address(host.split("%", 1)[0] if ":" in host else host)
    except ValueError:
        pass
    if not url or not host.isascii():
        return None
    try:
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, ValueError):
        return None
