"""The gateway's HTTP door over a world in memory, with true tokens and two users."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import httpx
from fastapi import FastAPI

from common.contracts.base import now
from common.health import health_routes
from common.security.addresses import Allowance
from common.security.keys import keys_of_jwks, new_private_pem
from common.security.tokens import ACCESS, LOG_TICKET, TokenIssuer, TokenVerifier
from gateway.api.app import create_app
from gateway.api.dependencies import Parts
from gateway.domain.user import Session, User
from gateway.handlers.public_events import News
from tests.fakes.gateway import USER, FakeCatalogue, FakePasswords, FakeSeals, FakeTokens, FakeWork
from tests.fakes.questions import FakeQuestions

ISSUER: Final = TokenIssuer(new_private_pem(), issuer="spawnyard")
OTHER: Final = replace(USER, id="usr_2", name="Bob")


@dataclass
class TrueTokens(FakeTokens):
    """As the fake, but signed."""

    def access(self, user: User, session: Session) -> str:
        life = timedelta(minutes=10)
        return ISSUER.issue(
            subject=user.id, audience="gateway", type=ACCESS, life=life, sid=session.id
        )

    def log_ticket(self, *, user_id: str, stream: str) -> str:
        life = timedelta(minutes=1)
        return ISSUER.issue(
            subject=user_id, audience="log-service", type=LOG_TICKET, life=life, stream=stream
        )


def app_over(work: FakeWork, questions: FakeQuestions | None = None) -> FastAPI:
    parts = Parts(
        work=work,
        catalogue=FakeCatalogue(),
        seals=FakeSeals(),
        passwords=FakePasswords(),
        tokens=TrueTokens(),
        verifier=TokenVerifier(keys_of_jwks(ISSUER.jwks()), issuer="spawnyard"),
        jwks=ISSUER.jwks(),
        questions=questions or FakeQuestions(),
        hypervisor_seals=FakeSeals(),
        news=News(),
        allowance=Allowance(),
        public_log_url="https://logs.test/",
        setup_token="sesame",
    )
    return create_app(parts, health=health_routes({}, service="gateway"))


@dataclass
class Door:
    """A client, and the world behind the door."""

    client: httpx.AsyncClient
    work: FakeWork
    app: FastAPI

    def bearer(self, user: User = USER) -> dict[str, str]:
        """Headers of a user who has just logged in."""
        session = Session(
            id=f"ses_{user.id}",
            user_id=user.id,
            created_at=now(),
            expires_at=now() + timedelta(days=1),
        )
        self.work.users.rows[user.id] = user
        self.work.sessions.rows[session.id] = session
        return {"Authorization": f"Bearer {TrueTokens().access(user, session)}"}

    async def deploy(
        self, user: User = USER, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        return await self.client.post(
            "/v1/deployments",
            json={"game": "blocks", **body},
            headers={**self.bearer(user), **(headers or {})},
        )


@asynccontextmanager
async def open_door(questions: FakeQuestions | None = None) -> AsyncGenerator[Door]:
    work = FakeWork()
    app = app_over(work, questions)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://yard.test") as client:
        yield Door(client=client, work=work, app=app)
