"""S86, F61: no webhook leads inside, whatever a URL, a name server or an answer says."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from common.security.addresses import Allowance
from gateway.adapters.guarded_network import GuardedNetwork
from gateway.adapters.names import SystemNames, is_ours
from gateway.domain.target import UrlRefused, check_url
from gateway.ports.sender import NotSent, Reason
from tests.unit.gateway.receiver import (
    BODY,
    LOOPBACK,
    RecordedNetwork,
    ScriptedNames,
    answer,
    receiving,
    refused,
    sending,
)
from tests.unit.gateway.urls import INNER, ODD

NOTHING = Allowance()
METADATA = "169.254.169.254"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_f61_a_redirect_inside_is_an_answer_and_not_followed(status: int):
    network = RecordedNetwork()
    moved = answer(f"{status} Moved", f"Location: http://{METADATA}/latest/meta-data/")
    async with receiving(moved) as receiver, sending(network=network) as sender:
        found = await sender.post(receiver.url, headers={}, body=BODY)

    assert found.status == status
    assert network.asked == [("127.0.0.1", receiver.port)]


@pytest.mark.parametrize("inner", ["127.0.0.1", METADATA, "10.0.0.1", "::1"])
async def test_f61_a_name_that_leads_inside_the_second_time_is_refused_then(inner: str):
    names = ScriptedNames(rebind_example=[["1.1.1.1"], [inner]])
    network = RecordedNetwork()
    async with sending(allowance=NOTHING, network=network, names=names) as sender:
        with pytest.raises(NotSent) as first:
            await sender.post("https://rebind.example/", headers={}, body=BODY)
        await refused(sender, "https://rebind.example/")

    assert first.value.reason is Reason.CONNECTION
    assert names.asked == ["rebind.example"] * 2, "each time asked once: what is checked is used"
    assert network.asked == [("1.1.1.1", 443)]


@pytest.mark.parametrize(
    "addresses",
    [
        *(["::ffff:127.0.0.1"], ["::ffff:10.0.0.1"], ["64:ff9b::7f00:1"], ["64:ff9b::a9fe:a9fe"]),
        *(["2002:7f00:1::"], ["::127.0.0.1"], ["fe80::1%eth0"], ["fec0::1"], ["3fff::1"]),
        *(["5f00::1"], ["ff02::1"], ["0.0.0.0"], ["::"], ["100.64.0.1"], ["1.1.1.1", "fe80::1%2"]),
        *(["1.1.1.1", METADATA], [METADATA, "1.1.1.1"], ["2606:4700::1111", "::1", "1.1.1.1"]),
    ],
)
async def test_f61_one_inner_address_among_a_name_s_is_enough(addresses: list[str]):
    names = ScriptedNames(mixed_example=[addresses])
    network = RecordedNetwork()
    async with sending(allowance=NOTHING, network=network, names=names) as sender:
        trouble = await refused(sender, "https://mixed.example/T0PSECRET")

    assert network.asked == []
    assert not any(address in trouble.detail for address in addresses), "names inside stay secret"
    assert "T0PSECRET" not in str(trouble)


SPELLINGS = [f"https://{host}/" for host in INNER]


@pytest.mark.parametrize("url", [*SPELLINGS, *ODD])
async def test_f61_s86_what_is_refused_at_creation_is_refused_at_delivery(url: str):
    network, names = RecordedNetwork(), ScriptedNames()
    with pytest.raises(UrlRefused) as at_creation:
        check_url(url, NOTHING)

    async with sending(allowance=NOTHING, network=network, names=names) as sender:
        at_delivery = await refused(sender, url)

    assert at_delivery.detail == at_creation.value.detail
    assert (network.asked, names.asked) == ([], [])


@pytest.mark.parametrize(
    "host",
    ["0x7f.1", "2130706433", "127.1", "0", "017700000001", "\u2460\u2461\u2466.\u2460"],
)
async def test_f61_the_connector_itself_refuses_what_only_the_system_takes_for_an_address(
    host: str,
):
    names, network = SystemNames(), RecordedNetwork()
    guard = GuardedNetwork(allowance=NOTHING, encrypted=True, names=names, network=network)

    with pytest.raises(NotSent):
        await guard.connect_tcp(host, 443)

    names.close()
    assert network.asked == []


async def test_s86_a_name_is_let_through_at_creation_and_judged_at_delivery():
    check_url("https://inside.example/", NOTHING)

    async with sending(
        allowance=NOTHING, names=ScriptedNames(inside_example=[["10.0.0.1"]])
    ) as sender:
        await refused(sender, "https://inside.example/")


async def test_no_socket_of_this_machine_is_ever_connected_to():
    guard = GuardedNetwork(
        allowance=LOOPBACK, encrypted=False, names=ScriptedNames(), network=RecordedNetwork()
    )

    with pytest.raises(NotImplementedError):
        await guard.connect_unix_socket("/run/docker.sock")


def test_this_machine_knows_its_own_addresses():
    assert is_ours(ip_address("127.0.0.1"))
    assert not is_ours(ip_address("192.0.2.1"))


async def test_the_system_s_names_lead_here():
    names = SystemNames()
    found: Sequence[str] = await names.resolve("localhost", 80)
    names.close()

    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))
