"""Cut recorded exchanges down to those of the methods the lab answers."""

import argparse
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from proxmox_lab.api.routes import ROUTES
from proxmox_lab.replay.records import template_path
from proxmox_lab.schema.table import table_of

HEADERS: Final = ("Authorization", "Cookie", "CSRFPreventionToken", "Content-Type")


def is_in_use(raw: Mapping[str, Any]) -> bool:
    """Tell records of methods the lab answers, refusals of unknown ones among them."""
    if raw["response"]["status"] == 501:  # noqa: PLR2004 (status)
        return True
    parts = template_path(raw["request"]["path"])
    found = table_of(9).find(raw["request"]["method"], tuple(unquote(part) for part in parts))
    return found is not None and found[0].name in ROUTES


def trimmed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a replay needs."""
    request, response = raw["request"], raw["response"]
    headers = {key: value for key, value in request["headers"].items() if key in HEADERS}
    asked = {key: request[key] for key in ("method", "path", "raw_query", "body")}
    answer = {key: response[key] for key in ("status", "reason", "json")}
    kept = {key: raw[key] for key in ("pve", "source", "id", "note")}
    return kept | {"request": asked | {"headers": headers}, "response": answer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("full", type=Path)
    parser.add_argument("out", type=Path, help="ends in .jsonl.gz")
    arguments = parser.parse_args()
    records = map(json.loads, arguments.full.read_text().splitlines())
    lines = [json.dumps(trimmed(raw)) for raw in records if is_in_use(raw)]
    with arguments.out.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
