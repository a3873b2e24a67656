"""Refusals of who wants to come in: of logins, tokens, setup and passwords."""

from gateway.domain.errors import Refused


class NotAuthenticated(Refused):
    """No valid access token came with the request."""

    code = "not_authenticated"
    title = "Log in first"


class BadCredentials(Refused):
    """User name and password do not belong together."""

    code = "bad_credentials"
    title = "User name or password is wrong"


class RefreshTokenRefused(Refused):
    """A refresh token that is unknown, used up or expired."""

    code = "refresh_token_refused"
    title = "The refresh token is not valid"


class TooManyAttempts(Refused):
    """Too many failed logins in a short time."""

    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, remedy=f"Wait {retry_after} seconds, then try again.")
        self.retry_after = retry_after


class Busy(Refused):
    """More passwords to check than is good for the machine."""

    code = "busy"
    title = "Busy"

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, remedy="Try again in a moment.")
        self.retry_after = retry_after


class SetupRefused(Refused):
    """The setup token is wrong, or none is configured."""

    code = "setup_refused"
    title = "Setup needs the setup token"


class SetupDone(Refused):
    """There is a first user already."""

    code = "setup_done"
    title = "Setup is done"


class PasswordTooWeak(Refused):
    """A password that is too short, too long or too easy to guess."""

    code = "password_too_weak"
    title = "The password is too weak"
