"""Which web pages may read logs. Browsers do not ask for WebSockets, so we look ourselves."""

from collections.abc import Collection
from urllib.parse import urlsplit


def is_welcome(origin: str | None, *, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a request with this ``Origin`` (none: not a browser) may be answered."""
    if origin is None:
        return True
    return origin in allowed or (bool(host) and urlsplit(origin).netloc == host)
