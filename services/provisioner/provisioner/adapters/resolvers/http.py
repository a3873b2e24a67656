"""Asks a vendor's API as the manifest's ``source`` says, question after question."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from common.contracts.base import now
from common.contracts.servers import Artefact, Lock
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.domain.document import (
    NothingThere,
    address,
    chosen,
    filled,
    pointed,
    text_of,
)
from provisioner.domain.errors import StepFailed
from provisioner.domain.lock import LATEST, Wish

FROM_DOWNLOAD: Final = "download"
FILE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,120}")
JSON: Final[TypeAdapter[JsonValue]] = TypeAdapter(JsonValue)
CHANGED: Final = "The vendor's API may have changed: see the game's `source`, or choose a version."


async def resolve(wish: Wish, downloads: Downloads) -> Lock:
    """Return the lock. Raises ``NotYet`` while the vendor is away, else ``StepFailed``."""
    wanted = wish.version or LATEST
    names = {"wanted": wanted}
    if wanted != LATEST:
        names["version"] = wanted
    conversation = _Conversation(
        downloads=downloads, agent=wish.source.get("user_agent"), names=names
    )
    for step in wish.source.get("steps", ()):
        if wanted == LATEST or step.get("only") != LATEST:
            await conversation.ask(step)
    return await conversation.lock(wish)


@dataclass(slots=True, kw_only=True)
class _Conversation:
    """Questions to one vendor, and the names their answers have given so far."""

    downloads: Downloads
    agent: str | None
    names: dict[str, str]
    _heard: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    async def ask(self, step: Mapping[str, Any]) -> None:
        url = address(step["get"], self.names)
        answer = await self._get(url, as_lines=bool(step.get("lines")))
        try:
            about = chosen(answer, step["each"], self.names) if "each" in step else answer
        except NothingThere:
            wanted = self.names["wanted"]
            raise StepFailed(
                f"the vendor offers no such version: {wanted[:60]!r} ({url})",
                remedy="Choose a version that the vendor offers, or `latest`.",
            ) from None
        for name, pointer in step.get("take", {}).items():
            try:
                self.names[name] = text_of(pointed(about, pointer))
            except NothingThere:
                why = f"the vendor's answer has no {name} at {pointer or 'its root'} ({url})"
                raise StepFailed(why, remedy=CHANGED) from None
        for name, expression in step.get("match", {}).items():
            self._match(name, expression)

    async def _get(self, url: str, *, as_lines: bool) -> JsonValue:
        if url not in self._heard:
            text = await self.downloads.text(url, agent=self.agent)
            self._heard[url] = list(text.splitlines()) if as_lines else parsed(text, url)
        return self._heard[url]

    def _match(self, name: str, expression: str) -> None:
        found = re.search(expression, self.names[name])
        if found is None:
            why = f"the vendor told another {name} than expected: {self.names[name][:120]!r}"
            raise StepFailed(why, remedy=CHANGED)
        self.names |= {group: text for group, text in found.groupdict().items() if text}

    async def lock(self, wish: Wish) -> Lock:
        source = wish.source
        artefacts = [await self._artefact(file) for file in source["artefacts"]]
        build = source.get("build")
        return Lock(
            game=wish.game,
            variant=wish.variant,
            version=filled("{version}", self.names),
            artefacts=tuple(artefacts),
            runtime={
                name: filled(text, self.names) for name, text in source.get("runtime", {}).items()
            },
            build=filled(build, self.names) if build else None,
            definition=wish.definition,
            resolved_at=now(),
            note=source.get("note"),
        )

    async def _artefact(self, file: Mapping[str, Any]) -> Artefact:
        url = address(file["url"], self.names)
        name = filled(file["name"], self.names)
        if not FILE.fullmatch(name):
            raise StepFailed(f"not a name for a file: {name[:80]!r}", remedy=CHANGED)
        size = filled(file["size"], self.names) if "size" in file else None
        checksum = filled(file["checksum"], self.names)
        self.downloads.vetted(url)
        if checksum == FROM_DOWNLOAD:
            checksum, size = await self.downloads.measured(url, agent=self.agent)
        fields = {"name": name, "url": url, "size": size, "checksum": checksum.lower()}
        try:
            return Artefact.model_validate({**fields, "unpack": file.get("unpack")})
        except ValidationError as error:
            what = ", ".join(str(one["loc"][0]) for one in error.errors())
            why = f"what the vendor tells of {name} is not of the form it must have: {what}"
            raise StepFailed(why, remedy=CHANGED) from None


def parsed(text: str, url: str) -> JsonValue:
    """Return a vendor's answer. Raises ``StepFailed`` if it is no JSON."""
    try:
        return JSON.validate_json(text)
    except ValidationError:
        raise StepFailed(f"the vendor's answer is no JSON ({url})", remedy=CHANGED) from None
