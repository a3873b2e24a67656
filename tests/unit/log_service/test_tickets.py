"""A ticket opens the log it names, for a minute, and nothing else does."""

from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest

from common.security.keys import new_private_pem
from common.security.tokens import ACCESS, LOG_TICKET, TokenIssuer
from log_service.adapters.tickets import AUDIENCE, GatewayTickets
from log_service.domain.errors import KeysUnavailable, TicketRefused

ISSUER: Final = "spawnyard"
URL: Final = "http://gateway.test/.well-known/jwks.json"
KEY: Final = new_private_pem()
NEWER: Final = new_private_pem()
MINUTE: Final = timedelta(minutes=1)


class Gateway:
    """Publishes keys, counts how often it is asked, and may be away."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.away = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.away:
            return httpx.Response(503)
        first, *others = (TokenIssuer(key, issuer=ISSUER) for key in self.keys)
        return httpx.Response(200, json=first.jwks(*(other.public_key for other in others)))

    def tickets(self, *, pause: float = 60) -> GatewayTickets:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return GatewayTickets(URL, issuer=ISSUER, http=http, pause=pause)


def ticket(
    *,
    key: str = KEY,
    issuer: str = ISSUER,
    audience: str = AUDIENCE,
    type: str = LOG_TICKET,
    life: timedelta = MINUTE,
    age: timedelta = timedelta(0),
    **extra: str,
) -> str:
    signer = TokenIssuer(key, issuer=issuer, clock=lambda: datetime.now(UTC) - age)
    return signer.issue(
        subject="usr_1", audience=audience, type=type, life=life, **({"stream": "op_1"} | extra)
    )


async def test_a_good_ticket_names_its_stream():
    assert await Gateway(KEY).tickets().stream_of(ticket()) == "op_1"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(ticket(age=timedelta(minutes=5)), id="expired"),
        pytest.param(ticket(age=timedelta(minutes=-5)), id="of the future"),
        pytest.param(ticket(life=timedelta(days=1)), id="good for too long"),
        pytest.param(ticket(audience="gateway"), id="for another service"),
        pytest.param(ticket(type=ACCESS), id="an access token"),
        pytest.param(ticket(issuer="somebody"), id="of another issuer"),
        pytest.param(ticket(key=NEWER), id="of an unknown key"),
        pytest.param(ticket()[:-4] + "AAAA", id="signature changed"),
        pytest.param(ticket() + ".", id="not three parts"),
        pytest.param("eyJhbGciOiJub25lIn0.e30.", id="unsigned"),
        pytest.param("", id="empty"),
        pytest.param("ü" * 10, id="not ASCII"),
        pytest.param("a" * 100_000, id="huge"),
    ],
)
async def test_everything_else_is_refused(wrong: str):
    with pytest.raises(TicketRefused):
        await Gateway(KEY).tickets().stream_of(wrong)


async def test_a_ticket_that_names_no_stream_is_refused():
    nameless = TokenIssuer(KEY, issuer=ISSUER).issue(
        subject="usr_1", audience=AUDIENCE, type=LOG_TICKET, life=MINUTE
    )

    with pytest.raises(TicketRefused):
        await Gateway(KEY).tickets().stream_of(nameless)


async def test_keys_are_asked_for_once():
    gateway = Gateway(KEY)
    tickets = gateway.tickets()

    for _ in range(5):
        await tickets.stream_of(ticket())

    assert gateway.asked == 1


async def test_a_key_that_is_new_is_asked_for():
    gateway = Gateway(KEY)
    tickets = gateway.tickets(pause=0)
    await tickets.stream_of(ticket())

    gateway.keys = [NEWER, KEY]

    assert await tickets.stream_of(ticket(key=NEWER)) == "op_1"
    assert await tickets.stream_of(ticket()) == "op_1"


async def test_bad_tickets_cannot_make_us_ask_often():
    gateway = Gateway(KEY)
    tickets = gateway.tickets()

    for _ in range(20):
        with pytest.raises(TicketRefused):
            await tickets.stream_of(ticket(key=NEWER))

    assert gateway.asked == 1


async def test_known_keys_outlive_the_gateway():
    gateway = Gateway(KEY)
    tickets = gateway.tickets(pause=0)
    await tickets.stream_of(ticket())

    gateway.away = True

    assert await tickets.stream_of(ticket()) == "op_1"
    with pytest.raises(TicketRefused):
        await tickets.stream_of(ticket(key=NEWER))


async def test_without_keys_nothing_is_judged_and_the_gateway_is_asked_again():
    gateway = Gateway(KEY)
    gateway.away = True
    tickets = gateway.tickets(pause=0)
    with pytest.raises(KeysUnavailable):
        await tickets.stream_of(ticket())

    gateway.away = False

    assert await tickets.stream_of(ticket()) == "op_1"
