"""Where a post may be passed on to: to the public Internet, however an address is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.domain.addresses import may_receive

PUBLIC = ["8.8.8.8", "104.16.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]
FORBIDDEN = {
    "metadata": "169.254.169.254",
    "metadata of containers": "169.254.170.2",
    "metadata over IPv6": "fd00:ec2::254",
    "metadata, mapped": "::ffff:169.254.169.254",
    "private, class A": "10.0.0.1",
    "private, class B": "172.16.0.1",
    "private, class C": "192.168.1.1",
    "private, mapped": "::ffff:10.0.0.1",
    "shared": "100.64.0.1",
    "unspecified": "0.0.0.0",
    "unspecified, IPv6": "::",
    "benchmarking": "198.18.0.1",
    "documentation": "192.0.2.1",
    "multicast": "224.0.0.1",
    "multicast, IPv6": "ff02::1",
    "broadcast": "255.255.255.255",
    "link-local, IPv6": "fe80::1",
    "link-local with a scope": "fe80::1%eth0",
    "unique local": "fc00::1",
    "site-local": "fec0::1",
    "IPv4-compatible": "::127.0.0.1",
    "6to4 of loopback": "2002:7f00:1::",
    "Teredo": "2001:0:7f00:1::",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "a name": "localhost",
    "a number": "2130706433",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_receive(address: str) -> None:
    assert may_receive(address)


@pytest.mark.parametrize("address", FORBIDDEN.values(), ids=FORBIDDEN)
def test_no_other_address_may_not_even_where_this_machine_is_allowed(address: str) -> None:
    assert not may_receive(address)
    assert not may_receive(address, loopback=True)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_may_receive_where_that_is_allowed(address: str) -> None:
    assert not may_receive(address)
    assert may_receive(address, loopback=True)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_when_it_is_mapped_into_ipv6(number: int) -> None:
    address = IPv4Address(number)
    assert may_receive(str(address)) == may_receive(str(IPv6Address(f"::ffff:{address}")))
