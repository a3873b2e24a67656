"""S85: what an operator opens never opens our own ports, nor the hypervisor, nor a proxy's way."""

from collections.abc import Callable
from ipaddress import IPv4Network

import pytest

from common.security.addresses import Address, Allowance
from gateway.adapters.names import is_ours
from gateway.ports.sender import NotSent, Reason
from tests.unit.gateway.receiver import (
    BODY,
    FINE,
    LOOPBACK,
    RecordedNetwork,
    ScriptedNames,
    receiving,
    refused,
    sending,
)

NOTHING = Allowance()
METADATA = "169.254.169.254"


async def test_s85_by_http_only_opened_addresses_are_connected_to():
    names = ScriptedNames(out_example=[["1.1.1.1"]], both_example=[["127.0.0.1", "1.1.1.1"]])
    network = RecordedNetwork()
    async with sending(network=network, names=names) as sender:
        await refused(sender, "http://out.example/")
        await refused(sender, "http://both.example/")

    assert network.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "localhost", "me.lan", "[::ffff:7f00:1]"]
)
@pytest.mark.parametrize("closed", ["127.0.0.1", "localhost", "me.lan", "*", "::1"])
async def test_s85_our_own_ports_are_closed_although_their_network_is_open(host: str, closed: str):
    names = ScriptedNames(me_lan=[["127.0.0.1"]], localhost=[["127.0.0.1"]])
    network = RecordedNetwork()
    async with receiving(FINE) as ours, receiving(FINE) as other:
        allowance = Allowance(cidrs=LOOPBACK.cidrs, closed=((closed, ours.port),))
        async with sending(allowance=allowance, names=names, network=network) as sender:
            await refused(sender, f"http://{host}:{ours.port}/")
            assert network.asked == []
            if host in {"127.0.0.1", "localhost", "me.lan"}:
                found = await sender.post(f"http://{host}:{other.port}/", headers={}, body=BODY)
                assert found.status == 204

    assert ours.connections == 0


def at(*texts: str) -> Callable[[Address], bool]:
    return lambda address: is_ours(address) or str(address) in texts


async def test_s85_nor_are_they_open_at_the_address_that_this_machine_has_in_the_lan():
    lan = (IPv4Network("10.0.0.0/8"), IPv4Network("127.0.0.0/8"))
    network = RecordedNetwork()
    for closed, host in (("127.0.0.1", "10.0.0.5"), ("10.0.0.5", "127.0.0.1")):
        allowance = Allowance(cidrs=lan, closed=((closed, 8080),))
        async with sending(allowance=allowance, network=network, ours=at("10.0.0.5")) as sender:
            await refused(sender, f"http://{host}:8080/")

    assert network.asked == []


async def test_s85_a_closed_name_is_closed_by_its_address_too():
    names = ScriptedNames(pve_lan=[["10.0.0.8"]], alias_lan=[["10.0.0.8"]])
    network = RecordedNetwork()
    allowance = Allowance(cidrs=(IPv4Network("10.0.0.0/8"),), closed=(("pve.lan", 443),))
    async with sending(allowance=allowance, names=names, network=network) as sender:
        for host in ("pve.lan", "alias.lan", "10.0.0.8", "[::ffff:a00:8]"):
            await refused(sender, f"https://{host}/")

    assert network.asked == []


async def test_s85_a_closed_name_that_nobody_knows_closes_its_port_of_opened_networks_alone():
    network = RecordedNetwork()
    allowance = Allowance(cidrs=(IPv4Network("10.0.0.0/8"),), closed=(("pve.lan", 443),))
    async with sending(allowance=allowance, network=network) as sender:
        await refused(sender, "https://10.0.0.8/")
        with pytest.raises(NotSent) as public:
            await sender.post("https://1.1.1.1/", headers={}, body=BODY)

    assert public.value.reason is Reason.CONNECTION
    assert network.asked == [("1.1.1.1", 443)]


async def test_s85_what_the_environment_says_of_proxies_is_not_read(monkeypatch):
    async with receiving(FINE) as proxy, receiving(FINE) as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")
        async with sending() as sender:
            await sender.post(receiver.url, headers={}, body=BODY)

    assert (proxy.connections, receiver.connections) == (0, 1)
