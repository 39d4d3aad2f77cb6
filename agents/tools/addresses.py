"""Which network addresses belong to the public internet. Everything else is somebody's inside.

An address is judged as a number, never as text, so decimal, octal and hexadecimal spellings are all the same here. IPv6
forms that carry an IPv4 address within (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) are refused altogether: no
public server needs them, and what they lead to depends on the network.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_V4_REFUSED = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "168.63.129.16/32",  # a public number, and Azure's way into each virtual machine's host
    )
)  # fmt: skip
_V6_PUBLIC = ip_network("2000::/3")
_V6_REFUSED = tuple(
    ip_network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)  # fmt: skip
_ISATAP = {0x00005EFE, 0x02005EFE}


def is_public(address: str) -> bool:
    """Whether an address in its usual spelling is one of the public internet. What is no address is not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _v4(parsed) if isinstance(parsed, IPv4Address) else _v6(parsed)


def _v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _V4_REFUSED)


def _v6(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _V6_PUBLIC or not address.is_global:
        return False
    if any(address in network for network in _V6_REFUSED):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP
