"""``fault``, ``history`` and ``clock``: talking to a lab that runs."""

import argparse
import json
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import httpx

from proxmox_lab.faults.presets import PRESETS
from proxmox_lab.faults.rule import FaultRule

WRONG: Final = 2
UNREACHED: Final = 3
ADDRESS_FILE: Final = "lab.json"
_LISTS: Final = ("lines", "statuses")


class Unreached(Exception):
    """There is no lab to talk to; the text says where it was looked for, and the remedy."""


def talk(given: Sequence[str]) -> int:
    """Do as the command line says and return the exit code."""
    whereto = argparse.ArgumentParser(add_help=False)
    whereto.add_argument("--data", type=Path, default=Path("data/lab"), help="the lab's folder")
    whereto.add_argument("--url", help="its address; from the folder, if not given")
    whereto.add_argument("--json", action="store_true", help="print JSON")
    group, *rest = given
    chosen = _PARSERS[group](whereto).parse_args(rest)
    act = _FAULT_VERBS[chosen.verb] if group == "fault" else _OTHERS[group]
    try:
        with _panel(chosen) as panel:
            return act(panel, chosen)
    except (Unreached, httpx.HTTPError) as failure:
        return _complain(f"{failure}; is it running? Name it with --data or --url", UNREACHED)


def _history_parser(whereto: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="yard lab history", description="What was done to machines.", parents=[whereto]
    )
    parser.add_argument("vmid", type=int, nargs="?")
    return parser


def _clock_parser(whereto: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="yard lab clock", description="How fast time passes.", parents=[whereto]
    )
    parser.add_argument("speed", type=float, nargs="?", help="divide every wait by this")
    return parser


def _fault_parser(whereto: argparse.ArgumentParser) -> argparse.ArgumentParser:
    shown = "\n".join(f"  {name:22}{preset.note}" for name, preset in PRESETS.items())
    parser = argparse.ArgumentParser(
        prog="yard lab fault", description="Make trouble.", epilog=f"presets:\n{shown}",
        formatter_class=argparse.RawDescriptionHelpFormatter, parents=[whereto],
    )  # fmt: skip
    parser.add_argument("verb", choices=sorted(_FAULT_VERBS))
    parser.add_argument("name", nargs="?", help="add: a preset; remove: an id, or all")
    for name, field in FaultRule.model_fields.items():
        parser.add_argument(f"--{name}", help=field.description, metavar="VALUE")
    return parser


def _panel(chosen: argparse.Namespace) -> httpx.Client:
    known: dict[str, str] = {}
    file = chosen.data / ADDRESS_FILE
    if file.exists():
        known = json.loads(file.read_text())
    url = chosen.url or known.get("url")
    ca = chosen.data / "tls" / "ca.pem"
    if url is None or not ca.exists():
        raise Unreached(f"there is no lab in {chosen.data}")
    trusted = ssl.create_default_context(cafile=ca)
    return httpx.Client(base_url=url, verify=trusted, trust_env=False, timeout=30)


def _add(panel: httpx.Client, chosen: argparse.Namespace) -> int:
    rule = {name: getattr(chosen, name) for name in FaultRule.model_fields}
    rule = {name: _value(name, text) for name, text in rule.items() if text is not None}
    if chosen.name is not None:
        rule["preset"] = chosen.name
    return _tell(panel.post("/lab/faults", json=rule), chosen, _fault_line)


def _value(name: str, text: str) -> object:
    """Numbers and switches are given as JSON writes them; lists with commas."""
    if name in _LISTS:
        return text.split(",")
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(read, dict | list) else read


def _list(panel: httpx.Client, chosen: argparse.Namespace) -> int:
    return _tell(panel.get("/lab/faults"), chosen, _fault_line)


def _remove(panel: httpx.Client, chosen: argparse.Namespace) -> int:
    one = "" if chosen.name == "all" else f"/{chosen.name}"
    return _tell(panel.delete(f"/lab/faults{one}"), chosen, _fault_line)


def _history(panel: httpx.Client, chosen: argparse.Namespace) -> int:
    wanted = {} if chosen.vmid is None else {"vmid": chosen.vmid}
    return _tell(panel.get("/lab/history", params=wanted), chosen, _history_line)


def _clock(panel: httpx.Client, chosen: argparse.Namespace) -> int:
    if chosen.speed is None:
        return _tell(panel.get("/lab/clock"), chosen, _clock_line)
    return _tell(panel.post("/lab/clock", json={"speed": chosen.speed}), chosen, _clock_line)


def _tell(
    answer: httpx.Response, chosen: argparse.Namespace, line: Callable[[Mapping[str, Any]], str]
) -> int:
    if answer.is_error:
        return _complain(str(answer.json().get("error", answer.text)), WRONG)
    found = cast(
        "Mapping[str, Any] | list[Mapping[str, Any]]", answer.json() if answer.content else []
    )
    if chosen.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return 0
    for entry in found if isinstance(found, list) else [found]:
        sys.stdout.write(line(entry) + "\n")
    return 0


def _fault_line(fault: Mapping[str, Any]) -> str:
    plain = {name: field.default for name, field in FaultRule.model_fields.items()}
    own = ("id", "hits", "seen", "over", "action")
    said = [f"{k}={v}" for k, v in fault.items() if k not in own and v not in (plain[k], [])]
    state = "over" if fault["over"] else f"struck {fault['hits']} of {fault['seen']}"
    return f"{fault['id']}  {fault['action']}  {state}  {' '.join(said)}".rstrip()


def _history_line(entry: Mapping[str, Any]) -> str:
    detail = " ".join(f"{k}={v!r}" for k, v in entry["detail"].items())
    return f"{entry['number']}  {entry['vmid']}  {entry['what']}  {entry['by']}  {detail}".rstrip()


def _clock_line(clock: Mapping[str, Any]) -> str:
    return f"speed {clock['speed']:g}, {clock['lived']:.0f} s lived"


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"lab: {text}\n")
    return code


_PARSERS: Final = {"fault": _fault_parser, "history": _history_parser, "clock": _clock_parser}
_FAULT_VERBS: Final = {"add": _add, "list": _list, "remove": _remove}
_OTHERS: Final = {"history": _history, "clock": _clock}
