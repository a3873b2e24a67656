from itertools import pairwise
from pathlib import Path

import pytest

from proxmox_lab.guests.port import Reach
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.command import RunFiles, start_command
from proxmox_lab.template.built import Template
from tests.unit.lab_qemu.configs import config

TEMPLATE = Template(directory=Path("/t"), digest="d", suite="trixie", kernel_version="6.12")
REACH = Reach(ssh_host="127.23.0.1", ssh_port=22, public_host="127.23.0.1")


def files(folder: str = "/lab/run/a") -> RunFiles:
    return RunFiles(disk=Path("/lab/disk.qcow2"), seed=Path("/lab/seed.iso"), folder=Path(folder))


def command(accel: Accel = Accel.TCG, run: RunFiles | None = None, **changes: object) -> list[str]:
    return list(
        start_command(
            config(**changes), template=TEMPLATE, accel=accel, files=run or files(), reach=REACH
        )
    )


def after(words: list[str], flag: str) -> list[str]:
    return [value for name, value in pairwise(words) if name == flag]


def test_the_machine_is_as_large_as_configured() -> None:
    words = command(cores=3, memory_mib=768)

    assert after(words, "-smp") == ["3"]
    assert after(words, "-m") == ["768"]


def test_the_guest_boots_the_templates_kernel_from_its_own_disk() -> None:
    words = command()

    assert after(words, "-kernel") == ["/t/vmlinuz"]
    assert after(words, "-initrd") == ["/t/initrd.img"]
    assert [drive.split(",")[2] for drive in after(words, "-drive")] == [
        "file=/lab/disk.qcow2",
        "file=/lab/seed.iso",
    ]


def test_the_system_is_looked_for_where_the_template_has_it() -> None:
    [line] = after(command(), "-append")

    assert "root=/dev/vda1 " in line


def test_the_network_card_has_the_configured_mac() -> None:
    assert any("mac=BC:24:11:00:00:01" in device for device in after(command(), "-device"))


def test_the_guest_outlives_the_lab_and_is_found_by_its_pidfile() -> None:
    words = command()

    assert "-daemonize" in words
    assert after(words, "-pidfile") == ["/lab/run/a/qemu.pid"]


@pytest.mark.parametrize(
    ("accel", "named", "cpu"), [(Accel.TCG, "tcg,", "Nehalem"), (Accel.KVM, "kvm", "host")]
)
def test_the_accelerator_decides_the_processor(accel: Accel, named: str, cpu: str) -> None:
    words = command(accel)

    assert after(words, "-accel")[0].startswith(named)
    assert after(words, "-cpu") == [cpu]


def test_a_comma_in_a_path_cannot_become_an_option() -> None:
    words = command(run=files("/lab,readonly=on/run"))

    assert "path=/lab,,readonly=on/run/qga.sock" in " ".join(words)
