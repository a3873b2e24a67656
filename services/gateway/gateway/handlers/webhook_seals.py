"""The secrets of webhook endpoints: sealed before anything is stored, opened to send."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway.domain.endpoint import Endpoint, KeptKey
from gateway.domain.endpoint_keys import signing
from gateway.domain.endpoint_terms import Terms
from gateway.domain.signing import SigningKey
from gateway.ports.deliveries import Opener
from gateway.ports.seals import Seals

# The fields of an endpoint that envelopes open for.
HEADERS: Final = "/headers"
KEYS: Final = "/keys"


def sealed_headers(endpoint: Endpoint, terms: Terms, *, seals: Seals) -> str | None:
    """Return the envelope of the custom headers, a JSON object; none where there are none."""
    if terms.headers is None:
        return endpoint.headers
    if not terms.headers:
        return None
    data = json.dumps(dict(terms.headers)).encode()
    return seals.seal(data, server_id=endpoint.id, pointer=HEADERS)


def kept(key: SigningKey, id: str, *, seals: Seals, at: datetime) -> KeptKey:
    """Return a key of the endpoint ``id`` as it is stored: its text is in the envelope."""
    sealed = seals.seal(key.text.encode(), server_id=id, pointer=KEYS)
    return KeptKey(scheme=key.scheme, sealed=sealed, created_at=at)


def opened_headers(endpoint: Endpoint, opener: Opener) -> Mapping[str, str]:
    """Return the custom headers, by names in small letters. Raises ``CannotOpen``."""
    if endpoint.headers is None:
        return {}
    found = opener.open(endpoint.headers, server_id=endpoint.id, pointer=HEADERS)
    return {name.lower(): value for name, value in json.loads(found).items()}


def opened_keys(endpoint: Endpoint, opener: Opener, *, at: datetime) -> Sequence[SigningKey]:
    """Return the keys that sign at a time: two of them after a rotation. Raises ``CannotOpen``."""
    alive = signing(endpoint, at=at)
    texts = [opener.open(key.sealed, server_id=endpoint.id, pointer=KEYS) for key in alive]
    return [SigningKey.of(text.decode()) for text in texts]
