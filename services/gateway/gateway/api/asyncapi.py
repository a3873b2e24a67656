"""The AsyncAPI 3 document of the gateway: what it tells, by a live stream and by webhooks."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.contracts import public_events as public

ABOUT: Final = (
    "Public events of Spawnyard, as CloudEvents 1.0 in JSON. The same events are listed by "
    "`GET /v1/events`, told live by `GET /v1/events/stream`, and sent to webhook endpoints by "
    "Standard Webhooks 1.0.0, at least once."
)
# Every way an event comes: title, what carries it, and what is special about it.
WAYS: Final[Mapping[str, tuple[str, str | None, str]]] = {
    "stream": (
        "The live stream",
        "/v1/events/stream",
        "Server-Sent Events in order, each once: `id` is the event's position; who comes back "
        "sends it as `Last-Event-ID`.",
    ),
    "webhook": (
        "A webhook endpoint",
        None,
        "A POST with `webhook-id`, `webhook-timestamp` and `webhook-signature`; the same id may "
        "come again, and in another order.",
    ),
}
HEADERS: Final = {
    "webhook-id": "Id of the event: the same however often it is sent",
    "webhook-timestamp": "When this attempt was signed, in seconds since 1970",
    "webhook-signature": "`v1,` or `v1a,` and the signature in base64; several by spaces",
}


def document() -> Mapping[str, Any]:
    """Return the document."""
    names = [_key(name) for name in public.CATALOGUE]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Spawnyard events", "version": "1", "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {way: _channel(way, names) for way in WAYS},
        "operations": {f"tell-{way}": _operation(way, names) for way in WAYS},
        "components": {"messages": dict(_messages())},
    }


def _channel(way: str, names: list[str]) -> Mapping[str, Any]:
    title, address, about = WAYS[way]
    return {
        "address": address,
        "title": title,
        "description": about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _operation(way: str, names: list[str]) -> Mapping[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{way}"},
        "messages": [{"$ref": f"#/channels/{way}/messages/{name}"} for name in names],
        "bindings": {"http": {"method": "GET" if way == "stream" else "POST"}},
    }


def _messages() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, (_, meaning) in public.CATALOGUE.items():
        yield (
            _key(name),
            {
                "name": name,
                "title": name,
                "summary": meaning,
                "contentType": "application/json",
                "headers": {
                    "type": "object",
                    "description": "Of a webhook; the stream has none.",
                    "properties": {
                        header: {"type": "string", "description": about}
                        for header, about in HEADERS.items()
                    },
                },
                "payload": public.schema(name, at=f"#/components/messages/{_key(name)}/payload"),
            },
        )


def _key(type: str) -> str:
    """Return a type as a key: AsyncAPI allows dots in few places only."""
    return type.replace(".", "_")
