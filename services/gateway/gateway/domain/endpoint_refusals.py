"""Refusals of what people ask about webhook endpoints."""

from gateway.domain.errors import Refused


class EndpointNotFound(Refused):
    """No such webhook endpoint, or not the caller's."""

    code = "webhook_not_found"
    title = "No such webhook"


class EndpointRefused(Refused):
    """A webhook endpoint that is not as it must be."""

    code = "webhook_refused"
    title = "The webhook is not as it must be"


class TooManyEndpoints(Refused):
    """One more than anybody may have."""

    code = "too_many_webhooks"
    title = "There are too many webhooks"


class TooManyKeys(Refused):
    """One more signing key than may be alive at once."""

    code = "too_many_webhook_secrets"
    title = "Too many secrets of this webhook are still valid"


class EndpointDisabled(Refused):
    """Something was to be sent to an endpoint that nothing is sent to."""

    code = "webhook_disabled"
    title = "This webhook is disabled"


class ReplayRefused(Refused):
    """Something to be sent again that is not said clearly, or is not there."""

    code = "replay_refused"
    title = "This cannot be sent again"


class UnknownEventType(Refused):
    """An example was asked for of an event that is never told."""

    code = "unknown_event_type"
    title = "There is no such type of event"


class RevisionMissing(Refused):
    """A change that does not say what it changes."""

    code = "if_match_required"
    title = "Say what you change"


class RevisionStale(Refused):
    """A change of something that somebody else has changed meanwhile."""

    code = "revision_stale"
    title = "Somebody else has changed this meanwhile"
