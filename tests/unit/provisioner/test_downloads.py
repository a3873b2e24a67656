"""Where the provisioner fetches from: public places by https, or one mirror, whoever redirects."""

import socket
from collections.abc import AsyncGenerator

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.outside import check_public, mirrored, redirected, vetted
from tests.unit.provisioner.mirror import JAR, SHA256, Handler, Mirror, open_mirror


@pytest.fixture
async def mirror() -> AsyncGenerator[Mirror]:
    async with open_mirror() as mirror:
        yield mirror


def moved(location: str) -> Handler:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    return answer


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/x",
        "ftp://vendor.example/x",
        "file:///etc/passwd",
        "https:///x",
        "https://me:secret@vendor.example/x",
        "https://vendor.example/\r\nX: y",
        "https://vendor.example/a b",
        "https://[::1/x",
        "vendor.example/x",
        # Ways to write 127.0.0.1 that no name server would ever be asked about.
        "https://127.1/x",
        "https://2130706433/x",
        "https://0/x",
        "https://127.0.0.1./x",
        "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/x",
        "https://\u246027.0.0.1/x",
        "https://127\u30020\u30020\u30021/x",
        "https://%31%32%37.0.0.1/x",
    ],
)
def test_what_is_not_plainly_a_place_of_https_is_refused(url: str):
    with pytest.raises(StepFailed, match="not an address to download from"):
        vetted(url)


INNER = [
    *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0"),
    *("100.64.0.1", "224.0.0.1", "::1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1"),
    *("2002:0a00:0001::1", "64:ff9b::0a00:0001", "::"),
]


@pytest.mark.parametrize("address", INNER)
def test_inner_networks_are_not_public_however_they_are_written(address: str):
    with pytest.raises(StepFailed, match="inner network"):
        check_public(address, host="vendor.example")


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are(address: str):
    check_public(address, host="vendor.example")


class Names(AbstractResolver):
    """A name server of somebody's who means no good."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_inside_is_never_connected_to(address: str):
    downloads = Downloads(names=Names("1.1.1.1", address))

    with pytest.raises(StepFailed, match="inner network") as refused:
        await downloads.text("https://vendor.example/x")

    assert "SPAWNYARD_DOWNLOAD_BASE" in (refused.value.remedy or "")


def test_names_and_addresses_of_vendors_are_places_of_https():
    for host in ("vendor.example", "1.vendor.example", "a_b.example", "1.1.1.1", "[2606:4700::1]"):
        assert vetted(f"https://{host}:8443/x") == host.strip("[]")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1"])
async def test_nor_is_an_address_that_needs_no_name(host: str):
    with pytest.raises(StepFailed, match="inner network"):
        await Downloads(names=Names()).text(f"https://{host}/x")


def test_a_mirror_has_every_host_below_its_base():
    assert mirrored("https://v.example/a?b=c", "") == "https://v.example/a?b=c"
    assert mirrored("https://v.example/a?b=c", "http://m/x/") == "http://m/x/v.example/a?b=c"


@pytest.mark.parametrize(
    ("location", "means"),
    [
        ("/b", "https://v.example/b"),
        ("https://cdn.example/b", "https://cdn.example/b"),
        ("http://m:1/cdn.example/b", "https://cdn.example/b"),
    ],
)
def test_redirects_mean_the_vendors_addresses_whoever_sends_them(location: str, means: str):
    assert redirected("https://v.example/a", location, "http://m:1") == means


@pytest.mark.parametrize("location", ["http://v.example/b", "file:///etc/passwd", "http://m:1"])
def test_redirects_to_anything_but_https_are_refused(location: str):
    with pytest.raises(StepFailed):
        redirected("https://v.example/a", location, "")


async def test_redirects_are_followed_within_the_mirror(mirror: Mirror):
    mirror.special["v.example/a"] = moved("https://terraria.org/api/get/dedicated-servers-names")

    told = await Downloads(base=mirror.base).text("https://v.example/a")

    assert "terraria-server-1449.zip" in told
    assert mirror.asked == ["v.example/a", "terraria.org/api/get/dedicated-servers-names"]


async def test_one_that_redirects_out_of_https_is_refused(mirror: Mirror):
    mirror.special["v.example/a"] = moved("http://10.0.0.1/secret")

    with pytest.raises(StepFailed, match="not an address"):
        await Downloads(base=mirror.base).text("https://v.example/a")


async def test_one_that_redirects_without_an_end_is_given_up(mirror: Mirror):
    mirror.special["v.example/a"] = moved("/a")

    with pytest.raises(StepFailed, match="without an end"):
        await Downloads(base=mirror.base).text("https://v.example/a")


async def test_a_file_is_measured_without_being_kept(mirror: Mirror):
    url = "https://terraria.org/api/download/pc-dedicated-server/terraria-server-1449.zip"

    assert await Downloads(base=mirror.base).measured(url) == (f"sha256:{SHA256}", str(len(JAR)))


async def test_a_file_that_is_cut_off_has_no_checksum(mirror: Mirror):
    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return answer

    mirror.special["v.example/a"] = cut

    with pytest.raises(NotYet):
        await Downloads(base=mirror.base).measured("https://v.example/a")


async def test_a_mirror_that_is_away_is_asked_again_later():
    with pytest.raises(NotYet):
        await Downloads(base="http://127.0.0.1:1").text("https://v.example/a")
