"""Where the embedded stack's webhooks may go."""

import pytest

from gateway.settings import Settings
from yard_cli.stack.ports import BESIDES, NAMES, Ports
from yard_cli.stack.webhooks import told

PORTS = Ports(8080)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEBHOOK_ALLOW_CIDRS", "WEBHOOK_CLOSED", "WEBHOOK_RETRY_WAITS"):
        monkeypatch.delenv(f"SPAWNYARD_{name}", raising=False)


def gateway(monkeypatch: pytest.MonkeyPatch) -> Settings:
    needed = {
        "DATABASE_URL": "sqlite:///x", "NATS_URL": "nats://127.0.0.1:8084", "PORT": "8080",
        "TOKEN_KEY_FILE": "t", "SEALING_KEY_FILE": "s",
    }  # fmt: skip
    for name, value in {**needed, **told(PORTS)}.items():
        monkeypatch.setenv(f"SPAWNYARD_{name}", value)
    return Settings()  # pyright: ignore[reportCallIssue]  the environment fills it


def test_on_the_lab_they_may_come_to_this_machine_but_to_none_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowance = gateway(monkeypatch).webhook_allowance()

    assert [str(network) for network in allowance.cidrs] == ["127.0.0.0/8"]
    for name in (*NAMES, *BESIDES):
        for host in ("127.0.0.1", "localhost", "127.9.9.9", "::ffff:127.0.0.1"):
            assert allowance.closes(host, PORTS.of(name)), name
    assert not allowance.closes("127.0.0.1", 9000)


def test_the_environment_opens_other_networks_and_closes_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPAWNYARD_WEBHOOK_ALLOW_CIDRS", "192.168.1.0/24")
    monkeypatch.setenv("SPAWNYARD_WEBHOOK_CLOSED", "nas.lan:5000")

    allowance = gateway(monkeypatch).webhook_allowance()

    assert [str(network) for network in allowance.cidrs] == ["192.168.1.0/24"]
    assert allowance.closes("nas.lan", 5000)
    assert allowance.closes("localhost", PORTS.of("log-service"))


def test_nothing_is_opened_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPAWNYARD_WEBHOOK_ALLOW_CIDRS", "")

    assert gateway(monkeypatch).webhook_allowance().cidrs == ()


def test_the_environment_says_when_they_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = gateway(monkeypatch).webhook_schedule()
    monkeypatch.setenv("SPAWNYARD_WEBHOOK_RETRY_WAITS", "1, 2")

    assert len(usual.waits) == 8
    assert gateway(monkeypatch).webhook_schedule().waits == (0, 1, 2)
