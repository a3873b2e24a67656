"""From where a guest is reached."""

import httpx
import pytest

from common.contracts.servers import Port
from vm_service.adapters.reach import DirectReach, UrlReach
from vm_service.domain.trouble import Trouble, Verdict

PORTS = (
    Port(name="game", protocol="udp", number=30000),
    Port(name="web", protocol="tcp", number=80),
)
URL = "https://reach.test/vms/{vmid}"


def answering(status: int, body: object) -> UrlReach:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "https://reach.test/vms/7"
        return httpx.Response(status, json=body)

    return UrlReach(httpx.AsyncClient(transport=httpx.MockTransport(answer)), URL)


async def test_directly_is_at_its_own_address():
    endpoint = await DirectReach().endpoint(vmid=7, address="10.77.0.9", ports=PORTS)

    assert (endpoint.ssh_host, endpoint.ssh_port) == ("10.77.0.9", 22)
    assert [(p.name, p.public_port) for p in endpoint.ports] == [("game", 30000), ("web", 80)]


async def test_translated_ports_are_those_of_the_service_and_others_stay():
    reach = answering(
        200,
        {
            "address": "10.77.0.9",
            "ssh_host": "127.0.0.1",
            "ssh_port": 2201,
            "public_host": "play.test",
            "ports": [{"name": None, "protocol": "udp", "guest_port": 30000, "public_port": 41000}],
        },
    )

    endpoint = await reach.endpoint(vmid=7, address="10.77.0.9", ports=PORTS)

    assert (endpoint.ssh_host, endpoint.ssh_port) == ("127.0.0.1", 2201)
    assert (endpoint.address, endpoint.public_host) == ("10.77.0.9", "play.test")
    assert [(p.guest_port, p.public_port) for p in endpoint.ports] == [(30000, 41000), (80, 80)]


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {}), (500, {}), (200, {}), (200, []), (200, {"ssh_host": "", "ssh_port": 0})],
)
async def test_no_good_answer_is_trouble(status: int, body: object):
    with pytest.raises(Trouble, match="gave no answer"):
        await answering(status, body).endpoint(vmid=7, address="10.77.0.9", ports=PORTS)


async def test_a_service_that_is_away_is_waited_for():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    reach = UrlReach(httpx.AsyncClient(transport=httpx.MockTransport(refuse)), URL)

    with pytest.raises(Trouble) as caught:
        await reach.endpoint(vmid=7, address="10.77.0.9", ports=PORTS)

    assert caught.value.verdict is Verdict.UNKNOWN
