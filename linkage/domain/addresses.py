"""Which addresses a post may be passed on to: public ones only.

A bot's owner names the receiver behind us, and our function posts to it from where it stands. So an address
that means something else there than to its owner (this machine, a private network, the metadata service of
the cloud) is refused, in whichever form it is written.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TUNNELS = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4: the real destination is another address inside of these."""


def may_receive(address: str, *, loopback: bool = False) -> bool:
    """Tell whether posts may be passed on to an address.

    Args:
        address: IPv4 or IPv6, as a resolver gives it; an IPv6 address may have a scope.
        loopback: whether this machine is allowed, as the local cloud does.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if not isinstance(found, IPv4Address):
        if found.ipv4_mapped is None:
            unicast = found in _GLOBAL_UNICAST and not any(found in tunnel for tunnel in _TUNNELS)
            return (unicast and found.is_global) or (loopback and found.is_loopback)
        found = found.ipv4_mapped
    public = found.is_global and not (found.is_multicast or found.is_reserved)
    return public or (loopback and found.is_loopback)
