"""A template made of a cloud image: of one that is built here, in the shape of Debian's own.

Debian's images themselves are not fetched. This one is like them in what matters to the import: GPT
with the system first in number and last on disk, Debian's own kernel and first stage in /boot,
cloud-init as packaged, no guest agent.
"""

import os
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from proxmox_lab.guests.port import GuestConfig
from proxmox_lab.guests.qemu import open_guests
from proxmox_lab.template.__main__ import recipe_of_this_machine
from proxmox_lab.template.built import IMPORTED, latest_template
from proxmox_lab.template.image_import import import_image
from proxmox_lab.template.required_tools import WITH_SYSTEM_FOLDERS
from tests.e2e.real_vms import (
    BOOT_SECONDS,
    BUILD_SECONDS,
    House,
    answers_ssh,
    machine_config,
    run,
    until,
)

PACKAGES = (
    "systemd-sysv,systemd-resolved,dbus,udev,iproute2,netplan.io,ca-certificates,openssh-server,sudo,"
    "python3,cloud-init,cloud-guest-utils,linux-image-cloud-amd64,initramfs-tools,e2fsprogs"
)
# Sectors of 512 bytes: what BIOS and UEFI boot comes before the system, and is numbered after it.
LAYOUT = """label: gpt
start=262144, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=p1
start=2048, size=6144, type=21686148-6449-6E6F-744E-656564454649, name=p14
"""
MIB = 2560
OFFSET = 262_144 * 512

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(BUILD_SECONDS * 2 + BOOT_SECONDS * 4),
    pytest.mark.asyncio(loop_scope="module"),
]


async def made(*command: str) -> None:
    await run(*WITH_SYSTEM_FOLDERS, *command, seconds=BUILD_SECONDS)


async def make_image(folder: Path) -> Path:
    """Install Debian as its packages are, with nothing of ours, on a partitioned disk."""
    recipe = recipe_of_this_machine("trixie")
    tree, raw, image = folder / "tree", folder / "disk.raw", folder / "cloud.qcow2"
    proxy = (f'--aptopt=Acquire::http::Proxy "{recipe.proxy}"',) if recipe.proxy else ()
    await made(
        *("mmdebstrap", "--variant=minbase", "--format=directory", "--skip=output/mknod", *proxy),
        f"--include={PACKAGES}",
        '--customize-hook=chroot "$1" systemctl enable systemd-networkd',
        *(recipe.suite, str(tree), *recipe.sources),
    )
    (tree / "etc/fstab").write_text("LABEL=cloudimg / ext4 rw,discard,x-systemd.growfs 0 1\n")
    (tree / "etc/machine-id").write_text("uninitialized\n")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (folder / "layout").write_text(LAYOUT)
    await made("truncate", "-s", f"{MIB}M", str(raw))
    await made("sh", "-c", f"sfdisk --quiet {raw} <{folder}/layout")
    size = f"{MIB * 1024 - OFFSET // 1024 - 1024}k"
    filled = ("-E", f"offset={OFFSET}", "-L", "cloudimg", "-d", str(tree), str(raw), size)
    await made("mke2fs", "-q", "-t", "ext4", *filled)
    await made("qemu-img", "convert", "-O", "qcow2", str(raw), str(image))
    raw.unlink()
    await made("rm", "-r", str(tree))
    return image


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(able: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    if os.geteuid() != 0:
        pytest.skip("an image of somebody else's files is made by root alone")
    folder = tmp_path_factory.mktemp("import")
    image = await make_image(folder)
    import_image(
        folder / "cache", image, sha512=None, progress=lambda _step, _text: None, root=True
    )
    image.unlink()
    guests = open_guests(folder / "cache", stop_on_close=True)
    config = roomy(machine_config(7, folder, folder / "id"))
    guest = await guests.create(config)
    await guests.resize(config, config.disk_bytes)
    try:
        await guest.start(config)
        yield House(guests=guests, guest=guest, config=config, key=folder / "id")
    finally:
        await guests.close()


def roomy(config: GuestConfig) -> GuestConfig:
    return replace(config, disk_bytes=4 << 30)


async def test_the_imported_image_boots_with_its_own_kernel(house: House, tmp_path: Path) -> None:
    template = latest_template(house.config.directory.parent / "cache")
    assert template is not None
    assert (template.origin, template.root) == (IMPORTED, "/dev/vda1")

    # Its agent tells the host key, and it has none before cloud-init has installed it.
    await until(house.guest.agent_ping, BOOT_SECONDS * 2)
    await until(lambda: answers_ssh(house), BOOT_SECONDS)

    told = await house.over_ssh("uname -r; hostname; findmnt -no SOURCE,SIZE /")
    version, name, root = told.splitlines()
    assert (version, name) == (template.kernel_version, house.config.name)
    assert root.startswith("/dev/vda1 ")


async def test_its_disk_is_as_large_as_asked_for(house: House) -> None:
    size = await house.over_ssh("df --output=size -BM / | tail -1")

    assert int(size.strip(" M")) > 3500
