"""What a folder of templates holds: listed with its use, pruned of what nothing uses."""

from pathlib import Path

from proxmox_lab.template.pruning import look, prune
from proxmox_lab.template.voices import Voice


def tell_templates(voice: Voice, cache: Path) -> int:
    """Tell what is built, and who uses it; returns 0."""
    for found in look(cache):
        one = found.template
        record: dict[str, object] = {
            "digest": one.digest,
            "suite": one.suite,
            "kernel": one.kernel_version,
            "origin": one.origin,
            "extras": list(one.extras),
            "bytes": found.bytes,
            "current": found.is_current,
            "used": found.used,
        }
        words = (one.origin, one.suite, f"Linux {one.kernel_version}", *one.extras)
        mark = "*" if found.is_current else " "
        size = f"{found.bytes / 1e6:5.0f} MB"
        used = f"({found.used or 'nothing uses it'})"
        voice.say(record, "  ".join((f"{mark} {one.digest}", size, *words, used)))
    return 0


def tell_pruned(voice: Voice, cache: Path) -> int:
    """Remove what nothing uses, and tell it; returns 0."""
    removed = prune(cache, voice.step) if cache.is_dir() else []
    for found in removed:
        record = {"removed": found.template.digest, "bytes": found.bytes}
        voice.say(record, f"removed {found.template.digest}  {found.bytes / 1e6:.0f} MB")
    if not removed:
        voice.say({"removed": None}, "nothing to remove: all templates are used")
    return 0


def unused_in(cache: Path) -> str:
    """Say what could be pruned, if anything could."""
    unused = [found.bytes for found in look(cache) if found.used is None]
    if not unused:
        return ""
    taken = f"{sum(unused) / 1e6:.0f} MB"
    return f"\nolder templates that nothing uses take {taken}: ./yard lab template --prune"
