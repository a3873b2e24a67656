"""Which addresses are taken, and which of them a proxy may stand before."""

import pytest

from yard_cli.client.http import http_client
from yard_cli.failure import Failure


@pytest.mark.parametrize("url", ["foo", "http://[::1", "ftp://somewhere", "http://", ""])
def test_what_is_no_address_is_a_failure_with_its_remedy(url: str):
    with pytest.raises(Failure) as failure:
        http_client(url)

    assert failure.value.remedy == "write it as: http://HOST:PORT"


@pytest.mark.parametrize(
    ("url", "by_proxy"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://[::1]:8080", False),
        ("https://yard.example", True),
    ],
)
async def test_a_proxy_never_stands_before_this_machine(
    url: str, by_proxy: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with http_client(url) as http:
        assert http.trust_env is by_proxy
