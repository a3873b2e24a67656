import pytest

from proxmox_lab.guests.port import GuestFailure
from proxmox_lab.guests.qemu.network import (
    choose_reach,
    loopback_addresses,
    netdev,
    network_of,
)
from tests.unit.lab_qemu.configs import config


def anything_goes(address: str, protocol: str, port: int) -> bool:
    return True


def ordinary_user(address: str, protocol: str, port: int) -> bool:
    if port < 1024:
        raise PermissionError
    return True


def test_the_network_makes_the_configured_address_true() -> None:
    network = network_of(config())

    assert str(network.own) == "10.77.0.5/16"
    assert str(network.gateway) == "10.77.0.1"
    assert network.resolver in network.own.network
    assert network.resolver not in (network.own.ip, network.gateway)


@pytest.mark.parametrize("address", ["10.77.0.254/24", "10.0.0.2/30", "10.0.0.1/30"])
def test_gateway_resolver_and_guest_never_share_an_address(address: str) -> None:
    network = network_of(config(address=address, gateway=None))

    assert len({network.own.ip, network.gateway, network.resolver}) == 3
    assert {network.gateway, network.resolver} <= set(network.own.network)


def test_without_an_address_the_guest_asks_by_dhcp() -> None:
    network = network_of(config(address=None, gateway=None))

    assert str(network.own) == "10.0.2.15/24"
    assert str(network.gateway) == "10.0.2.2"


def test_a_gateway_outside_the_network_is_refused() -> None:
    with pytest.raises(GuestFailure, match="not in the guest's network"):
        network_of(config(gateway="192.168.1.1"))


@pytest.mark.parametrize("address", ["nonsense", "10.77.0.5/99", "fd00::5/64"])
def test_an_unreadable_address_is_refused(address: str) -> None:
    with pytest.raises(GuestFailure, match="ipconfig0"):
        network_of(config(address=address))


def test_ports_are_the_same_outside_as_inside() -> None:
    reach = choose_reach(config(ports=(("udp", 30_000), ("tcp", 25_565))), anything_goes)

    assert reach.ssh_port == 22
    assert [(p.protocol, p.guest_port, p.public_port) for p in reach.ports] == [
        ("udp", 30_000, 30_000),
        ("tcp", 25_565, 25_565),
    ]


def test_an_ordinary_user_gets_other_ports_for_privileged_ones() -> None:
    reach = choose_reach(config(ports=(("tcp", 80),)), ordinary_user)

    assert reach.ssh_port == 2222
    assert reach.ports[0].public_port == 10_080


def test_ssh_is_forwarded_once_even_when_asked_for() -> None:
    reach = choose_reach(config(ports=(("tcp", 22), ("udp", 30_000))), anything_goes)

    assert [port.guest_port for port in reach.ports] == [30_000]


def test_an_address_whose_port_is_taken_is_left_for_the_next() -> None:
    first, second = list(loopback_addresses(900_001))[:2]

    def taken_on_first(address: str, protocol: str, port: int) -> bool:
        return (address, port) != (first, 30_000)

    assert choose_reach(config(), taken_on_first).ssh_host == second


def test_no_free_address_is_a_failure() -> None:
    with pytest.raises(GuestFailure, match="no loopback address"):
        choose_reach(config(), lambda address, protocol, port: False)


def test_no_two_vms_of_a_range_prefer_one_address() -> None:
    preferred = [next(loopback_addresses(vmid)) for vmid in range(900_000, 903_000)]

    assert len(set(preferred)) == len(preferred)
    assert all(10 <= int(address.split(".")[1]) < 110 for address in preferred)


def test_the_netdev_names_network_and_every_rule() -> None:
    reach = choose_reach(config(), anything_goes)

    told = netdev(network_of(config()), reach)

    assert told.startswith("user,id=n0,ipv6=off,net=10.77.0.0/16,host=10.77.0.1,")
    assert f"hostfwd=tcp:{reach.ssh_host}:22-10.77.0.5:22" in told
    assert f"hostfwd=udp:{reach.public_host}:30000-10.77.0.5:30000" in told
