"""Webhooks as people send them."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    JsonValue,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from gateway.api.pages import EVENT
from gateway.domain.chat_formats import Format
from gateway.domain.endpoint_keys import LONGEST_OVERLAP, OVERLAP
from gateway.domain.endpoint_terms import Terms
from gateway.domain.signing import Scheme
from gateway.handlers.webhook_history import Again

HOURS: Final = 3600

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
Types = Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(max_length=50)]
Options = Annotated[dict[str, str], Field(max_length=10)]
Headers = Annotated[dict[str, str], Field(max_length=20)]
Rate = Annotated[float, Field(ge=0.01, le=1000)]
MaxInFlight = Annotated[int, Field(ge=1, le=10)]


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time that there is in UTC, too") from None


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


def _marked(value: object, handler: ValidatorFunctionWrapHandler) -> int | datetime:
    """A number is always a position, never seconds since 1970."""
    is_time = isinstance(value, str) and not value.strip("+-").isdecimal()
    with suppress(ValidationError):
        found = handler(value)
        if isinstance(found, datetime) == is_time:
            return found
    raise ValueError("must be a position, or a time with its zone (2026-11-21T10:00Z)")


Mark = Annotated[Annotated[int, Field(ge=0, lt=2**63)] | Time, WrapValidator(_marked)]


class WebhookWish(BaseModel, frozen=True, extra="forbid"):
    """Where events are to go, and which.

    ``types``: `server.ready`, or `server.*` for all that begin so; none: all. ``filter``:
    conditions on the event, `{"data.server.labels.env": {"$in": ["prod"]}}`. ``headers``: sent
    along, sealed at once and never shown. ``options``: `chat_id` for telegram, `topic` for ntfy.
    ``rate``: deliveries a second at most. ``in_order``: a server's next event waits for the former.
    ``scope``: your events, or everybody's, for administrators. ``scheme``: `v1` signs with a shared
    secret, `v1a` with a key of which the receiver knows the public half.
    """

    name: Name
    url: Url = Field(repr=False)
    scope: Literal["mine", "everybody"] = "mine"
    scheme: Scheme = Scheme.HMAC
    format: Format = Format.STANDARD
    options: Options = {}
    types: Types = ()
    filter: dict[str, JsonValue] = {}
    headers: Headers = Field(default={}, repr=False)
    rate: Rate | None = None
    max_in_flight: MaxInFlight = 2
    in_order: bool = False
    enabled: bool = True

    def terms(self) -> Terms:
        """Return what can be changed later, too."""
        fields = dict(self)
        return Terms(**{name: fields[name] for name in fields if name not in ("scope", "scheme")})


class WebhookChange(BaseModel, frozen=True, extra="forbid"):
    """What is to be different; the rest stays. Null goes back to the default.

    ``options``, ``types``, ``filter`` and ``headers`` are replaced as a whole.
    """

    name: Name | None = None
    url: Url | None = Field(default=None, repr=False)
    format: Format | None = None
    options: Options | None = None
    types: Types | None = None
    filter: dict[str, JsonValue] | None = None
    headers: Headers | None = Field(default=None, repr=False)
    rate: Rate | None = None
    max_in_flight: MaxInFlight | None = None
    in_order: bool | None = None
    enabled: bool | None = None

    @field_validator("name", "url", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null: there is no default")
        return value

    def onto(self, terms: Terms) -> Terms:
        """Return other terms: what was sent, over those there are."""
        plain = Terms(name=terms.name, url=terms.url)
        changes: dict[str, Any] = {}
        for field in self.model_fields_set:
            sent = getattr(self, field)
            changes[field] = getattr(plain, field) if sent is None else sent
        if changes.get("format", terms.format) != terms.format:
            changes.setdefault("options", {})  # those of another format mean nothing to it
        return replace(terms, **changes)


class Rotation(BaseModel, frozen=True, extra="forbid"):
    """``overlap_hours``: how long the former secrets sign on; 0: they end now.

    ``scheme``: that of the new one; none: as before.
    """

    overlap_hours: float = Field(
        default=OVERLAP.total_seconds() / HOURS,
        ge=0,
        le=LONGEST_OVERLAP.total_seconds() / HOURS,
    )
    scheme: Scheme | None = None


class ExampleWish(BaseModel, frozen=True, extra="forbid"):
    """An example of which type."""

    type: str = Field(max_length=80)


class ReplayWish(BaseModel, frozen=True, extra="forbid"):
    """What is to be sent again: ``event_id``, ``failed_since``, or a range.

    ``event_id``: this event, even if it was not wanted. ``failed_since``: what failed since then;
    with ``after``, a position, what of that comes after it: where an answer was not ``complete``.
    ``after``, ``before``: all wanted events between the two, whether they were sent or not. Each is
    a position, which does not belong to the range, or a time with its zone; without ``after``
    it is all from the first event on, without ``before`` all up to now.
    """

    event_id: Annotated[str, Field(pattern=f"^{EVENT}$")] | None = None
    failed_since: Time | None = None
    after: Mark | None = None
    before: Mark | None = None

    def again(self) -> Again:
        """Return what is asked for."""
        return Again(**dict(self))
