"""Headers that people add to deliveries: what passes cannot change what a delivery is."""

from collections.abc import Mapping

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.custom_headers import MAX_HEADERS, MAX_NAME, MAX_TOTAL, MAX_VALUE, faults

OURS = [
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
    "Upgrade", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "Expect",
    "HTTP2-Settings", "Content-Type", "Content-Encoding", "User-Agent", "Accept-Encoding", "Range",
    "webhook-id", "webhook-timestamp", "webhook-signature", "webhook-anything", "svix-signature",
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via",
]  # fmt: skip


def wrong(headers: Mapping[str, str]) -> dict[str, str]:
    return {fault.pointer: fault.detail for fault in faults(headers)}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer abc.def-ghi=="},
        {"X-Api-Key": "k", "x_route": "a, b; c=\"d\"", "Cookie": "a=b", "X-Hosting": "h"},
        {"x": "!"},
        {"X-Tab": "a\tb c"},
    ],
)  # fmt: skip
def test_s87_what_a_receiver_may_need_can_be_added(headers):
    assert wrong(headers) == {}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("written", [str, str.lower, str.upper, str.title])
def test_s87_what_is_ours_cannot_be_set_however_it_is_written(name, written):
    ((pointer, detail),) = wrong({"X-Fine": "1", written(name): "x"}).items()

    assert pointer == f"/{written(name)}"
    assert detail.endswith("leave it out")


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nHost: evil", "a\nb", "a\r", "\n", "a\x00b", "a\x7f", "a\x0b", " a", "a ", "\ta", "",
        " ", "bücher", "✓", "a\u2028b", "a\x85b", "a\n ", "\ud800",
    ],
)  # fmt: skip
def test_s87_a_value_cannot_end_its_line(value):
    ((pointer, detail),) = wrong({"X-Key": value}).items()

    assert pointer == "/X-Key"
    assert "no line break" in detail


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "X Key", "X-Key:", "X-Key\r\nHost", "X-Key\n", "X(a)", "X/a", "Ä", "X\x00", 'X"',
        "{}",
    ],
)  # fmt: skip
def test_s87_a_name_is_a_token(name):
    (detail,) = wrong({name: "x"}).values()

    assert "use letters, digits and hyphens" in detail


def test_s87_a_name_stands_there_once():
    ((pointer, detail),) = wrong({"X-Key": "a", "x-key": "b"}).items()

    assert pointer == "/x-key"
    assert "twice" in detail


def test_s87_there_is_a_limit_to_each_measure():
    assert wrong({f"x-{number}": "v" for number in range(MAX_HEADERS)}) == {}
    assert wrong({"x" * MAX_NAME: "v" * MAX_VALUE}) == {}
    assert wrong({"x": "v" * (MAX_TOTAL - MAX_VALUE - 2), "y": "v" * MAX_VALUE}) == {}

    too_many = wrong({f"x-{number}": "v" for number in range(MAX_HEADERS + 1)})
    too_much = wrong({"x": "v" * (MAX_TOTAL - MAX_VALUE - 1), "y": "v" * MAX_VALUE})
    assert str(MAX_HEADERS) in too_many[""]
    assert str(MAX_TOTAL) in too_much[""]
    assert "shorten" in wrong({"x" * (MAX_NAME + 1): "v"})["/" + "x" * MAX_NAME]
    assert "shorten" in wrong({"x": "v" * (MAX_VALUE + 1)})["/x"]


def test_s87_every_header_that_is_wrong_is_named_and_no_value():
    told = wrong({"Host": "geheim-1", "X-Key": "geheim-2\n", "X-Fine": "geheim-3"})

    assert list(told) == ["/Host", "/X-Key"]
    assert "geheim" not in str(told)


TOKENS = st.from_regex(r"[A-Za-z][!#$%&'*+.^_`|~0-9A-Za-z-]{0,8}", fullmatch=True)
PRINTABLE = st.from_regex(r"[!-~]([\t -~]{0,6}[!-~])?", fullmatch=True)
NAMES = st.text(max_size=8) | TOKENS | st.sampled_from([*OURS, "X-A", "x-a", "Authorization"])
VALUES = st.text(max_size=8) | PRINTABLE | st.text(st.sampled_from(" \t\r\nab:\x00é"), max_size=6)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_s87_what_passes_arrives_as_it_is_and_changes_nothing_else(headers):
    if wrong(headers):
        return

    request = received({"Host": "receiver.example", "Content-Length": "2", **headers})

    assert request == {
        "host": "receiver.example",
        "content-length": "2",
        **{name.lower(): value for name, value in headers.items()},
    }


@given(st.dictionaries(TOKENS.map("Q-".__add__), PRINTABLE, max_size=MAX_HEADERS))
def test_s87_what_is_a_header_and_not_ours_is_never_refused(headers):
    folded = {name.lower() for name in headers}

    assert (wrong(headers) == {}) is (len(folded) == len(headers))


def received(headers: Mapping[str, str]) -> dict[str, str]:
    """Send a request over a wire, as bytes, and return the headers the other side reads."""
    client, server = h11.Connection(h11.CLIENT), h11.Connection(h11.SERVER)
    wire = client.send(
        h11.Request(method="POST", target="/", headers=list(headers.items()))
    ) + client.send(h11.Data(data=b"{}"))
    assert wire is not None
    server.receive_data(wire)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    return {name.decode(): value.decode() for name, value in event.headers}
