"""The provisioner's own tools, around a fake unit of work: what really reaches a guest."""

from dataclasses import replace
from pathlib import Path

from provisioner.adapters.ansible.supervised import AnsiblePlaybooks
from provisioner.adapters.games import GameFolders
from provisioner.adapters.query import GameQueries
from provisioner.adapters.ssh import SshGuests
from provisioner.ports import Tools
from tests.fakes.provisioner import FakeProvisioner
from tests.integration.provisioner.conftest import PLAYBOOKS, Site


def real_tools(
    world: FakeProvisioner,
    site: Site,
    *,
    runs: Path,
    playbooks: Path = PLAYBOOKS,
    download_base: str = "",
) -> Tools:
    """Return the fake's tools, with those in place that reach the guest."""
    return replace(
        world.tools,
        guests=SshGuests(folder=runs),
        playbooks=AnsiblePlaybooks(project=playbooks, runs=runs),
        games=GameFolders(playbooks),
        queries=GameQueries(),
        target=site.target,
        download_base=download_base,
    )
