"""``yard lab replay``: say how much of a recording the lab answers alike."""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from proxmox_lab.replay.player import Verdict, play
from proxmox_lab.replay.records import Unreadable, read

NOTHING: Final = 2


def replay(arguments: Sequence[str]) -> int:
    """Play a file back; returns 0 if all records match, 1 if not, 2 if there are none."""
    parser = argparse.ArgumentParser(
        prog="yard lab replay", description="Say how much of a recording the lab answers alike."
    )
    parser.add_argument("file", type=Path, help="recorded exchanges, JSON lines, plain or gzip")
    parser.add_argument("--pve", help="only records of this release, such as 9.2")
    parser.add_argument("--json", action="store_true", help="one JSON line for each record")
    chosen = parser.parse_args(arguments)
    try:
        records = read(chosen.file)
    except Unreadable as failure:
        return _complain(str(failure))
    verdicts = asyncio.run(play(records, pve=chosen.pve))
    if not verdicts:
        which = f" of release {chosen.pve}" if chosen.pve else ""
        return _complain(f"{chosen.file} holds no record{which}")
    sys.stdout.write("".join(_lines(verdicts, as_json=chosen.json)))
    return 0 if all(verdict.match for verdict in verdicts) else 1


def _complain(text: str) -> int:
    sys.stderr.write(f"lab: {text}\n")
    return NOTHING


def _lines(verdicts: Sequence[Verdict], *, as_json: bool) -> list[str]:
    if as_json:
        return [json.dumps(asdict(verdict)) + "\n" for verdict in verdicts]
    missed = [f"{v.pve} {v.source}/{v.id} {v.note}: {v.why}\n" for v in verdicts if not v.match]
    return [*missed, *summary(verdicts)]


def summary(verdicts: Sequence[Verdict]) -> list[str]:
    """Say the share that matches, by release and source and in all."""
    asked = Counter((v.pve, v.source) for v in verdicts)
    good = Counter((v.pve, v.source) for v in verdicts if v.match)
    lines = [f"{pve} {source}: {good[pve, source]}/{n}\n" for (pve, source), n in asked.items()]
    share = sum(good.values()) / max(1, len(verdicts))
    return [*lines, f"all: {sum(good.values())}/{len(verdicts)} = {share:.1%}\n"]
