"""Tokens on disk: one entry per gateway, in a file only its owner can read."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from yard_cli.client.models import Tokens
from yard_cli.private_file import write_private


class Login(BaseModel, frozen=True):
    """A session with one gateway. ``expires_at`` is the access token's, in Unix time."""

    username: str
    access_token: str
    refresh_token: str
    expires_at: float

    @property
    def is_fresh(self) -> bool:
        """Tell whether the access token is good for another moment."""
        return self.expires_at - 15 > time.time()

    @classmethod
    def of(cls, username: str, tokens: Tokens) -> "Login":
        """Note when the tokens just received will end."""
        return cls(
            username=username,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=time.time() + tokens.expires_in,
        )


_logins: TypeAdapter[dict[str, Login]] = TypeAdapter(dict[str, Login])


@dataclass(frozen=True, slots=True)
class Credentials:
    """The logins kept in one file."""

    path: Path

    def find(self, url: str) -> Login | None:
        """Return the login at a gateway, if there is one."""
        return self._all().get(url)

    def keep(self, url: str, login: Login) -> None:
        """Keep a login in place of an earlier one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path, _logins.dump_json({**self._all(), url: login}, indent=2))

    def _all(self) -> Mapping[str, Login]:
        try:
            return _logins.validate_json(self.path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return {}
