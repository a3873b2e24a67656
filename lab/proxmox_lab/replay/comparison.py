"""Does an answer say what the recorded one said? Status, reason, errors, shape and values."""

from typing import Any, Final, cast

from proxmox_lab.replay.records import Record

SAME_VALUES: Final = frozenset(
    {
        "exitstatus", "status", "qmpstatus", "lock", "name", "template", "vmid", "cores", "memory",
        "description", "tags", "ipconfig0", "nameserver", "ciuser", "cipassword", "sshkeys",
        "boot", "agent", "onboot", "scsi0", "ide2", "unused0", "poolid", "user", "tokenid",
        "maxmem", "maxdisk", "maxcpu", "cpus", "privsep", "hasFeature", "exited", "exitcode",
        "out-data", "err-data", "roleid", "storage", "volid", "balloon", "protection", "version",
    }
)  # fmt: skip

NAMES: Final = ("volid", "vmid", "key", "userid", "storage")


def difference(record: Record, status: int, reason: str, body: dict[str, Any] | None) -> str | None:
    """Return the first difference between an answer and its record, or None."""
    if (record.status, record.reason) != (status, reason):
        return f"{record.status} {record.reason!r} expected, got {status} {reason!r}"
    if record.json is None or body is None:
        return (
            None if (record.json is None) == (body is None) else "one has a JSON body, one has not"
        )
    for key in ("message", "errors"):
        if record.json.get(key) != body.get(key):
            return f"{key}: {record.json.get(key)!r} expected, got {body.get(key)!r}"
    if record.json.keys() != body.keys():
        return f"keys {sorted(record.json)} expected, got {sorted(body)}"
    if _is_running_task(record):
        return None
    return _deviation("data", record.json.get("data"), body.get("data"))


def _is_running_task(record: Record) -> bool:
    """How far a running task has come depends on the moment."""
    return "/tasks/" in record.path and record.data.get("status") == "running"


def _deviation(where: str, wanted: object, got: object) -> str | None:
    if isinstance(wanted, dict) and isinstance(got, dict):
        return _dict_deviation(where, cast("dict[str, Any]", wanted), cast("dict[str, Any]", got))
    if isinstance(wanted, list) and isinstance(got, list):
        return _list_deviation(where, cast("list[Any]", wanted), cast("list[Any]", got))
    kinds = _kind(cast("object", wanted)), _kind(got)
    if kinds[0] != kinds[1]:
        return f"{where}: {kinds[0]} expected, got {kinds[1]}"
    key = where.rpartition(".")[2]
    if key in SAME_VALUES and _told(cast("object", wanted)) != _told(got):
        return f"{where}: {wanted!r} expected, got {got!r}"
    return None


def _told(value: object) -> object:
    """Hashes differ by their salt; that there is one has to be told."""
    return "$5$" if isinstance(value, str) and value.startswith("$5$") else value


def _dict_deviation(where: str, wanted: dict[str, Any], got: dict[str, Any]) -> str | None:
    missing, extra = wanted.keys() - got.keys(), got.keys() - wanted.keys()
    if missing or extra:
        return f"{where}: missing {sorted(missing)}, extra {sorted(extra)}"
    for key, value in wanted.items():
        found = _deviation(f"{where}.{key}", value, got[key])
        if found:
            return found
    return None


def _list_deviation(where: str, wanted: list[Any], got: list[Any]) -> str | None:
    if not wanted or not got:
        return None if wanted == got else f"{where}: {len(wanted)} entries expected, got {len(got)}"
    if all(isinstance(entry, dict) for entry in (*wanted, *got)):
        return _entries_deviation(where, wanted, got)
    return _deviation(f"{where}[]", wanted[0], got[0])


def _entries_deviation(
    where: str, wanted: list[dict[str, Any]], got: list[dict[str, Any]]
) -> str | None:
    """Compare entries one by one where they have a name, and their common shape otherwise."""
    key = next((k for k in NAMES if _names_all(k, wanted) and _names_all(k, got)), None)
    if key is None:
        return _dict_deviation(f"{where}[]", *_made_alike(_merged(wanted), _merged(got)))
    ours = {entry[key]: entry for entry in got}
    missing = [entry[key] for entry in wanted if entry[key] not in ours]
    extra = ours.keys() - {entry[key] for entry in wanted}
    if missing or extra:
        return f"{where}: entries {missing} missing, {sorted(extra, key=str)} extra"
    for entry in wanted:
        found = _deviation(f"{where}[{entry[key]}]", entry, ours[entry[key]])
        if found:
            return found
    return None


def _names_all(key: str, entries: list[dict[str, Any]]) -> bool:
    return len({entry.get(key) for entry in entries if key in entry}) == len(entries)


def _merged(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The union of keys; only their kinds matter here, so values lose their weight."""
    return {f"{key} ": value for entry in entries for key, value in entry.items()}


def _made_alike(
    wanted: dict[str, Any], got: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Whether a list holds a token's task depends on what else was done before."""
    for side in (wanted, got):
        side.pop("tokenid ", None)
    return wanted, got


def _kind(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__
