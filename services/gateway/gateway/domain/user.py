"""Users, the sessions they open, and the rules for passwords and refresh tokens."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from gateway.domain.admission import PasswordTooWeak
from gateway.domain.errors import Fault

ACCESS_LIFE: Final = timedelta(minutes=10)
TICKET_LIFE: Final = timedelta(seconds=60)
SESSION_LIFE: Final = timedelta(days=30)
IDLE_LIFE: Final = timedelta(days=7)
REFRESH_GRACE: Final = timedelta(seconds=10)

FAILURE_WINDOW: Final = timedelta(minutes=1)
FAILURES_ALLOWED: Final = 5

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 128
MIN_DISTINCT: Final = 5

# The head of every list of leaked passwords, as far as it is long enough to pass otherwise.
COMMON: Final = frozenset(
    {
        "123456789012", "1234567890123", "1q2w3e4r5t6y", "1qaz2wsx3edc", "administrator",
        "adminadmin12", "changeme1234", "iloveyou1234", "letmein12345", "minecraft123",
        "passw0rd1234", "password1234", "password12345", "passwordpassword", "qwerty123456",
        "qwertyuiop12", "qwertyuiop123", "q1w2e3r4t5y6", "welcome12345", "unbelievable",
    }
)  # fmt: skip


class Role(StrEnum):
    """What a user may do beyond their own servers."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may log in."""

    id: str
    name: str
    role: Role
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login, and the family of all refresh tokens that descend from it."""

    id: str
    user_id: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Tell whether its tokens are to be accepted."""
        return self.revoked_at is None and at < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One refresh token as we remember it: its hash, never itself."""

    hash: str
    session_id: str
    expires_at: datetime
    used_at: datetime | None = None

    def is_reused(self, at: datetime) -> bool:
        """Tell whether it comes a second time, and not merely because two asked at once."""
        return self.used_at is not None and at - self.used_at > REFRESH_GRACE


def normal_password(password: str) -> str:
    """Return the one form in which a password is hashed, however it was typed."""
    return unicodedata.normalize("NFC", password)


def checked_password(password: str, *, username: str) -> str:
    """Return the password in its one normal form. Raises ``PasswordTooWeak``."""
    normal = normal_password(password)
    if not MIN_PASSWORD <= len(normal) <= MAX_PASSWORD:
        raise _too_weak(f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    guess = normal.casefold()
    if guess in COMMON or len(set(guess)) < MIN_DISTINCT:
        raise _too_weak("is too easy to guess")
    if username.casefold() in guess:
        raise _too_weak("must not contain the user name")
    return normal


def _too_weak(detail: str) -> PasswordTooWeak:
    return PasswordTooWeak(
        f"The password {detail}.",
        remedy="Choose a longer one, for instance four random words.",
        faults=(Fault("/password", detail),),
    )
