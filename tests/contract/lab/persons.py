"""People with tickets who send forms to a lab that listens."""

from typing import Any

from aiohttp import ClientResponse, ClientSession

from proxmox_lab.access.identity import Doorkeeper
from proxmox_lab.call import Lab

Answer = tuple[int, str, dict[str, Any]]


class Person:
    """Somebody with a ticket, who sends forms."""

    def __init__(self, base: str, client: ClientSession, door: Doorkeeper, name: str) -> None:
        ticket, csrf = door.issue(name)
        self._base, self._client = base, client
        self.headers = {"Cookie": f"PVEAuthCookie={ticket}", "CSRFPreventionToken": csrf}

    async def ask(self, verb: str, path: str, /, **form: str) -> Answer:
        kind = "params" if verb in ("GET", "DELETE") else "data"
        sent: dict[str, Any] = {kind: form}
        url = f"{self._base}/api2/json{path}"
        async with self._client.request(
            verb, url, headers=self.headers, ssl=False, **sent
        ) as answer:
            return await read(answer)


async def read(answer: ClientResponse) -> Answer:
    body = await answer.json() if answer.content_type == "application/json" else {}
    return answer.status, answer.reason or "", body


class House:
    """A lab, and the people who may knock at it."""

    def __init__(self, lab: Lab, base: str, client: ClientSession) -> None:
        self.lab, self.base, self.client = lab, base, client

    def person(self, name: str) -> Person:
        return Person(self.base, self.client, self.lab.doorkeeper, name)

    @property
    def root(self) -> Person:
        return self.person("root@pam")
