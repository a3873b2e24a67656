"""Which addresses are public, and which an operator opens or keeps closed, however written."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.security.addresses import (
    CLOSED,
    IN_THE_CLEAR,
    INNER_V4,
    NOT_PUBLIC,
    Address,
    Allowance,
    is_public,
    parsed,
    unmapped,
)

DENIED_V4 = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
    *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"),
    *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
]
DENIED_V6 = [
    *("::/128", "::1/128", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32"),
    *("2002::/16", "3fff::/20", "4000::/3", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10"),
    *("ff00::/8",),
]
# What Python 3.11's own `is_global` takes for public.
TAKEN_FOR_PUBLIC = [
    *("64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "fec0::1", "3fff::1", "5f00::1"),
    *("ff02::1", "ff0e::1", "224.0.0.1", "239.255.255.250"),
]
FORMS: dict[str, Callable[[IPv4Address], Address]] = {
    "plain": lambda inner: inner,
    "mapped": lambda inner: IPv6Address(0xFFFF << 32 | int(inner)),
    "nat64": lambda inner: IPv6Address(0x64FF9B << 96 | int(inner)),
    "6to4": lambda inner: IPv6Address(0x2002 << 112 | int(inner) << 80 | 1),
    "compatible": lambda inner: IPv6Address(int(inner)),
}
PUBLIC = ["1.1.1.1", "9.255.255.255", "11.0.0.0", "172.32.0.1", "100.128.0.1", "223.255.255.255"]


def inside(network: IPv4Network | IPv6Network) -> st.SearchStrategy[Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = IPv4Address if network.version == 4 else IPv6Address
    return st.integers(first, last).map(kind)


@pytest.mark.parametrize("row", DENIED_V4 + DENIED_V6)
def test_the_edges_of_every_inner_network_are_not_public(row: str):
    network = ip_network(row)

    assert not is_public(network.network_address)
    assert not is_public(network.broadcast_address)


def test_the_list_is_the_one_that_was_agreed_on():
    assert [str(network) for network in INNER_V4] == DENIED_V4


@pytest.mark.parametrize("address", TAKEN_FOR_PUBLIC)
def test_what_the_language_takes_for_public_is_not(address: str):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", [*PUBLIC, "2606:4700::1111", "2001:200::1", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_public(address: str):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("form", ["6to4", "compatible"])
def test_forms_that_nobody_uses_are_not_public_whatever_they_carry(form: str):
    assert not is_public(FORMS[form](IPv4Address("1.1.1.1")))


@given(
    inner=st.one_of(*(inside(IPv4Network(row)) for row in DENIED_V4)),
    form=st.sampled_from(sorted(FORMS)),
)
def test_any_inner_address_is_refused_in_any_form(inner: IPv4Address, form: str):
    address = FORMS[form](inner)

    assert not is_public(address)
    assert Allowance().refusal(address, 443, encrypted=True) == NOT_PUBLIC


@given(address=st.one_of(*(inside(IPv6Network(row)) for row in DENIED_V6)))
def test_any_inner_address_of_six_is_refused(address: IPv6Address):
    assert not is_public(address)


@given(address=st.integers(0, 2**128 - 1).map(IPv6Address))
def test_of_six_nothing_is_public_but_what_is_given_out(address: IPv6Address):
    if is_public(address):
        assert address in IPv6Network("2000::/3") or unmapped(address) != address


@given(
    inner=inside(IPv4Network("10.1.0.0/16")),
    form=st.sampled_from(["plain", "mapped", "nat64", "6to4", "compatible"]),
)
def test_an_opened_address_is_open_in_every_form(inner: IPv4Address, form: str):
    allowance = Allowance(cidrs=(IPv4Network("10.1.0.0/16"),), closed=((str(inner), 8080),))

    assert allowance.refusal(FORMS[form](inner), 443, encrypted=True) is None
    assert allowance.refusal(FORMS[form](inner), 443, encrypted=False) is None
    assert allowance.refusal(FORMS[form](inner), 8080, encrypted=True) == CLOSED


def test_next_to_what_is_opened_all_stays_refused():
    allowance = Allowance(cidrs=(IPv4Network("10.1.0.0/16"), IPv6Network("fd00:1::/32")))

    assert allowance.refusal(ip_address("10.2.0.1"), 443, encrypted=True) == NOT_PUBLIC
    assert allowance.refusal(ip_address("fd00:2::1"), 443, encrypted=True) == NOT_PUBLIC
    assert allowance.refusal(ip_address("fd00:1::1"), 443, encrypted=True) is None
    assert not Allowance(cidrs=(IPv4Network("127.0.0.0/8"),)).opens(ip_address("::1"))


def test_in_the_clear_only_opened_networks_are_asked():
    allowance = Allowance(cidrs=(IPv4Network("10.1.0.0/16"),))

    assert allowance.refusal(ip_address("1.1.1.1"), 80, encrypted=False) == IN_THE_CLEAR
    assert allowance.refusal(ip_address("1.1.1.1"), 443, encrypted=True) is None


HERE = ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST.", "x.localhost", "0.0.0.0", "::1", "::"]


@pytest.mark.parametrize("host", [*HERE, "[::1]", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_a_port_of_this_machine_is_closed_by_all_its_names(host: str):
    for closed in HERE:
        allowance = Allowance(closed=((closed, 8080),))
        assert allowance.closes(host, 8080)
        assert not allowance.closes(host, 8081)


def test_closed_is_a_host_s_port_or_that_of_all():
    allowance = Allowance(
        closed=(("Log.Example.", 443), ("10.0.0.5", 443), ("*", 8006), ("localhost", 443))
    )

    assert allowance.closes("log.example", 443)
    assert allowance.closes("::ffff:10.0.0.5", 443)
    assert allowance.closes("1.1.1.1", 8006)
    assert not allowance.closes("other.example", 443)
    assert allowance.closed_hosts(443) == {"log.example", "10.0.0.5", "127.0.0.1"}
    assert allowance.closed_hosts(8006) == frozenset()


@pytest.mark.parametrize("text", ["127.1", "0", "0x7f.0.0.1", "fe80::1%eth0", "①.1.1.1", "a.b", ""])
def test_only_the_plain_spelling_is_an_address(text: str):
    assert parsed(text) is None
