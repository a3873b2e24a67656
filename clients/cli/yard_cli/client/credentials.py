"""Tokens on disk: one entry per gateway, in a file only its owner can read."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from yard_cli.client.models import Tokens
from yard_cli.private_file import write_private

ASK_EVERY: Final = 0.05


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user whose password the command line knows: the local stack's owner."""

    username: str
    password: str = field(repr=False)


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

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Keep other commands from renewing a login meanwhile: a token renews once."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _taken(lock):  # noqa: ASYNC110  another process lets it go
                await asyncio.sleep(ASK_EVERY)
            yield
        finally:
            os.close(lock)

    def _all(self) -> Mapping[str, Login]:
        try:
            return _logins.validate_json(self.path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return {}


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
