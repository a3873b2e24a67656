"""A mirror of vendors on the loopback: answers of the shape the true ones have, and small files."""

import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

JAR = b"PK\x03\x04 a jar" * 1_000
SHA1 = hashlib.sha1(JAR, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(JAR).hexdigest()
JARS = "https://piston-data.mojang.com/v1/objects"


def mojang(version: str, java: int) -> dict[str, Any]:
    """Return a version's own document."""
    return {
        "id": version,
        "downloads": {
            "client": {"sha1": "0" * 40, "size": 1, "url": f"{JARS}/{'0' * 40}/client.jar"},
            "server": {"sha1": SHA1, "size": len(JAR), "url": f"{JARS}/{SHA1}/server.jar"},
        },
        "javaVersion": {"component": "java-runtime", "majorVersion": java},
    }


def listed(version: str, kind: str = "release") -> dict[str, str]:
    url = f"https://piston-meta.mojang.com/v1/packages/{version}.json"
    return {"id": version, "type": kind, "url": url, "sha1": "0" * 40}


BEDROCK = "https://www.minecraft.net/bedrockdedicatedserver/bin-linux/bedrock-server-1.21.93.1.zip"
PAPER = {
    "id": 64,
    "channel": "STABLE",
    "commits": [],
    "downloads": {
        "server:default": {
            "name": "paper-1.21.8-64.jar",
            "checksums": {"sha256": SHA256},
            "size": len(JAR),
            "url": "https://fill-data.papermc.io/v1/objects/x/paper-1.21.8-64.jar",
        }
    },
}
FABRIC = "meta.fabricmc.net/v2/versions"
DOCUMENTS: dict[str, Any] = {
    "piston-meta.mojang.com/mc/game/version_manifest_v2.json": {
        "latest": {"release": "1.21.8", "snapshot": "25w31a"},
        "versions": [listed("25w31a", "snapshot"), listed("26.1"), listed("1.21.8")],
    },
    "piston-meta.mojang.com/v1/packages/1.21.8.json": mojang("1.21.8", 21),
    "piston-meta.mojang.com/v1/packages/26.1.json": mojang("26.1", 25),
    "fill.papermc.io/v3/projects/paper": {
        "project": {"id": "paper", "name": "Paper"},
        "versions": {"1.21": ["1.21.8", "1.21.7"], "1.20": ["1.20.6"]},
    },
    "fill.papermc.io/v3/projects/paper/versions/1.21.8/builds": [
        {**PAPER, "id": 65, "channel": "BETA"},
        PAPER,
    ],
    f"{FABRIC}/game": [
        {"version": "25w31a", "stable": False},
        {"version": "1.21.8", "stable": True},
    ],
    f"{FABRIC}/loader/1.21.8": [
        {"loader": {"version": "0.17.0-beta", "stable": False}},
        {"loader": {"version": "0.16.14", "stable": True}},
    ],
    f"{FABRIC}/installer": [{"version": "1.1.0", "stable": True}],
    "net-secondary.web.minecraft-services.net/api/v1.0/download/links": {
        "result": {
            "links": [
                {"downloadType": "serverBedrockWindows", "downloadUrl": "https://x.example/w.zip"},
                {"downloadType": "serverBedrockLinux", "downloadUrl": BEDROCK},
            ]
        }
    },
    "factorio.com/api/latest-releases": {
        "experimental": {"headless": "2.1.12"},
        "stable": {"alpha": "2.0.77", "headless": "2.0.77"},
    },
    "terraria.org/api/get/dedicated-servers-names": [
        "terraria-mobile-server-1449.zip",
        "terraria-server-1449.zip",
        "terraria-server-1448.zip",
    ],
}
TEXTS = {
    "factorio.com/download/sha256sums/": (
        f"{'1' * 64}  factorio_linux_2.0.77.tar.xz\n"
        f"{SHA256}  factorio-headless_linux_2.0.77.tar.xz\n"
        f"{'2' * 64}  factorio-headless_linux_2.1.12.tar.xz\n"
        f"{'3' * 64}  factorio_headless_x64_1.1.110.tar.xz\n"
    )
}
FILES = {
    f"{FABRIC}/loader/1.21.8/0.16.14/1.1.0/server/jar": JAR,
    BEDROCK.removeprefix("https://"): JAR,
    "terraria.org/api/download/pc-dedicated-server/terraria-server-1449.zip": JAR,
}

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Mirror:
    """What it was asked, in order; ``special``: paths that are answered in another way."""

    base: str = ""
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    special: dict[str, Handler] = field(default_factory=dict)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/")
        self.asked.append(path)
        self.agents.add(request.headers["User-Agent"])
        if path in self.special:
            return await self.special[path](request)
        if path in FILES:
            return web.Response(body=FILES[path])
        if path in TEXTS:
            return web.Response(text=TEXTS[path])
        if path in DOCUMENTS:
            return web.Response(text=json.dumps(DOCUMENTS[path]), content_type="application/json")
        return web.Response(status=404)


@asynccontextmanager
async def open_mirror() -> AsyncGenerator[Mirror]:
    """Listen on a free port of the loopback for as long as the block lasts."""
    mirror = Mirror()
    server = web.Server(mirror.answer)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mirror.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield mirror
    finally:
        await runner.cleanup()
