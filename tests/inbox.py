"""A real receiver of webhooks on loopback, and the webhooks of a real gateway that lead there."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.signatures import verified
from tests.unit.gateway.receiver import FINE, Receiver, Script, receiving

WEBHOOKS = {
    "SPAWNYARD_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
    "SPAWNYARD_WEBHOOK_RETRY_WAITS": "0.3,0.3,0.5,1,2,2,2",
}


@dataclass(frozen=True)
class Post:
    """One attempt as it came in, ``at`` a time of the monotonic clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def attempt(self) -> int:
        return int(self.headers["webhook-attempt"])

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing, for as long as the test lasts."""
    await asyncio.sleep(3600)


def closing(said: bytes) -> bytes:
    """Announce that the connection ends with this answer, so that nothing is sent into its end."""
    return said.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


def post_of(head: str, body: bytes) -> Post:
    first, *lines = head.splitlines()
    fields = (line.partition(": ") for line in lines if line)
    return Post(
        first.split()[1], {name.lower(): text for name, _, text in fields}, body, time.monotonic()
    )


@dataclass
class Inbox:
    """Whatever arrives, and how it is answered: by ``says``, which may take its time."""

    receiver: Receiver = field(default_factory=Receiver)
    posts: list[Post] = field(default_factory=list)
    says: Callable[[Post], bytes | Script] = lambda _: FINE

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        post = post_of(*self.receiver.requests[-1])
        self.posts.append(post)
        said = self.says(post)
        if not isinstance(said, bytes):
            await said(reader, writer)
            return
        writer.write(closing(said))
        await writer.drain()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.receiver.port}{path}"

    def times(self, path: str = "/hook") -> Counter[str]:
        """Tell how often each id arrived at a path."""
        return Counter(post.id for post in self.posts if post.path == path)

    def at(self, path: str = "/hook") -> list[Post]:
        return [post for post in self.posts if post.path == path]

    async def has(self, count: int, path: str | None = None) -> bool:
        return len(self.at(path) if path else self.posts) >= count

    async def has_all(self, ids: Iterable[str], path: str = "/hook") -> bool:
        return set(ids) <= self.times(path).keys()

    async def has_told(self, type: str, count: int, path: str = "/hook") -> bool:
        """Tell whether so many events of a type arrived, however often each."""
        return len({post.id for post in self.at(path) if post.event["type"] == type}) >= count

    def sequences(self, path: str = "/hook") -> dict[str, list[int]]:
        """Return the numbers that arrived of each subject, sorted, each once."""
        arrived = self.first_arrivals(path)
        return {subject: sorted(numbers) for subject, numbers in arrived.items()}

    def first_arrivals(self, path: str = "/hook") -> dict[str, list[int]]:
        """Return the numbers of each subject in the order in which they arrived first."""
        found: dict[str, list[int]] = {}
        for post in self.at(path):
            numbers, number = found.setdefault(post.event["subject"], []), post.event["sequence"]
            if int(number) not in numbers:
                numbers.append(int(number))
        return found

    def assert_signed(self, secret: str, path: str = "/hook") -> None:
        """Hold each attempt against the secret, and the bodies of one id against each other."""
        bodies: dict[str, bytes] = {}
        for post in self.at(path):
            assert verified(secret, post.headers, post.body), post.headers
            assert post.event["id"] == post.id
            assert bodies.setdefault(post.id, post.body) == post.body


@asynccontextmanager
async def inbox() -> AsyncGenerator[Inbox]:
    box = Inbox()
    async with receiving(box.serve) as receiver:
        box.receiver = receiver
        yield box


async def subscribe(client: httpx.AsyncClient, url: str, **more: Any) -> dict[str, Any]:
    """Set a webhook up; return it with its secret and its ``path``."""
    body = {"name": "inbox", "url": url, **more}
    answer = await client.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json() | {"path": f"/v1/webhooks/{answer.json()['id']}"}


async def told(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """Return all events that the gateway has told, in their order."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        page = (
            await client.get("/v1/events", params={"after": after, "limit": 100} | params)
        ).json()
        found += [item["event"] for item in page["items"]]
        if not page["items"]:
            return found
        after = page["next_after"]


async def deploy_several(client: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    """Ask for some servers, and return what was accepted."""
    return [
        (await client.post("/v1/deployments", json={"game": "blocks"})).json() for _ in range(count)
    ]
