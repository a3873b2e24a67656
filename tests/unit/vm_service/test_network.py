"""Addresses: given out once, and believed only where a guest's address can be."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from common.contracts.hypervisor import Assignment, Network
from vm_service.domain.network import AddressBook
from vm_service.domain.trouble import Trouble

SMALL = Network(subnet=IPv4Network("10.77.0.0/29"), gateway=IPv4Address("10.77.0.1"))
BOTH = Network(
    name="both",
    vlan=7,
    subnet=IPv4Network("10.8.0.0/24"),
    gateway=IPv4Address("10.8.0.1"),
    first=IPv4Address("10.8.0.100"),
    last=IPv4Address("10.8.0.101"),
    subnet6=IPv6Network("fd00:8::/64"),
    gateway6=IPv6Address("fd00:8::1"),
)
DHCP = Network(
    name="lan",
    mode="dhcp",
    subnet=IPv4Network("192.168.5.0/24"),
    gateway=IPv4Address("192.168.5.1"),
    nameservers=(IPv4Address("192.168.5.53"),),
    subnet6=IPv6Network("fd00:5::/64"),
)
BOOK = AddressBook((SMALL, BOTH))


def given(net: Assignment) -> str:
    assert net.address is not None
    return str(net.address.ip)


def test_every_usable_address_is_given_out_once_and_never_the_gateway():
    taken = set[str]()
    for hint in range(5):
        taken.add(given(AddressBook((SMALL,)).assign(hint=hint * 7, taken=taken)))

    assert taken == {f"10.77.0.{n}" for n in range(2, 7)}
    with pytest.raises(Trouble, match="no address is free"):
        AddressBook((SMALL,)).assign(hint=0, taken=taken)


def test_when_a_network_is_full_the_next_one_is_used():
    full = {f"10.77.0.{n}" for n in range(2, 7)}

    net = BOOK.assign(hint=0, taken=full)

    assert (net.network.name, given(net), str(net.address6)) == (
        "both",
        "10.8.0.100",
        "fd00:8::2/64",
    )


def test_only_addresses_of_the_range_are_given_out():
    taken = set[str]()
    for hint in (5, 5):
        taken.add(given(BOOK.assign(hint=hint, taken=taken, network="both")))

    assert taken == {"10.8.0.100", "10.8.0.101"}
    with pytest.raises(Trouble, match="no address is free"):
        BOOK.assign(hint=5, taken=taken, network="both")


def test_an_unknown_network_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(Trouble) as trouble:
        BOOK.assign(hint=0, taken=set(), network="dmz")

    assert "default, both" in (trouble.value.remedy or "")


def test_by_dhcp_nothing_is_given_out():
    assert AddressBook((DHCP,)).assign(hint=0, taken=set()) == Assignment(network=DHCP)


def test_what_a_guest_was_given_is_known_from_its_address():
    net = BOOK.assign(hint=3, taken=set())

    assert BOOK.of(given(net)) == net
    assert BOOK.of("172.16.0.1") is None


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        ("192.168.5.77", True),
        (" 192.168.5.77\n", True),
        ("fd00:5::77", True),
        ("::ffff:192.168.5.77", True),
        ("192.168.5.1", False),  # the gateway
        ("192.168.5.53", False),  # a name server
        ("192.168.5.0", False),
        ("192.168.5.255", False),
        ("192.168.5.20", False),  # another machine's
        ("192.168.5.10", False),  # a node's
        ("::ffff:192.168.5.10", False),
        ("192.168.6.77", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00:5::77%eth0", False),
        ("fd00:6::77", False),
        ("192.168.5.077", False),
        ("192.168.5.77/24", False),
        ("2130706433", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_f36_by_dhcp_only_a_guests_own_place_is_believed(claimed: str, believed: bool):
    others, hosts = {"192.168.5.20"}, {"192.168.5.10"}

    assert (
        AddressBook.believes(claimed, Assignment(network=DHCP), others=others, hosts=hosts)
        is believed
    )


@pytest.mark.parametrize(
    ("network", "claimed", "believed"),
    [
        (Network(mode="dhcp", subnet=IPv4Network("127.0.0.0/8")), "127.0.0.1", False),
        (Network(mode="dhcp", subnet=IPv4Network("0.0.0.0/0")), "169.254.169.254", False),
        (Network(mode="dhcp", subnet=IPv4Network("0.0.0.0/0")), "255.255.255.255", False),
    ],
)
def test_f36_even_a_careless_network_does_not_open_the_way_to_ourselves(
    network: Network, claimed: str, believed: bool
):
    net = Assignment(network=network)

    assert AddressBook.believes(claimed, net, others=set(), hosts=set()) is believed


def test_f36_a_guest_that_was_given_addresses_is_believed_those_alone():
    net = BOOK.assign(hint=0, taken=set(), network="both")

    def believes(claimed: str) -> bool:
        return AddressBook.believes(claimed, net, others=set(), hosts=set())

    assert believes("10.8.0.100")
    assert believes("fd00:8::2")
    assert not believes("10.8.0.101")
    assert not believes("nonsense")
