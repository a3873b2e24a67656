"""Keeps a firewall open for each game server while it runs, and only then. An example.

Spawnyard's webhooks say when to look; GET /v1/servers says what is so.
"""

import argparse
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SET = "inet spawnyard open"
OPENS = {"server.ready"}
CLOSES = {
    *("server.stopping", "server.stopped", "server.restarting", "server.changing"),
    *("server.failed", "server.deleting", "server.deleted"),
}
LARGEST = 65_536  # bytes of a request


class Yard:
    """Asks the gateway, as one of its users."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.login, self.token = url, {"username": user, "password": password}, ""

    def get(self, path: str) -> Any:
        try:
            return self._ask(path)
        except HTTPError as error:
            if error.code != HTTPStatus.UNAUTHORIZED:
                raise
        self.token = self._ask("/v1/auth/login", json.dumps(self.login).encode())["access_token"]
        return self._ask(path)

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with urlopen(Request(self.url + path, body, headers), timeout=10) as answer:
            return json.load(answer)

    def servers(self) -> Iterator[dict[str, Any]]:
        cursor = ""
        while cursor is not None:
            page = self.get("/v1/servers?limit=200" + (f"&after={cursor}" if cursor else ""))
            yield from page["items"]
            cursor = page["next_cursor"]

    def server(self, id: str) -> dict[str, Any]:
        try:
            return self.get(f"/v1/servers/{id}")
        except HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            return {"phase": "deleted"}


def doors(server: dict[str, Any]) -> frozenset[str]:
    """What is open for a server. Nothing gets to nft but an address, a protocol and numbers."""
    if server["phase"] != "running":
        return frozenset()
    try:
        address = ipaddress.IPv4Address(server["host"])
    except ValueError:
        print(f"{server['id']} has no IPv4 address: it stays shut", file=sys.stderr)
        return frozenset()
    ports = ((port["protocol"], int(port["public_port"])) for port in server["ports"])
    return frozenset(f"{address} . {'udp' if p == 'udp' else 'tcp'} . {n}" for p, n in ports)


class Keeper:
    """Knows what is open, and tells nft all of it each time: at once, or not at all."""

    def __init__(self, yard: Yard, *, dry_run: bool) -> None:
        self.yard, self.dry_run = yard, dry_run
        self.open: dict[str, frozenset[str]] = {}
        self.seen: dict[str, int] = {}  # the newest event of each server

    def reconcile(self) -> None:
        """Begin with what is so now, whatever happened while nobody listened."""
        self._set({server["id"]: doors(server) for server in self.yard.servers()})

    def hear(self, event: dict[str, Any]) -> None:
        """Look at the server that an event tells of. Repeats, and what is older, change nothing."""
        about, number = event["subject"], int(event["sequence"])
        if event["type"] not in OPENS | CLOSES or event.get("example"):
            return
        if number <= self.seen.get(about, 0):
            return
        try:
            server = self.yard.server(about)
        except OSError:
            if event["type"] in CLOSES:  # shut is safe; open it is only if the gateway says so
                self._set(self.open | {about: frozenset()})
            raise
        self._set(self.open | {about: doors(server)})
        self.seen[about] = number

    def _set(self, wanted: dict[str, frozenset[str]]) -> None:
        script = f"flush set {SET}\n"
        if every := sorted(frozenset[str]().union(*wanted.values())):
            script += f"add element {SET} {{ {', '.join(every)} }}\n"
        if self.dry_run:
            print(script, end="", flush=True)
        else:
            subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True, timeout=10)
        self.open = wanted


class Door(BaseHTTPRequestHandler):
    """Where webhooks come in. Whatever is not answered by 2xx, Spawnyard sends again."""

    keeper: Keeper
    webhook: Webhook
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        fits = length.isdecimal() and int(length) <= LARGEST
        self.send_response(self.answer(self.rfile.read(int(length))) if fits else 413)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, body: bytes) -> int:
        try:
            event = self.webhook.verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            return 401
        try:
            self.keeper.hear(event)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            print(f"{event['type']} of {event['subject']}: {error}", file=sys.stderr)
            return 503
        return 204


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=9000)
    options.add_argument("--dry-run", action="store_true", help="print what nft would be told")
    said, told = options.parse_args(), os.environ
    yard = Yard(told["YARD_URL"], told["YARD_USER"], told["YARD_PASSWORD"])
    Door.keeper = Keeper(yard, dry_run=said.dry_run)
    Door.webhook = Webhook(told["WEBHOOK_SECRET"])
    with HTTPServer((said.host, said.port), Door) as server:
        Door.keeper.reconcile()
        server.serve_forever()


if __name__ == "__main__":
    main()
