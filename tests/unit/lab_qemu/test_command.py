from itertools import pairwise
from pathlib import Path

import pytest

from proxmox_lab.guests.port import Reach
from proxmox_lab.guests.qemu.accel import Accel
from proxmox_lab.guests.qemu.command import Boot, RunFiles, start_command
from proxmox_lab.template.built import Template
from tests.unit.lab_qemu.configs import config

TEMPLATE = Template(directory=Path("/t"), digest="d", suite="trixie", kernel_version="6.12")
REACH = Reach(ssh_host="127.23.0.1", ssh_port=22, public_host="127.23.0.1")


def files(folder: str = "/lab/run/a") -> RunFiles:
    return RunFiles(disk=Path("/lab/disk.qcow2"), seed=Path("/lab/seed.iso"), folder=Path(folder))


def command(
    accel: Accel = Accel.TCG,
    run: RunFiles | None = None,
    boot: Boot = Boot.COLD,
    **changes: object,
) -> list[str]:
    return list(
        start_command(
            config(**changes),
            template=TEMPLATE,
            accel=accel,
            files=run or files(),
            reach=REACH,
            boot=boot,
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


def test_only_translated_guests_lay_programs_out_alike_each_time() -> None:
    lines = {accel: after(command(accel), "-append")[0].split() for accel in Accel}

    assert [accel for accel, line in lines.items() if "norandmaps" in line] == [Accel.TCG]


def test_a_comma_in_a_path_cannot_become_an_option() -> None:
    words = command(run=files("/lab,readonly=on/run"))

    assert "path=/lab,,readonly=on/run/qga.sock" in " ".join(words)


def without_card(words: list[str]) -> list[str]:
    return [word for word in after(words, "-device") if "virtio-net-pci" not in word]


def test_every_way_of_starting_has_the_same_devices_but_the_network_card() -> None:
    cold, to_gate, resumed = (command(boot=boot) for boot in Boot)

    assert without_card(cold) == after(to_gate, "-device") == after(resumed, "-device")
    assert len(after(cold, "-device")) == len(without_card(cold)) + 1


def test_only_a_boot_that_is_to_be_saved_stops_at_the_gate() -> None:
    lines = {boot: after(command(boot=boot), "-append")[0] for boot in Boot}

    assert [boot for boot, line in lines.items() if "lab.gate" in line] == [Boot.TO_GATE]


def test_a_guest_that_nobody_reaches_opens_no_port_here() -> None:
    nowhere = Reach(ssh_host="", ssh_port=0, public_host="")
    words = start_command(
        config(), template=TEMPLATE, accel=Accel.TCG, files=files(), reach=nowhere
    )

    assert "hostfwd" not in " ".join(words)
