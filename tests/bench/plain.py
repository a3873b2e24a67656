"""A game's playbook played by ``ansible-playbook`` as it comes: no settings but how to log in."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from common.contracts.servers import ServerSpec
from provisioner.adapters.games import GameFolders
from provisioner.adapters.resolvers.catalogue import Resolvers
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.domain.inventory import inventory, known_hosts, variables
from provisioner.domain.lock import installed, wish
from provisioner.domain.restart import Manner
from tests.bench.guest import Site
from yard_cli.failure import Failure


async def lay_out(folder: Path, *, playbooks: Path, spec: ServerSpec, site: Site) -> None:
    """Write an inventory, and the same variables as the service's own."""
    (folder / "known_hosts").write_text(known_hosts(site.target, [site.host_key]))
    guests: Any = inventory(site.target)
    guest = guests["all"]["hosts"]["guest"]
    del guest["ansible_python_interpreter"]  # found out, as by default
    guest["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={folder / 'known_hosts'}"
    (folder / "hosts.json").write_text(json.dumps(guests))
    game = GameFolders(playbooks).find(spec.game)
    settings = GameFolders(playbooks).complete(game, spec.settings)
    resolvers = Resolvers(playbooks=playbooks, downloads=Downloads())
    told = variables(
        spec,
        game=game,
        settings=settings,
        lock=installed(await resolvers.resolve(wish(game, settings))),
        download_base="",
        manner=Manner(again=False, restart=True),
    )
    (folder / "variables.json").write_text(json.dumps(told))


async def ansible_playbook(folder: Path, *, playbook: Path) -> float:
    """Play it with what was laid out; return how many seconds that took."""
    programs = Path(sys.executable).parent
    words = ("-i", folder / "hosts.json", "-e", f"@{folder / 'variables.json'}", playbook)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(programs / "ansible-playbook", *words),
        cwd=folder,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    took = time.monotonic() - began
    if process.returncode != 0:
        lines = said.decode(errors="replace").splitlines()[-20:]
        raise Failure("ansible-playbook failed", "read its last lines", details=lines)
    await _disconnect(folder)
    return took


async def _disconnect(folder: Path) -> None:
    """End the connection that Ansible leaves open: each run has to make its own."""
    for socket in (folder / ".ansible" / "cp").glob("*"):
        words = ("ssh", "-o", f"ControlPath={socket}", "-O", "exit", "guest")
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*words, stdout=quiet, stderr=quiet)
        await process.wait()
