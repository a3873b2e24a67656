"""Boot a kernel that only says it lives, and remember whether it did."""

import asyncio
import hashlib
import json
import logging
import os
import platform
from pathlib import Path
from typing import Final

from proxmox_lab.guests.qemu.accel import Accel, Decision, decide, host_facts
from proxmox_lab.guests.qemu.command import ACCELERATORS, BINARY
from proxmox_lab.guests.qemu.process import run
from proxmox_lab.template.built import Template

log = logging.getLogger(__name__)
MARK: Final = b"lab: this accelerator works"
# A kernel without a first stage has come as far when it misses its disk, and ends likewise.
MISSED: Final = b"Unable to mount root fs"
_SECONDS: Final = 6.0


class Accelerator:
    """The accelerator for guests here, found out once, when the first guest needs it."""

    def __init__(self, template: Template, cache: Path, *, override: str = "") -> None:
        self._template = template
        self._cache = cache
        self._override = override
        self._found: Decision | None = None
        self._one_at_a_time = asyncio.Lock()

    async def choose(self) -> Accel:
        """Return the accelerator.

        A success is kept for the next lab, a failure only here: it may have been a busy moment.
        """
        async with self._one_at_a_time:
            if self._found is None:
                self._found = await self._find()
                log.info("accelerator %s: %s", self._found.accel, self._found.reason)
            return self._found.accel or Accel.TCG

    async def _find(self) -> Decision:
        decision = decide(host_facts(), override=self._override)
        if decision.accel is not None:
            return decision
        key = await _key(self._template)
        seen_to_work = _recall(self._cache)
        if key in seen_to_work:
            return Decision(accel=Accel.KVM, reason="a kernel booted on it before")
        if await works(Accel.KVM, self._template):
            self._cache.write_text(json.dumps([*seen_to_work, key]) + "\n")
            return Decision(accel=Accel.KVM, reason="a kernel booted on it")
        return Decision(accel=Accel.TCG, reason="no kernel boots on this KVM")


async def works(accel: Accel, template: Template, *, seconds: float = _SECONDS) -> bool:
    """Tell whether the template's kernel reaches its first program in time, and ends well."""
    command = (
        *(BINARY, "-machine", "q35", *ACCELERATORS[accel], "-smp", "1", "-m", "256"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(template.kernel)),
        *(("-initrd", str(template.probe)) if template.probe else ()),
        *("-append", "console=ttyS0 quiet panic=-1", "-serial", "stdio"),
    )
    try:
        done = await asyncio.wait_for(run(*command), seconds)
    except TimeoutError:
        return False
    return done.code == 0 and (MARK if template.probe else MISSED) in done.out


async def _key(template: Template) -> str:
    """Whatever could change the answer."""
    version = (await run(BINARY, "--version")).out
    flags = " ".join(sorted(host_facts().cpu_flags))
    parts = (platform.release(), flags, template.digest, str(os.geteuid()))
    return hashlib.sha256("|".join(parts).encode() + version).hexdigest()[:16]


def _recall(cache: Path) -> list[str]:
    try:
        return list(json.loads(cache.read_text()))
    except (OSError, ValueError):
        return []
