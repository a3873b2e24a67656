"""``yard webhooks``: what is typed, what becomes of it, and what is shown of it."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import JsonValue
from rich.console import Console

from common.contracts.base import now
from common.contracts.ids import new_id
from gateway.domain.delivery import Attempt, DeliveryState
from gateway.domain.publicity import Published
from gateway.domain.subscription import delivery_of
from gateway.domain.user import Role
from tests.fakes.gateway import USER
from tests.unit.cli.desk import Desk
from yard_cli.client.webhooks import Webhook, Webhooks
from yard_cli.commands.webhook_deliveries import mark_of
from yard_cli.failure import Failure

TO = "https://hooks.example/secret-path"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    monkeypatch.setattr("yard_cli.commands.target.api", desk.api)
    return desk


def add(desk: Desk, name: str = "bot", *words: str) -> str:
    return desk.done("webhooks", "add", name, TO, *words)


class TestSettingUp:
    def test_the_secret_is_shown_once_and_it_is_said_so(self, desk: Desk):
        shown = add(desk)
        later = desk.done("webhooks", "show", "bot") + desk.done("webhooks", "list")

        secret = shown.split("secret: ")[1].split()[0]
        assert secret.startswith("whsec_")
        assert "shown this once" in shown
        assert "whsec_" not in later

    def test_what_is_typed_is_what_is_asked_for(self, desk: Desk, tmp_path: Path):
        key = tmp_path / "key"
        key.write_text("Bearer canary\n")

        shown = add(
            desk, "bot", "-t", "server.*", "-t", "operation.failed", "--label", "env=prod",
            "--filter", '{"data.players": {"$gte": 1}}', "--header-file", f"Authorization={key}",
            "--rate", "5", "--max-in-flight", "4", "--in-order", "--scheme", "v1a",
        )  # fmt: skip

        found = desk.endpoint
        assert found.types == ("server.*", "operation.failed")
        assert found.filter == {
            "data.players": {"$gte": 1},
            "data.server.labels.env": "prod",
        }
        assert (found.rate, found.max_in_flight, found.in_order) == (5, 4, True)
        assert "public key: whpk_" in shown
        assert "canary" not in shown
        assert found.headers

    def test_a_chat_is_one_command_and_its_address_comes_by_stdin(self, desk: Desk):
        desk.done(
            "webhooks", "add", "chat", "-", "--format", "telegram", "--option", "chat_id=@news",
            input=f"{TO}\n",
        )  # fmt: skip

        assert desk.endpoint.url == TO
        assert dict(desk.endpoint.options) == {"chat_id": "@news"}
        assert "secret-path" not in desk.done("webhooks", "list")

    @pytest.mark.parametrize("as_json", [(), ("--json",)])
    def test_a_secret_may_go_into_a_private_file_instead(
        self, desk: Desk, tmp_path: Path, as_json: tuple[str, ...]
    ):
        file = tmp_path / "secret"

        shown = add(desk, "bot", "--secret-to", str(file), *as_json)

        assert file.read_text().startswith("whsec_")
        assert file.stat().st_mode & 0o777 == 0o600
        assert "whsec_" not in shown

    def test_everybodys_are_for_administrators(self, desk: Desk):
        add(desk, "audit", "--all")
        mine = desk.told("webhooks", "list")
        everybodys = desk.told("webhooks", "list", "--all")
        by_name = desk.told("webhooks", "show", "audit")
        desk.user = replace(USER, role=Role.USER)
        refused = desk.type("webhooks", "show", "audit")

        assert mine == []
        assert [one["name"] for one in everybodys] == ["audit"] == [by_name["name"]]
        assert isinstance(refused.exception, Failure)

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            (("--filter", "{"), "no JSON"),
            (("--filter", "[]"), "no JSON object"),
            (("--label", "env"), "no name or no value"),
            (("--header-file", "X-Key=/nowhere/at/all"), "cannot be read"),
        ],
    )
    def test_what_was_typed_badly_is_refused_before_anything_is_asked(
        self, desk: Desk, words: tuple[str, ...], named: str
    ):
        shown = desk.type("webhooks", "add", "bot", TO, *words)

        assert isinstance(shown.exception, Failure)
        assert named in shown.exception.reason
        assert shown.exception.remedy
        assert not desk.work.endpoints.rows

    def test_what_the_gateway_refuses_is_told_by_field(self, desk: Desk):
        shown = desk.type("webhooks", "add", "bot", "http://127.0.0.1:9000/")

        assert isinstance(shown.exception, Failure)
        assert shown.exception.details[0].startswith("/url: ")


class TestChanges:
    def test_some_of_it_changes_and_the_rest_stays(self, desk: Desk):
        add(desk, "bot", "-t", "server.*", "--rate", "5")

        desk.done("webhooks", "edit", "bot", "--name", "robot", "--unset", "rate")

        assert (desk.endpoint.name, desk.endpoint.rate) == ("robot", None)
        assert (desk.endpoint.types, desk.endpoint.url) == (("server.*",), TO)

    def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ):
        add(desk)
        read = Webhooks.change

        async def after_another(self: Webhooks, one: Webhook, wish: dict[str, JsonValue]):
            desk.work.endpoints.rows[one.id] = replace(desk.endpoint, revision=7)
            return await read(self, one, wish)

        monkeypatch.setattr(Webhooks, "change", after_another)

        shown = desk.type("webhooks", "edit", "bot", "--name", "robot")

        assert isinstance(shown.exception, Failure)
        assert "changed" in shown.exception.reason
        assert desk.endpoint.name == "bot"

    def test_it_is_disabled_enabled_and_removed_by_its_id(self, desk: Desk):
        add(desk)
        whole = desk.endpoint.id

        desk.done("webhooks", "disable", whole[:12])
        off = desk.endpoint
        desk.done("webhooks", "enable", whole)
        on = desk.endpoint
        desk.done("webhooks", "remove", "bot")

        assert (off.enabled, on.enabled) == (False, True)
        assert not desk.work.endpoints.rows

    def test_rotating_shows_another_secret(self, desk: Desk):
        first = add(desk).split("\nsecret: ")[1].split()[0]

        shown = desk.done("webhooks", "rotate", "bot", "--overlap", "1")

        second = shown.split("\nsecret: ")[1].split()[0]
        assert second.startswith("whsec_")
        assert first != second
        assert len(desk.endpoint.keys) == 2

    def test_nothing_to_change_is_said(self, desk: Desk):
        add(desk)

        shown = desk.type("webhooks", "edit", "bot")

        assert isinstance(shown.exception, Failure)

    def test_a_name_that_may_be_several_is_asked_back(self, desk: Desk):
        add(desk)
        add(desk)

        shown = desk.type("webhooks", "remove", "bot")

        assert isinstance(shown.exception, Failure)
        assert len(shown.exception.details) == 2
        assert len(desk.work.endpoints.rows) == 2


def happened(desk: Desk, count: int) -> list[Published]:
    """Let events happen and fail to arrive."""
    desk.work.public_events.rows.clear()
    for number in range(1, count + 1):
        event = Published(
            position=number, id=new_id("event"), type="server.ready", owner_id=USER.id,
            subject_id="srv_1", sequence=number, time=now() - timedelta(hours=count - number),
            data={"server": {"id": "srv_1"}, "links": {}},
        )  # fmt: skip
        desk.work.public_events.rows.append(event)
        row = delivery_of(event, desk.endpoint, at=event.time)
        over = {"state": DeliveryState.FAILED, "done_at": event.time, "attempts": 1, "tries": 1}
        desk.work.deliveries.rows[desk.endpoint.id, event.id] = replace(row, **over)
        key = (desk.endpoint.id, event.id, 1)
        desk.work.deliveries.attempts[key] = Attempt(
            endpoint_id=desk.endpoint.id, event_id=event.id, number=1, at=event.time, took=0.0414,
            status=500, answer="\x1b[31mred\nline",
        )  # fmt: skip
    desk.work.public_events.numbered = count
    return list(desk.work.public_events.rows)


class TestDeliveries:
    def test_attempts_are_told_newest_first_and_steer_no_terminal(self, desk: Desk):
        add(desk)
        events = happened(desk, 3)

        shown = desk.done("webhooks", "attempts", "bot")
        of_one = desk.told("webhooks", "attempts", "bot", "--event", events[0].id)

        lines = shown.splitlines()[1:]
        assert all(event.id in line for event, line in zip(reversed(events), lines, strict=True))
        assert "500" in lines[0]
        assert "41 ms" in lines[0]
        assert "\x1b[31m" not in shown
        assert [one["event_id"] for one in of_one] == [events[0].id]

    def test_deliveries_are_told_by_their_state(self, desk: Desk):
        add(desk)
        happened(desk, 3)

        failed = desk.done("webhooks", "deliveries", "bot", "--state", "failed")
        pending = desk.told("webhooks", "deliveries", "bot", "--state", "pending")

        assert failed.count("server.ready") == 3
        assert pending == []

    @pytest.mark.parametrize(
        ("words", "count"),
        [
            (("--failed-since", "90m"), 2),
            (("--after", "1"), 2),
            (("--after", "0", "--before", "3"), 2),
            (("--before", "3"), 2),
            (("--after", "30m"), 1),
        ],
    )
    def test_a_replay_says_how_many_go_out_again(
        self, desk: Desk, words: tuple[str, ...], count: int
    ):
        add(desk)
        happened(desk, 3)

        shown = desk.done("webhooks", "replay", "bot", *words)

        rows = desk.work.deliveries.rows.values()
        assert sum(row.state is DeliveryState.PENDING for row in rows) == count
        assert ("1 event goes" if count == 1 else f"{count} events go") in shown

    def test_a_long_range_is_gone_through_to_its_end(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("gateway.handlers.replay.MOST", 2)
        add(desk)
        happened(desk, 5)

        done = desk.told("webhooks", "replay", "bot", "--after", "0")

        assert done == {"count": 5, "reached": 5, "complete": True}

    def test_much_that_failed_goes_out_again_to_the_last_of_it(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("gateway.handlers.replay.BATCH", 2)
        monkeypatch.setattr("gateway.handlers.replay.MOST", 2)
        add(desk)
        happened(desk, 5)

        done = desk.told("webhooks", "replay", "bot", "--failed-since", "2d")

        assert done == {"count": 5, "reached": 5, "complete": True}

    def test_one_event_goes_out_again(self, desk: Desk):
        add(desk)
        events = happened(desk, 2)

        desk.done("webhooks", "replay", "bot", "--event", events[0].id)

        states = {row.event_id: row.state for row in desk.work.deliveries.rows.values()}
        assert states == {
            events[0].id: DeliveryState.PENDING,
            events[1].id: DeliveryState.FAILED,
        }

    def test_what_to_send_again_must_be_said(self, desk: Desk):
        add(desk)

        shown = desk.type("webhooks", "replay", "bot")

        assert isinstance(shown.exception, Failure)
        assert "--failed-since" in (shown.exception.remedy or "")

    def test_a_ping_and_an_example_are_on_their_way(self, desk: Desk):
        add(desk)

        shown = desk.done("webhooks", "ping", "bot")
        example = desk.told("webhooks", "example", "bot", "server.ready")

        assert "webhook.ping is on its way: evt_" in shown
        assert example["type"] == "server.ready"

    @pytest.mark.parametrize(("status", "code"), [(204, 0), (500, 1)])
    def test_a_ping_that_is_followed_tells_how_it_went(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, status: int, code: int
    ):
        add(desk)

        async def tried(page: object) -> list[Attempt]:
            event = desk.work.public_events.rows[-1]
            return [
                Attempt(endpoint_id=desk.endpoint.id, event_id=event.id, number=1, at=now(),
                        took=0.1, status=status)
            ]  # fmt: skip

        monkeypatch.setattr(
            "tests.fakes.deliveries.FakeDeliveries.listed_attempts", lambda _, page: tried(page)
        )

        shown = desk.type("webhooks", "ping", "bot", "-f")

        assert shown.exit_code == code
        assert str(status) in shown.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4711", 4711),
        ("2026-11-21T10:00Z", "2026-11-21T10:00:00+00:00"),
        ("2026-11-21T10:00+02:00", "2026-11-21T10:00:00+02:00"),
    ],
)
def test_a_mark_is_a_position_or_a_time(text: str, expected: int | str):
    assert mark_of(text) == expected


@pytest.mark.parametrize(("text", "hours"), [("2h", 2), ("30m", 0.5), ("1d", 24), ("3600s", 1)])
def test_a_mark_may_be_a_while_ago(text: str, hours: float):
    mark = datetime.fromisoformat(str(mark_of(text)))

    ago = datetime.now(UTC) - mark
    assert abs(ago - timedelta(hours=hours)) < timedelta(minutes=5)


def test_a_mark_without_a_zone_is_in_ours():
    assert datetime.fromisoformat(str(mark_of("2026-11-21 10:00"))).tzinfo


@pytest.mark.parametrize("text", ["yesterday", "2x", ""])
def test_what_is_no_mark_is_said(text: str):
    with pytest.raises(Failure):
        mark_of(text)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_shows_what_there_is_room_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, width: int
):
    add(desk, "bot", "-t", "server.ready")
    [event] = happened(desk, 1)
    terminal = partial(Console, force_terminal=True, width=width, color_system=None)
    for module in ("show.webhooks", "render"):
        monkeypatch.setattr(f"yard_cli.{module}.console", lambda **_: terminal(file=sys.stdout))

    shown = {what: desk.done("webhooks", *what.split()) for what in (
        "list", "attempts bot", "deliveries bot", "show bot"
    )}  # fmt: skip

    for page in shown.values():
        assert all(len(line) <= width for line in page.splitlines())
        assert len(page.splitlines()) < 20
    assert "500" in shown["attempts bot"]
    assert (event.id in shown["attempts bot"]) is (width == 200)
