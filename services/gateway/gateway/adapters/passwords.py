"""Password hashes by argon2id, in threads, a few at a time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from gateway.domain.admission import Busy

AT_ONCE: Final = 4
PATIENCE: Final = 3.0  # seconds to wait for a turn


class Argon2Passwords:
    """Hashes with 19 MiB and two passes: what OWASP asks for."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
        self._turns = asyncio.Semaphore(AT_ONCE)
        # Nobody's hash, made like everybody's: an unknown user costs as much as a known one.
        self._nobody = self._hasher.hash("nobody")

    async def hash(self, password: str) -> str:
        """Return a salted hash."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, *, hash: str | None) -> bool:
        """Tell whether they belong together; with no hash take as long, and say no."""
        async with self._turn():
            matches = await asyncio.to_thread(self._matches, hash or self._nobody, password)
        return matches and hash is not None

    def is_outdated(self, hash: str) -> bool:
        """Tell whether the hash is weaker than those made now."""
        return self._hasher.check_needs_rehash(hash)

    def _matches(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (Argon2Error, InvalidHashError):
            return False

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        try:
            await asyncio.wait_for(self._turns.acquire(), PATIENCE)
        except TimeoutError:
            raise Busy("Too many logins at once.") from None
        try:
            yield
        finally:
            self._turns.release()
