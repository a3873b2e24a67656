"""The shell commands that prepare a Proxmox node for us: they may be run again unharmed."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from common.contracts.hypervisor import ClusterSettings
from common.contracts.networks import Network
from common.contracts.privileges import ROLES, grant_command, grants, role_command

IMAGE: Final = "debian-13-genericcloud-amd64.qcow2"
IMAGES: Final = "https://cloud.debian.org/images/cloud/trixie/latest"
QUIET: Final = ">/dev/null 2>&1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What an administrator decides. ``major`` is Proxmox's release."""

    major: int
    user: str
    token: str
    pool: str
    template_id: int
    storage: str
    network: Network

    @property
    def settings(self) -> ClusterSettings:
        """What has to be told to Spawnyard afterwards; the address is still to be put in."""
        return ClusterSettings(
            url="https://NODE:8006",
            token_id=f"{self.user}!{self.token}",
            pool=self.pool,
            templates=(self.template_id,),
            networks=(self.network,),
        )


def script(choices: Choices) -> str:
    """Return the script: commands for a node's root shell, and what to do then."""
    settings = choices.settings
    parts = (
        ("Run this as root on one node of your Proxmox VE.", ("set -eu",)),
        ("A pool for the servers, and roles with what they need and no more.", _roles(choices)),
        ("A user, and a token with rights of its own. Its secret is shown once.", _user(choices)),
        ("Both of them get each role where it is needed.", _rights(choices)),
        ("A template: Debian 13 with cloud-init and the guest agent.", _template(choices)),
    )
    blocks = [f"# {title}\n" + "\n".join(lines) for title, lines in parts]
    return "\n\n".join([*blocks, _afterwards(settings)]) + "\n"


def _roles(choices: Choices) -> Iterator[str]:
    pool = shlex.quote(choices.pool)
    yield f"pvesh get /pools/{pool} {QUIET} || pvesh create /pools --poolid {pool}"
    for role in ROLES:
        make = role_command(role, major=choices.major)
        yield f"{make} 2>/dev/null || {role_command(role, major=choices.major, exists=True)}"


def _user(choices: Choices) -> Iterator[str]:
    user, token = shlex.quote(choices.user), shlex.quote(choices.token)
    yield f"pveum user list | grep -qwF {user} || pveum user add {user} --comment Spawnyard"
    listed = f"pveum user token list {user}"
    yield f"{listed} | grep -qwF {token} || pveum user token add {user} {token} --privsep 1"


def _rights(choices: Choices) -> Iterator[str]:
    needed = grants(
        pool=choices.pool,
        templates=[choices.template_id],
        storages=[choices.storage],
        bridges=[choices.network.bridge],
    )
    for grant in needed:
        yield grant_command(grant, token_id=f"{choices.user}!{choices.token}")


def _template(choices: Choices) -> Iterator[str]:
    vmid, storage = choices.template_id, shlex.quote(choices.storage)
    yield f"qm status {vmid} {QUIET} && exit 0  # there is one already"
    yield "cd /var/tmp && apt-get install -y libguestfs-tools wget"
    for file in (IMAGE, "SHA512SUMS"):
        yield f"wget -nv -O {file} {IMAGES}/{file}"
    yield "sha512sum --check --ignore-missing SHA512SUMS"
    yield (f"virt-customize -a {IMAGE} --install qemu-guest-agent --truncate /etc/machine-id")
    yield (
        f"qm create {vmid} --name debian-13-cloud --ostype l26 --cpu x86-64-v2-AES --cores 1 "
        f"--memory 1024 --scsihw virtio-scsi-single --net0 virtio,bridge={choices.network.bridge} "
        "--agent enabled=1 --serial0 socket --vga serial0"
    )
    yield f"qm set {vmid} --scsi0 {storage}:0,import-from=/var/tmp/{IMAGE},discard=on"
    yield f"qm set {vmid} --ide2 {storage}:cloudinit --boot order=scsi0"
    yield f"qm template {vmid}"


def _afterwards(settings: ClusterSettings) -> str:
    shown = settings.model_dump(mode="json", exclude_unset=True)
    text = "\n".join(f"#   {line}" for line in json.dumps(shown, indent=2).splitlines())
    return f"""\
# Then, where Spawnyard runs: copy /etc/pve/pve-root-ca.pem from the node, put the token's secret
# into a file of its own (chmod 600), and this into hypervisor.json, with the node's name in it:
{text}
# and hand them over; they are tested first, and count at once:
#   ./yard settings hypervisor set --file hypervisor.json --ca-file pve-root-ca.pem \\
#     --secret-file secret
#   ./yard doctor"""
