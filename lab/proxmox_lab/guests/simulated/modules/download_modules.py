"""get_url and uri on the model: downloads are real, from loopback and nowhere else."""

import hashlib
import ipaddress
import posixpath
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

import httpx

from proxmox_lab.guests.simulated.model.actor import demand_write
from proxmox_lab.guests.simulated.model.files import Kind
from proxmox_lab.guests.simulated.modules.attributes import described, ensure_attributes, new_node
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

UNREACHABLE = "Request failed: <urlopen error [Errno 101] Network is unreachable>"
NOT_MODIFIED, GOOD = 304, 200
REDIRECTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What the content must hash to."""

    algorithm: str
    digest: str

    def fits(self, data: bytes) -> bool:
        """Whether the content is the one that was meant."""
        return hashlib.new(self.algorithm, data).hexdigest() == self.digest


async def get_url(task: Task) -> Answer:
    """Download a file and prove its checksum, as the real module does."""
    arguments, files = task.arguments, task.files
    url, target = arguments.text("url"), task.session.path(arguments.text("dest"))
    into_directory = files.is_directory(target)
    if into_directory:
        name = posixpath.basename(unquote(urlsplit(url).path)) or "index.html"
        target = posixpath.join(target, name)
    answer: Answer = {"url": url, "dest": target}
    wanted = await _checksum(task, url)
    may_stay = files.find(target) is not None and not arguments.flag("force") and not into_directory
    if may_stay and (wanted is None or wanted.fits(files.read(target))):
        answer |= {"msg": "file already exists", "status_code": NOT_MODIFIED}
        return answer | {"changed": ensure_attributes(task, target)} | described(task, target)
    if task.check:
        return answer | {"changed": True, "msg": "would download", "status_code": GOOD}
    return answer | await _fetched(task, url, target, wanted)


async def _fetched(task: Task, url: str, target: str, wanted: Checksum | None) -> Answer:
    began = time.monotonic()
    answer: Answer = {"url": url, "dest": target}
    data = await _downloaded(task, url, answer)
    if wanted is not None and not wanted.fits(data):
        found = hashlib.new(wanted.algorithm, data).hexdigest()
        text = f"The checksum for {target} did not match {wanted.digest}; it was {found}."
        raise Refused(text, **answer)
    changed = _stored(task, target, data)
    return described(task, target) | {
        "changed": changed,
        "msg": f"OK ({len(data)} bytes)",
        "status_code": GOOD,
        "src": target,
        "checksum_src": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "elapsed": int(time.monotonic() - began),
        "size": len(data),
    }


def _stored(task: Task, target: str, data: bytes) -> bool:
    files = task.files
    if not files.is_directory(posixpath.dirname(target)):
        raise Refused(f"Destination {posixpath.dirname(target)} does not exist")
    node = files.find(target)
    differs = node is None or files.read(target) != data
    if differs:
        demand_write(files, target, actor=task.actor)
        template = replace(node or new_node(task, Kind.FILE), mtime=task.now())
        files.write(target, data, template=template)
    return ensure_attributes(task, target) or differs


async def _checksum(task: Task, url: str) -> Checksum | None:
    text = task.arguments.text("checksum")
    if not text:
        return None
    algorithm, found, digest = text.partition(":")
    if not found or algorithm not in hashlib.algorithms_available:
        raise Refused("The checksum parameter has to be in format <algorithm>:<checksum>")
    if "://" in digest:
        listing = await _downloaded(task, digest, {"url": digest})
        name = posixpath.basename(urlsplit(url).path)
        lines = [line.split() for line in listing.decode(errors="replace").splitlines()]
        digests = [words[0] for words in lines if words and words[-1].lstrip("*./") == name]
        if not digests:
            raise Refused(f"Unable to find a checksum for file '{name}' in '{digest}'")
        digest = digests[0]
    return Checksum(algorithm=algorithm, digest=re.sub(r"\W+", "", digest).lower())


async def uri(task: Task) -> Answer:
    """One GET on loopback, its status held against what is wanted."""
    url = task.arguments.text("url")
    if task.arguments.text("method", "GET").upper() != "GET":
        raise Refused("the simulated guest models uri with the method GET alone")
    async with _response(task, url, {"url": url, "status": -1}) as response:
        body = await response.aread()
        answer: Answer = {
            "changed": False,
            "url": url,
            "status": response.status_code,
            "redirected": False,
            "msg": f"OK ({len(body)} bytes)",
            "content_type": response.headers.get("content-type", ""),
        }
    if str(answer["status"]) not in task.arguments.texts("status_code"):
        raise Refused(
            f"Status code was {answer['status']} and not {task.arguments.texts('status_code')}: ",
            **answer,
        )
    content: Answer = {"content": body.decode(errors="replace")}
    return answer | (content if task.arguments.flag("return_content") else {})


async def _downloaded(task: Task, url: str, answer: Answer) -> bytes:
    async with _response(task, url, answer) as response:
        if response.status_code != GOOD:
            reason = f"HTTP Error {response.status_code}: {response.reason_phrase}"
            fields: Answer = {**answer, "status_code": response.status_code, "response": reason}
            raise Refused("Request failed", **fields)
        return await response.aread()


@asynccontextmanager
async def _response(task: Task, url: str, answer: Answer) -> AsyncGenerator[httpx.Response]:
    timeout = float(task.arguments.number("timeout", 10))
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        for _ in range(REDIRECTS):
            if not on_loopback(url):
                raise Refused(UNREACHABLE, **{"status_code": -1, **answer})
            try:
                async with client.stream("GET", url) as response:
                    if response.has_redirect_location:
                        url = str(response.url.join(response.headers["location"]))
                        continue
                    yield response
                    return
            except httpx.HTTPError as error:
                text = f"Request failed: <urlopen error {error}>"
                raise Refused(text, **{"status_code": -1, **answer}) from error
    raise Refused("Request failed: too many redirects", **answer)


def on_loopback(url: str) -> bool:
    """Whether a URL leads to this machine: the only network that a simulated guest has."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return False
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
