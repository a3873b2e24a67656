"""A machine without a network: a fresh disk, a shell, and a hand that plays Ansible."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.guests.simulated.model.disk import fresh_disk
from proxmox_lab.guests.simulated.modules.payload import CALL
from proxmox_lab.guests.simulated.modules.runner import Python
from proxmox_lab.guests.simulated.shell.session import Input, Outcome, Session
from proxmox_lab.guests.simulated.system.machine import Machine


@dataclass(slots=True)
class Bench:
    machine: Machine
    python: Python

    async def sh(self, text: str, *, user: str = "root", stdin: bytes = b"") -> Outcome:
        session = Session(machine=self.machine, actor=self.machine.actor(user), stdin=Input(stdin))
        return await self.python.shell.run(text, session)

    async def module(
        self, name: str, /, *, user: str = "root", check: bool = False, **given: Any
    ) -> dict[str, Any]:
        outcome = await self.sh(
            "/usr/bin/python3", user=user, stdin=script(name, given, check=check)
        )
        return json.loads(outcome.out)


def script(name: str, given: dict[str, Any], *, check: bool = False) -> bytes:
    """What ansible-core would send, without the module's own code."""
    arguments = given | {"_ansible_check_mode": check, "_ansible_verbosity": 0}
    params = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    lines = {"module_fqn": f"ansible.modules.{name}", "profile": "legacy", "params": params}
    call = "\n".join(f"{key}={value!r}," for key, value in lines.items())
    return f"def _ansiballz_main(): ...\nif __name__:{CALL}{call}\nzip_data='',\n)\n".encode()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    disk = fresh_disk(tmp_path / "blobs")
    bench = Bench(machine=Machine(disk, changed=lambda: None), python=Python())

    async def run(words: list[str], actor: Any) -> tuple[int, str]:
        session = Session(machine=bench.machine, actor=actor)
        outcome = await bench.python.shell.execute(words, session)
        return outcome.code, outcome.out.decode()

    bench.machine.run_command = run
    disk.accounts.ensure_group("yard")
    return bench
