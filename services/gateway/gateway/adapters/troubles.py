"""What goes wrong on the way out, and what that is for people."""

import ssl
from collections.abc import Mapping
from typing import Final

import httpcore

from gateway.ports.sender import NotSent, Reason

# The first that fits.
KINDS: Final[Mapping[type[Exception], tuple[Reason, str]]] = {
    TimeoutError: (Reason.TIMEOUT, "No answer came in time."),
    httpcore.TimeoutException: (Reason.TIMEOUT, "Nobody could be connected to in time."),
    httpcore.LocalProtocolError: (Reason.CONNECTION, "The headers are none that HTTP can carry."),
    httpcore.ProtocolError: (Reason.CONNECTION, "No answer came that is one of HTTP."),
    httpcore.ConnectError: (Reason.CONNECTION, "Nobody could be connected to there."),
    httpcore.NetworkError: (Reason.CONNECTION, "The connection was cut."),
    ssl.SSLError: (Reason.TLS, "The host ended TLS, as one does that wants a certificate of ours."),
    OSError: (Reason.CONNECTION, "The connection was cut."),
}
TROUBLES: Final = tuple(KINDS)


def not_sent(error: Exception) -> NotSent:
    """Return it in words; ``error`` is one of the ``TROUBLES``."""
    return next(NotSent(*KINDS[kind]) for kind in KINDS if isinstance(error, kind))
