"""What a webhook's URL may be, as it is checked at creation and read at delivery."""

from ipaddress import IPv4Network, IPv6Network

import pytest

from common.security.addresses import Allowance
from gateway.domain.target import UrlRefused, check_url, complaint, target_of
from tests.unit.gateway.urls import INNER, ODD

NOTHING = Allowance()
LAN = Allowance(
    cidrs=(IPv4Network("192.168.0.0/16"), IPv4Network("127.0.0.0/8"), IPv6Network("fd00::/8")),
    closed=(("127.0.0.1", 8080), ("pve.lan", 443), ("*", 8006)),
)
SECRET = "T0PSECRET"


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://hooks.example", "hooks.example", 443, "/", "hooks.example"),
        ("HTTPS://Hooks.Example:443/a?b=c", "hooks.example", 443, "/a?b=c", "hooks.example"),
        ("https://hooks.example:8443?x", "hooks.example", 8443, "/?x", "hooks.example:8443"),
        ("https://1.1.1.1/@x", "1.1.1.1", 443, "/@x", "1.1.1.1"),
        ("https://[2606:4700:0::1]:1234/", "2606:4700::1", 1234, "/", "[2606:4700::1]:1234"),
        ("https://xn--bcher-kva.eu/", "xn--bcher-kva.eu", 443, "/", "xn--bcher-kva.eu"),
        ("https://my_host.example/", "my_host.example", 443, "/", "my_host.example"),
    ],
)  # fmt: skip
def test_a_plain_url_is_read_once_for_all(
    url: str, host: str, port: int, path: str, authority: str
):
    target = target_of(url, NOTHING)

    assert (target.host, target.port, target.path, target.authority) == (
        host,
        port,
        path,
        authority,
    )
    assert target.encrypted


@pytest.mark.parametrize("allowance", [NOTHING, LAN])
@pytest.mark.parametrize("url", ODD)
def test_s86_a_url_that_two_parsers_may_read_differently_is_refused(url: str, allowance: Allowance):
    with pytest.raises(UrlRefused):
        check_url(url, allowance)


@pytest.mark.parametrize("host", INNER)
def test_s86_an_inner_address_is_refused_in_every_spelling(host: str):
    with pytest.raises(UrlRefused) as refused:
        check_url(f"https://{host}/{SECRET}", NOTHING)

    assert refused.value.remedy


@pytest.mark.parametrize("url", ["http://hooks.example/", "http://1.1.1.1/", "http://10.0.0.1/"])
def test_nothing_is_sent_in_the_clear_unless_to_opened_networks(url: str):
    with pytest.raises(UrlRefused):
        check_url(url, NOTHING)


@pytest.mark.parametrize(
    "url",
    [
        *("http://192.168.1.9/", "https://192.168.1.9:8080/", "http://127.0.0.1:9000/", "http://a.lan/"),
        *("http://localhost:9000/", "http://[::ffff:192.168.1.9]/", "http://[fd00::1]:81/"),
    ],
)  # fmt: skip
def test_an_opened_network_is_reached_by_http_too(url: str):
    check_url(url, LAN)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8080/", "http://localhost:8080/", "http://[::ffff:127.0.0.1]:8080/"),
        *("https://pve.lan/", "https://PVE.lan:443/", "https://192.168.1.2:8006/"),
        *("https://any.example:8006/", "http://1.1.1.1/", "https://10.0.0.1/", "http://[::1]/"),
    ],
)
def test_what_is_closed_stays_closed_whatever_is_opened(url: str):
    with pytest.raises(UrlRefused):
        check_url(url, LAN)


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{SECRET}@hooks.example/",
        f"https://10.0.0.1/{SECRET}",
        f"ftp://hooks.example/{SECRET}",
        f"https://hooks.example/{SECRET}#",
        f"https://hooks.example:0/{SECRET}",
    ],
)
def test_a_refusal_names_the_field_and_the_remedy_and_nothing_of_the_url(url: str):
    with pytest.raises(UrlRefused) as refused:
        check_url(url, NOTHING)

    assert [fault.pointer for fault in refused.value.faults] == ["/url"]
    assert refused.value.detail.startswith("url ")
    assert refused.value.remedy
    assert SECRET not in repr((refused.value.detail, refused.value.remedy, refused.value.faults))


def test_unicode_hosts_are_told_of_punycode():
    with pytest.raises(UrlRefused) as refused:
        check_url("https://bücher.example/", NOTHING)

    assert "xn--" in (refused.value.remedy or "")


def test_a_target_does_not_show_its_path():
    assert SECRET not in repr(target_of(f"https://hooks.example/{SECRET}", NOTHING))


def test_a_complaint_says_what_is_wrong_and_what_helps():
    assert complaint("https://hooks.example/", allowance=NOTHING) is None
    assert complaint("https://10.0.0.1/", allowance=NOTHING) == (
        "leads to an address that is of an inner network. Give a public host, or have the operator "
        "open its network: WEBHOOK_ALLOW_CIDRS."
    )
