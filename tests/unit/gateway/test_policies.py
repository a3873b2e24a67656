"""Who may use which route: every route is named here, or the run fails."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from fastapi.routing import iter_route_contexts

from common.security.tokens import ACCESS, LOG_TICKET
from gateway.domain.user import Role
from tests.fakes.gateway import USER, FakeWork
from tests.unit.gateway.door import ISSUER, OTHER, Door, app_over, open_door

PUBLIC: Final = "public"
USERS: Final = "users"
OWNERS: Final = "owners"
ADMINS: Final = "admins"

POLICY: Final = {
    "GET /openapi.json": PUBLIC,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /info": PUBLIC,
    "GET /v1/problems": PUBLIC,
    "GET /v1/asyncapi.json": PUBLIC,
    "GET /v1/event-types": PUBLIC,
    "GET /v1/event-types/{type}/schema": PUBLIC,
    "GET /.well-known/jwks.json": PUBLIC,
    "POST /v1/setup": PUBLIC,
    "POST /v1/auth/login": PUBLIC,
    "POST /v1/auth/refresh": PUBLIC,
    "POST /v1/auth/logout": USERS,
    "GET /v1/me": USERS,
    "GET /v1/games": USERS,
    "GET /v1/games/{id}": USERS,
    "GET /v1/plans": USERS,
    "POST /v1/deployments": USERS,
    "GET /v1/operations": USERS,
    "GET /v1/servers": USERS,
    "GET /v1/events": USERS,
    "GET /v1/events/stream": USERS,
    "GET /v1/operations/{id}": OWNERS,
    "POST /v1/operations/{id}/cancel": OWNERS,
    "POST /v1/operations/{id}/log-tickets": OWNERS,
    "GET /v1/servers/{id}": OWNERS,
    "DELETE /v1/servers/{id}": OWNERS,
    "PATCH /v1/servers/{id}": OWNERS,
    "PUT /v1/servers/{id}/labels": OWNERS,
    "POST /v1/servers/{id}/start": OWNERS,
    "POST /v1/servers/{id}/stop": OWNERS,
    "POST /v1/servers/{id}/restart": OWNERS,
    "POST /v1/servers/{id}/kill": OWNERS,
    "POST /v1/servers/{id}/update": OWNERS,
    "GET /v1/webhooks": USERS,
    "POST /v1/webhooks": USERS,
    "GET /v1/webhooks/{id}": OWNERS,
    "PATCH /v1/webhooks/{id}": OWNERS,
    "DELETE /v1/webhooks/{id}": OWNERS,
    "POST /v1/webhooks/{id}/secret/rotate": OWNERS,
    "POST /v1/webhooks/{id}/ping": OWNERS,
    "POST /v1/webhooks/{id}/example": OWNERS,
    "GET /v1/webhooks/{id}/deliveries": OWNERS,
    "GET /v1/webhooks/{id}/attempts": OWNERS,
    "POST /v1/webhooks/{id}/replay": OWNERS,
    "GET /v1/templates": ADMINS,
    "POST /v1/templates": ADMINS,
    "DELETE /v1/templates/{id}": ADMINS,
    "GET /v1/orphans": ADMINS,
    "POST /v1/orphans/sweep": ADMINS,
    "GET /v1/settings/hypervisor": ADMINS,
    "PUT /v1/settings/hypervisor": ADMINS,
    "POST /v1/settings/hypervisor/test": ADMINS,
    "GET /v1/settings/hypervisor/doctor": ADMINS,
}

GUARDED: Final = sorted(route for route, policy in POLICY.items() if policy != PUBLIC)
ADMINISTERED: Final = sorted(route for route, policy in POLICY.items() if policy == ADMINS)
OWNED: Final = sorted(route for route, policy in POLICY.items() if policy == OWNERS)


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door() as door:
        yield door


def routes() -> Iterator[str]:
    for context in iter_route_contexts(app_over(FakeWork()).routes):
        for method in sorted((context.methods or {"WEBSOCKET"}) - {"HEAD"}):
            yield f"{method} {context.path}"


def test_every_route_has_a_policy_and_every_policy_a_route() -> None:
    assert sorted(routes()) == sorted(POLICY)


async def call(
    door: Door, route: str, headers: dict[str, str], *, id: str = "x"
) -> tuple[int, str]:
    method, path = route.split(" ")
    bodies: Any = {"PATCH": {"name": "x"}, "PUT": {}}
    of_path: Any = {"example": {"type": "server.ready"}, "replay": {"after": 0}}
    wanted = of_path.get(path.rpartition("/")[2], bodies.get(method))
    headers = {**headers, "If-Match": "*"}
    response = await door.client.request(
        method, path.replace("{id}", id), headers=headers, json=wanted
    )
    body = response.json() if response.content else {}
    return response.status_code, body.get("code", "")


@pytest.mark.parametrize("route", GUARDED)
async def test_without_a_token_a_guarded_route_is_closed(door: Door, route: str) -> None:
    assert await call(door, route, {}) == (401, "not_authenticated")


def _wrong_tokens(door: Door) -> dict[str, str]:
    good = door.bearer()["Authorization"]
    life = timedelta(minutes=1)
    claims: Any = {"subject": USER.id, "life": life, "sid": f"ses_{USER.id}"}
    ticket = ISSUER.issue(**claims, audience="log-service", type=LOG_TICKET)
    return {
        "a log ticket": f"Bearer {ticket}",
        "a ticket for us": f"Bearer {ISSUER.issue(**claims, audience='gateway', type=LOG_TICKET)}",
        "for others": f"Bearer {ISSUER.issue(**claims, audience='log-service', type=ACCESS)}",
        "of no session": "Bearer "
        + ISSUER.issue(subject=USER.id, audience="gateway", type=ACCESS, life=life),
        "of another's session": "Bearer "
        + ISSUER.issue(
            subject="usr_9", audience="gateway", type=ACCESS, life=life, sid=f"ses_{USER.id}"
        ),
        "a refresh token": "Bearer refresh-1",
        "more than a token": f"{good}!!",
        "another scheme": good.replace("Bearer", "Basic"),
        "nothing": "Bearer ",
        "not ascii": "Bearer \xe4.\xf6.\xfc",
    }


@pytest.mark.parametrize("route", GUARDED)
async def test_a_token_of_another_purpose_opens_nothing(door: Door, route: str) -> None:
    for name, value in _wrong_tokens(door).items():
        headers = {"Authorization": value.encode("latin-1")}
        assert await call(door, route, headers) == (401, "not_authenticated"), name  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("route", OWNED)
async def test_what_belongs_to_another_is_not_there(door: Door, route: str) -> None:
    operation = (await door.deploy()).json()
    wish = {"name": "mine", "url": "https://hooks.example/x"}
    webhook = await door.client.post("/v1/webhooks", json=wish, headers=door.bearer())
    ids = {
        "servers": operation["server_id"],
        "operations": operation["id"],
        "webhooks": webhook.json()["id"],
    }
    theirs = ids[route.split("/")[2]]
    missing = theirs[:-6] + "zzzzzz"

    foreign = await call(door, route, door.bearer(OTHER), id=theirs)
    nowhere = await call(door, route, door.bearer(OTHER), id=missing)

    assert foreign == nowhere
    assert foreign[0] == 404


@pytest.mark.parametrize("route", ADMINISTERED)
async def test_what_is_for_administrators_is_closed_to_others(door: Door, route: str) -> None:
    user = replace(OTHER, role=Role.USER)

    assert await call(door, route, door.bearer(user)) == (403, "admin_only")


async def test_lists_show_only_what_is_ones_own(door: Door) -> None:
    await door.deploy()
    wish = {"name": "mine", "url": "https://hooks.example/x"}
    await door.client.post("/v1/webhooks", json=wish, headers=door.bearer())

    for path in ("/v1/operations", "/v1/servers", "/v1/webhooks"):
        response = await door.client.get(path, headers=door.bearer(OTHER))
        assert response.json() == {"items": [], "next_cursor": None}


async def test_a_logout_counts_at_once(door: Door) -> None:
    headers = door.bearer()

    assert (await door.client.post("/v1/auth/logout", headers=headers)).status_code == 204
    assert (await door.client.get("/v1/me", headers=headers)).status_code == 401
