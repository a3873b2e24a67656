"""The secrets of webhook endpoints, sealed before anything is stored."""

import json
from datetime import datetime
from typing import Final

from gateway.domain.endpoint import Endpoint, KeptKey
from gateway.domain.endpoint_terms import Terms
from gateway.domain.signing import SigningKey
from gateway.ports.seals import Seals

# The fields of an endpoint that envelopes open for.
HEADERS: Final = "/headers"
KEY: Final = "/keys"


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
    sealed = seals.seal(key.text.encode(), server_id=id, pointer=KEY)
    return KeptKey(scheme=key.scheme, sealed=sealed, created_at=at)
