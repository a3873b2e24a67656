"""The login at one gateway: kept on disk, renewed when it grows old, by one command at a time."""

from http import HTTPStatus

import httpx

from yard_cli.client.answers import read
from yard_cli.client.credentials import Account, Credentials, Login
from yard_cli.client.models import Tokens
from yard_cli.failure import Failure


class Session:
    """Gives access tokens. With an ``account`` it logs in by itself where that is needed."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        url: str,
        credentials: Credentials,
        account: Account | None = None,
    ) -> None:
        self._http = http
        self._url = url
        self._credentials = credentials
        self._account = account

    async def begin(self, account: Account) -> Login:
        """Log in and keep it."""
        body = {"username": account.username, "password": account.password}
        tokens = read(Tokens, await self._http.post("/v1/auth/login", json=body))
        return self._kept(Login.of(account.username, tokens))

    async def token(self) -> str:
        """Return an access token that is good for another moment."""
        login = self._credentials.find(self._url)
        if login is not None and login.is_fresh:
            return login.access_token
        return await self.token_instead_of(login.access_token if login else None)

    async def token_instead_of(self, refused: str | None) -> str:
        """Return another token than the refused one; another command may have brought it."""
        async with self._credentials.alone():
            login = self._credentials.find(self._url)
            if login is None:
                login = await self._begun_anew(f"you are not logged in at {self._url}")
            elif not login.is_fresh or login.access_token == refused:
                login = await self._renewed(login)
            return login.access_token

    async def _renewed(self, login: Login) -> Login:
        body = {"refresh_token": login.refresh_token}
        response = await self._http.post("/v1/auth/refresh", json=body)
        if response.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            reason = f"the login of {login.username} at {self._url} has ended"
            return await self._begun_anew(reason, username=login.username)
        return self._kept(Login.of(login.username, read(Tokens, response)))

    async def _begun_anew(self, reason: str, *, username: str | None = None) -> Login:
        """Log in by the password known, unless the login was another user's."""
        known = self._account
        if known is None or username not in {None, known.username}:
            raise Failure(reason, f"./yard login --url {self._url}")
        return await self.begin(known)

    def _kept(self, login: Login) -> Login:
        self._credentials.keep(self._url, login)
        return login
