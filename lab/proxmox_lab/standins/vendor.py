"""What the vendor of Minecraft would tell of the stand-in's versions, in the vendor's own shape."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxmox_lab.standins.jars import Jar

# No versions of the vendor's. The last is not offered as the latest: it is made to break.
LATEST: Final = "0.2"
BREAKING: Final = "0.3"
VERSIONS: Final = ("0.1", LATEST, BREAKING)
JAVA: Final = 21  # what the template with Java carries; the stand-in itself is content with 17
_META: Final = "piston-meta.mojang.com"
_DATA: Final = "piston-data.mojang.com"


def offered(jars: Sequence[Jar]) -> Mapping[str, bytes]:
    """Return every document and file by ``HOST/PATH``, as a mirror keeps them."""
    listed = [{"id": jar.version, "type": "release", "url": _about(jar)} for jar in jars]
    files = {
        f"{_META}/mc/game/version_manifest_v2.json": _text(
            {"latest": {"release": LATEST, "snapshot": LATEST}, "versions": listed}
        )
    }
    for jar in jars:
        files[_about(jar).removeprefix("https://")] = _text(_document(jar))
        files[_place(jar).removeprefix("https://")] = jar.data
    return files


def _document(jar: Jar) -> Mapping[str, Any]:
    return {
        "id": jar.version,
        "downloads": {"server": {"sha1": jar.sha1, "size": len(jar.data), "url": _place(jar)}},
        "javaVersion": {"component": "java-runtime", "majorVersion": JAVA},
    }


def _about(jar: Jar) -> str:
    return f"https://{_META}/v1/packages/{jar.sha1}/{jar.version}.json"


def _place(jar: Jar) -> str:
    return f"https://{_DATA}/v1/objects/{jar.sha1}/server.jar"


def _text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
