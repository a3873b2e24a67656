"""The knobs of where webhooks may go: read leniently, refused clearly."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Settings


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    needed = {
        "DATABASE_URL": "postgresql+asyncpg://yard:T0PSECRET@db.internal/gateway",
        "NATS_URL": "nats://bus.internal:4999",
        "TOKEN_KEY_FILE": "key.pem",
        "SEALING_KEY_FILE": "keys",
    }
    for name, text in {**needed, **environment}.items():
        monkeypatch.setenv(f"SPAWNYARD_{name}", text)
    return Settings()  # pyright: ignore[reportCallIssue]  the environment fills it


def test_nothing_inside_is_open_unless_it_is_said(monkeypatch: pytest.MonkeyPatch):
    allowance = settings(monkeypatch).webhook_allowance()

    assert allowance.cidrs == ()


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8,fd00::/8", "10.0.0.0/8 fd00::/8", " 10.0.0.0/8, fd00::/8,"]
)
def test_networks_are_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch, text: str):
    allowance = settings(monkeypatch, WEBHOOK_ALLOW_CIDRS=text).webhook_allowance()

    assert allowance.cidrs == (IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8"))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "lan", "10.0.0.0/8;fd00::/8"])
def test_a_bad_network_is_refused_by_the_name_of_its_setting(
    monkeypatch: pytest.MonkeyPatch, text: str
):
    with pytest.raises(ValidationError, match="webhook_allow_cidrs"):
        settings(monkeypatch, WEBHOOK_ALLOW_CIDRS=text)


@pytest.mark.parametrize(
    "text", ["logs", "logs:0", "logs:65536", "http://logs:80", "::1:80", ":80"]
)
def test_a_bad_place_is_refused_with_how_to_write_it(monkeypatch: pytest.MonkeyPatch, text: str):
    with pytest.raises(ValidationError, match=r"(?s)webhook_closed.*HOST:PORT"):
        settings(monkeypatch, WEBHOOK_CLOSED=text)


def test_our_own_ports_are_closed_without_being_named(monkeypatch: pytest.MonkeyPatch):
    found = settings(
        monkeypatch,
        WEBHOOK_CLOSED="logs:8083, [fd00::1]:443 *:9999",
        HOST="192.168.1.5",
        PORT="8081",
    ).webhook_allowance()

    for host, port in [
        *(
            ("127.0.0.1", 8081),
            ("192.168.1.5", 8081),
            ("db.internal", 5432),
            ("bus.internal", 4999),
        ),
        *(("logs", 8083), ("fd00::1", 443), ("any.example", 9999), ("any.example", 8006)),
    ]:
        assert found.closes(host, port), (host, port)
    assert not found.closes("192.168.1.6", 8081)
    assert "T0PSECRET" not in repr(found)


def test_a_database_in_a_file_has_no_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    found = settings(monkeypatch, DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/a.db")

    assert {port for _, port in found.webhook_allowance().closed} == {4999, 8006, 8080}


def test_what_did_not_arrive_is_tried_by_the_schedule_unless_it_is_set(
    monkeypatch: pytest.MonkeyPatch,
):
    minute, hour = 60, 3600

    found = settings(monkeypatch).webhook_schedule()
    own = settings(monkeypatch, WEBHOOK_RETRY_WAITS="0.5, 10 60,").webhook_schedule()

    assert found.waits == (
        *(0, 5, 5 * minute, 30 * minute),
        *(2 * hour, 5 * hour, 10 * hour, 10 * hour),
    )
    assert own.waits == (0, 0.5, 10, 60)


@pytest.mark.parametrize(
    "text",
    ["5;300", "5 min", "0", "-1", "nan", "inf", "86401", ",", ",".join(["5"] * 51), "[5, 300]"],
)
def test_bad_waits_are_refused_by_the_name_of_their_setting(
    monkeypatch: pytest.MonkeyPatch, text: str
):
    with pytest.raises(ValidationError, match="webhook_retry_waits"):
        settings(monkeypatch, WEBHOOK_RETRY_WAITS=text)
