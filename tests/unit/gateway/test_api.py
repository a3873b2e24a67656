"""What the API answers: accepted, refused with a problem, never with an error of ours."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from common.security.tokens import LOG_TICKET, verifier_from_jwks
from gateway.api.body import MAX_BODY
from gateway.domain.errors import Refused
from tests.unit.gateway.door import ISSUER, Door, open_door


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


async def test_a_deployment_is_accepted_and_says_where_to_look(door: Door) -> None:
    response = await door.deploy(name="mine", plan="small", settings={"mode": "hard"})

    operation = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == operation["links"]["self"]
    assert [step["state"] for step in operation["steps"]] == ["pending"] * 10
    assert (operation["kind"], operation["state"], operation["progress"]) == ("deploy", "queued", 0)
    found = await door.client.get(response.headers["Location"], headers=door.bearer())
    assert found.json() == operation
    server = (await door.client.get(operation["links"]["server"], headers=door.bearer())).json()
    assert (server["name"], server["plan"], server["phase"]) == ("mine", "small", "requested")
    assert server["operation_id"] == operation["id"]


async def test_the_same_key_and_body_get_the_same_answer(door: Door) -> None:
    headers = {"Idempotency-Key": "k" * 255}

    first = await door.deploy(headers=headers, name="mine")
    again = await door.deploy(headers=headers, name="mine")
    other = await door.deploy(headers=headers, name="yours")

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.headers["Location"] == again.headers["Location"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_of_the_wrong_length_is_refused(door: Door, key: str) -> None:
    assert (await door.deploy(headers={"Idempotency-Key": key})).status_code == 422


@pytest.mark.parametrize(
    "field", ["id", "owner_id", "vmid", "node", "ports", "phase", "game_version", "spec"]
)
async def test_what_is_not_the_users_to_set_is_refused(door: Door, field: str) -> None:
    extra: Any = {field: "x"}
    response = await door.deploy(**extra)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a\n", "ä", "a" * 64])
async def test_a_name_that_is_no_host_name_is_refused(door: Door, name: str) -> None:
    assert (await door.deploy(name=name)).status_code == 422


async def test_secret_settings_are_not_shown(door: Door) -> None:
    operation = (await door.deploy(settings={"password": "geheim"})).json()
    server = await door.client.get(operation["links"]["server"], headers=door.bearer())

    assert server.json()["settings"]["password"] == "[masked]"


async def test_asking_again_with_a_secret_gives_the_same_answer(door: Door) -> None:
    headers = {"Idempotency-Key": "k"}

    first = await door.deploy(headers=headers, settings={"password": "canary-1"})
    again = await door.deploy(headers=headers, settings={"password": "canary-1"})
    other = await door.deploy(headers=headers, settings={"password": "canary-2"})

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(door.work.servers.rows) == 1
    assert "canary" not in repr(vars(door.work)) + other.text


async def test_an_envelope_of_a_person_s_own_is_refused_without_being_repeated(door: Door) -> None:
    refused = await door.deploy(settings={"motd": "sealed:v1:canary"})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/settings/motd"
    assert "canary" not in refused.text


async def test_a_ticket_is_for_one_log_and_the_addresses_hold_no_secret(door: Door) -> None:
    operation = (await door.deploy()).json()

    response = await door.client.post(
        f"{operation['links']['self']}/log-tickets", headers=door.bearer()
    )

    issued = response.json()
    claims = verifier_from_jwks(ISSUER.jwks(), issuer="spawnyard").verify(
        issued["ticket"], audience="log-service", type=LOG_TICKET
    )
    assert response.status_code == 201
    assert claims.extra == {"stream": operation["id"]}
    assert issued["expires_in"] == 60
    assert issued["history_url"] == f"https://logs.test/v1/operations/{operation['id']}/log"
    assert issued["stream_url"] == f"wss://logs.test/v1/operations/{operation['id']}/log/stream"


async def test_cancelling_twice_is_accepted_twice(door: Door) -> None:
    operation = (await door.deploy()).json()
    path = f"{operation['links']['self']}/cancel"

    for _ in range(2):
        response = await door.client.post(path, headers=door.bearer())
        assert (response.status_code, response.json()["state"]) == (202, "cancelling")


async def test_a_busy_server_says_what_to_do(door: Door) -> None:
    operation = (await door.deploy()).json()

    response = await door.client.delete(operation["links"]["server"], headers=door.bearer())

    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "server_busy")
    assert f"Cancel {operation['id']} first" in problem["remedy"]


async def test_lists_come_in_pages_without_gap_or_repeat(door: Door) -> None:
    made = [(await door.deploy()).json() for _ in range(5)]

    for path, key in (("/v1/operations", "id"), ("/v1/servers", "server_id")):
        seen: list[str] = []
        after: str | None = None
        while True:
            params = {"limit": "2"} | ({"after": after} if after else {})
            page = (await door.client.get(path, params=params, headers=door.bearer())).json()
            seen += [item["id"] for item in page["items"]]
            after = page["next_cursor"]
            if after is None:
                break
        assert seen == sorted((operation[key] for operation in made), reverse=True)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "after=1", "after=op_%00", "state=odd", "server_id=%00"],
)
async def test_a_query_out_of_range_is_refused(door: Door, query: str) -> None:
    response = await door.client.get(f"/v1/operations?{query}", headers=door.bearer())

    assert response.status_code == 422


async def test_operations_can_be_searched_by_state_and_server(door: Door) -> None:
    first = (await door.deploy()).json()
    await door.deploy()

    async def count(query: str) -> int:
        response = await door.client.get(f"/v1/operations?{query}", headers=door.bearer())
        return len(response.json()["items"])

    assert await count("state=queued") == 2
    assert await count("state=failed") == 0
    assert await count(f"server_id={first['server_id']}") == 1


async def test_games_and_plans_can_be_looked_up(door: Door) -> None:
    headers = door.bearer()

    games = (await door.client.get("/v1/games", headers=headers)).json()
    game = (await door.client.get("/v1/games/blocks", headers=headers)).json()
    plans = (await door.client.get("/v1/plans", headers=headers)).json()

    assert [item["id"] for item in games["items"]] == ["blocks"]
    assert game["settings_schema"]["properties"]["motd"]["default"] == "Hello"
    assert [plan["name"] for plan in plans["items"]] == ["small", "medium", "large"]
    assert (await door.client.get("/v1/games/chess", headers=headers)).status_code == 404


async def test_setup_login_refresh_and_me(door: Door) -> None:
    who = {"username": "Carla", "password": "correct horse battery"}

    setup = await door.client.post("/v1/setup", json={**who, "setup_token": "sesame"})
    grant = (await door.client.post("/v1/auth/login", json=who)).json()
    again = await door.client.post(
        "/v1/auth/refresh", json={"refresh_token": grant["refresh_token"]}
    )
    me = await door.client.get(
        "/v1/me", headers={"Authorization": f"Bearer {again.json()['access_token']}"}
    )

    assert setup.status_code == 201
    assert (grant["token_type"], grant["expires_in"]) == ("Bearer", 600)
    assert me.json() == setup.json()
    second = await door.client.post("/v1/setup", json={**who, "setup_token": "sesame"})
    assert (second.status_code, second.json()["code"]) == (409, "setup_done")


async def test_too_many_failed_logins_are_told_how_long_to_wait(door: Door) -> None:
    wrong = {"username": "ann", "password": "wrong"}
    answers = [await door.client.post("/v1/auth/login", json=wrong) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "60"


BODIES: dict[str, tuple[bytes, int]] = {
    "not json": (b"{game}", 400),
    "nan": (b'{"game":"blocks","settings":{"players":NaN}}', 400),
    "infinity": (b'{"game":"blocks","settings":{"players":-Infinity}}', 400),
    "1e999": (b'{"game":"blocks","settings":{"players":1e999}}', 400),
    "huge number": (b'{"game":"blocks","settings":{"players":' + b"9" * 5000 + b"}}", 400),
    "large number": (b'{"game":"blocks","settings":{"players":99999999999999999999}}', 400),
    "lone surrogate": (b'{"game":"blocks","name":"\\ud800"}', 400),
    "lone surrogate in a name": (b'{"game":"blocks","settings":{"\\udfff":1}}', 400),
    "nul": (b'{"game":"blocks","settings":{"motd":"\\u0000"}}', 400),
    "deep": (b'{"game":"blocks","settings":' + b'{"a":' * 40 + b"1" + b"}" * 41, 400),
    "very deep": (b"[" * 100_000, 400),
    "bad utf-8": (b'{"game":"\xff"}', 400),
    "utf-16": ('{"game":"blocks"}'.encode("utf-16"), 400),
    "byte order mark": (b'\xef\xbb\xbf{"game":"blocks"}', 400),
    "same name twice": (b'{"game":"blocks","game":"blocks"}', 400),
    "no object": (b"[]", 422),
    "a text": (b'"blocks"', 422),
    "null": (b"null", 422),
    "nothing": (b"", 422),
    "other kind": (b'{"game":5}', 422),
    "too large": (b'{"game":"' + b"x" * MAX_BODY + b'"}', 413),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_means_trouble_is_refused(door: Door, name: str) -> None:
    body, status = BODIES[name]
    headers = {**door.bearer(), "Content-Type": "application/json"}

    response = await door.client.post("/v1/deployments", content=body, headers=headers)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert not door.work.operations.rows


async def test_a_body_is_counted_also_when_its_length_is_not_announced(door: Door) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield b"x" * 65_536

    headers = {**door.bearer(), "Content-Type": "application/json"}
    response = await door.client.post("/v1/deployments", content=endless(), headers=headers)

    assert response.status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/jsonp"])
async def test_a_body_that_is_not_called_json_is_refused(door: Door, kind: str) -> None:
    headers = {**door.bearer(), "Content-Type": kind}

    response = await door.client.post(
        "/v1/deployments", content=b'{"game":"blocks"}', headers=headers
    )

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/games/", 404),
        ("PATCH", "/v1/games", 405),
        ("TRACE", "/v1/games", 405),
        ("GET", "/v1/operations/x", 401),
        ("GET", "/v1/games?token=geheim", 400),
        ("GET", "/v1/games?Access_Token=", 400),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    door: Door, method: str, path: str, status: int
) -> None:
    response = await door.client.request(method, path)

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["X-Request-ID"]
    assert "geheim" not in response.text


async def test_a_problem_never_repeats_what_was_sent(door: Door) -> None:
    canary = "canary-77f1"
    bodies: list[tuple[str, Any]] = [
        ("/v1/deployments", {"game": canary, "name": canary + "!", "plan": [canary]}),
        ("/v1/deployments", {"game": "blocks", "settings": {"mode": canary, "players": canary}}),
        ("/v1/deployments", {"game": canary}),
        ("/v1/auth/login", {"username": canary, "password": canary}),
        ("/v1/auth/login", {"username": {"a": canary}, "password": [canary]}),
        ("/v1/auth/refresh", {"refresh_token": canary}),
        ("/v1/setup", {"setup_token": canary, "username": canary + " ", "password": canary}),
        ("/v1/setup", {"setup_token": "sesame", "username": "ann", "password": "canary-77f"}),
    ]
    for path, body in bodies:
        response = await door.client.post(path, json=body, headers=door.bearer())
        assert 400 <= response.status_code < 500, path
        assert "canary" not in response.text


async def test_an_error_of_ours_reveals_nothing_but_its_id(door: Door) -> None:
    headers = door.bearer()
    del door.work.users.rows

    response = await door.client.get("/v1/me", headers=headers)

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "Attribute" not in response.text
    assert response.json()["request_id"] == response.headers["X-Request-ID"]


async def test_every_answer_has_safe_headers(door: Door) -> None:
    for path in ("/healthz", "/v1/me", "/nowhere", "/.well-known/jwks.json"):
        headers = (await door.client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def _kinds(of: type[Refused]) -> list[type[Refused]]:
    return [found for kind in of.__subclasses__() for found in (kind, *_kinds(kind))]


async def test_every_refusal_is_documented_under_its_type(door: Door) -> None:
    listed = (await door.client.get("/v1/problems")).json()["items"]

    assert {kind.code for kind in _kinds(Refused)} <= {item["code"] for item in listed}


async def test_a_database_that_is_away_is_told_as_such_and_when_to_come_again(door: Door) -> None:
    headers = door.bearer()

    async def away(_: str) -> None:
        raise ConnectionError

    door.work.sessions.find = away  # type: ignore[method-assign,assignment]
    response = await door.client.get("/v1/me", headers=headers)

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["Retry-After"] == "2"
