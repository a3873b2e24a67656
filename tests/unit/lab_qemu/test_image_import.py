import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from proxmox_lab.guests.qemu.seed import seed_of
from proxmox_lab.template.__main__ import main
from proxmox_lab.template.built import latest_template
from proxmox_lab.template.image_import import (
    Partition,
    format_of,
    import_image,
    system_partition,
)
from proxmox_lab.template.kept import CannotBuild
from proxmox_lab.template.required_tools import (
    TO_IMPORT,
    WITH_SYSTEM_FOLDERS,
    RequiredTool,
    missing_tools,
)
from tests.unit.lab_qemu.configs import config

MAKERS = (RequiredTool(name="mke2fs", package="e2fsprogs", needed_to="make an image"),)
MIB = 1 << 20
# As on Debian's cloud images: the system is the first partition, and behind what firmware reads.
LAYOUT = """label: gpt
start=6144, size=26624, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=first
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, name=fourteenth
"""


def made(folder: Path, *command: str, text: str = "") -> None:
    words = (*WITH_SYSTEM_FOLDERS, *command)
    subprocess.run(words, cwd=folder, input=text, text=True, capture_output=True, check=True)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of the shape that Debian's cloud images have, with two kernels in it."""
    missing = missing_tools(root=os.geteuid() == 0, tools=(*TO_IMPORT, *MAKERS))
    if missing:
        pytest.skip(f"missing: {', '.join(tool.name for tool in missing)}")
    folder = tmp_path_factory.mktemp("image")
    boot = folder / "tree" / "boot"
    boot.mkdir(parents=True)
    for version in ("6.9.12-cloud-amd64", "6.12.9+deb13-cloud-amd64"):
        (boot / f"vmlinuz-{version}").write_text(f"kernel {version}")
        (boot / f"initrd.img-{version}").write_text(f"first stage {version}")
    with (folder / "disk.raw").open("wb") as file:
        file.truncate(20 * MIB)
    made(folder, "sfdisk", "--quiet", "disk.raw", text=LAYOUT)
    offset = f"offset={6144 * 512}"
    made(folder, "mke2fs", "-q", "-t", "ext4", "-E", offset, "-d", "tree", "disk.raw", "13312k")
    made(folder, "qemu-img", "convert", "-O", "qcow2", "-c", "disk.raw", "cloud.qcow2")
    return folder / "cloud.qcow2"


def steps_of(cache: Path, image: Path, sha512: str | None = None) -> list[str]:
    steps: list[str] = []
    import_image(
        cache, image, sha512=sha512, progress=lambda step, _: steps.append(step), root=True
    )
    return list(dict.fromkeys(steps))


def test_an_image_becomes_a_template_with_its_newest_kernel(image: Path, tmp_path: Path) -> None:
    sha512 = hashlib.sha512(image.read_bytes()).hexdigest()

    steps = steps_of(tmp_path, image, sha512)

    template = latest_template(tmp_path)
    assert template is not None
    assert template.kernel_version == "6.12.9+deb13-cloud-amd64"
    assert template.kernel.read_text() == "kernel 6.12.9+deb13-cloud-amd64"
    assert template.initrd.read_text() == "first stage 6.12.9+deb13-cloud-amd64"
    assert (template.root, template.probe, template.suite) == ("/dev/vda1", None, "cloud.qcow2")
    assert format_of(template.disk) == ("qcow2", 20 * MIB)
    assert steps == ["checksum", "disk", "kernel"]
    assert not list(tmp_path.glob(".building-*"))


def test_an_image_that_is_imported_is_not_imported_again(image: Path, tmp_path: Path) -> None:
    steps_of(tmp_path, image)

    assert steps_of(tmp_path, image) == ["checksum"]


def test_image_and_cache_may_be_named_from_the_folder_one_is_in(
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "cloud.qcow2").symlink_to(image)
    monkeypatch.chdir(tmp_path)

    code = main(["--import", "cloud.qcow2", "--cache", "cache"])

    assert code == 0, capsys.readouterr().out
    assert latest_template(tmp_path / "cache") is not None


def test_an_image_that_is_not_the_one_named_leaves_nothing(image: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match="hashes to") as refused:
        steps_of(tmp_path, image, "0" * 128)

    assert "download it again" in refused.value.remedy
    assert latest_template(tmp_path) is None


def test_an_image_that_leans_on_another_file_is_refused(image: Path, tmp_path: Path) -> None:
    leaning = ("create", "-q", "-f", "qcow2", "-b", str(image), "-F", "qcow2", "leaning.qcow2")
    made(tmp_path, "qemu-img", *leaning)

    with pytest.raises(CannotBuild, match="refers to another file"):
        steps_of(tmp_path / "cache", tmp_path / "leaning.qcow2")


def test_what_is_no_image_of_debian_is_refused_with_a_remedy(image: Path, tmp_path: Path) -> None:
    (tmp_path / "zeros.raw").write_bytes(bytes(MIB))

    with pytest.raises(CannotBuild) as refused:
        steps_of(tmp_path / "cache", tmp_path / "zeros.raw")

    assert "Debian generic cloud image" in refused.value.remedy
    assert not list((tmp_path / "cache").glob("*/template.json"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path, image: Path) -> None:
    with pytest.raises(CannotBuild, match="is no file"):
        steps_of(tmp_path, image.with_name("none"))


@pytest.mark.parametrize(
    ("partitions", "found"),
    [
        ([("/x/disk.raw1", 2048, 10, "83")], Partition(device="/dev/vda1", offset=2048 * 512)),
        (
            [
                ("d.raw14", 2048, 90, "21686148-6449-6E6F-744E-656564454649"),
                ("d.raw1", 4096, 50, "0FC63DAF-8483-4772-8E79-3D69D8477DE4"),
                ("d.raw2", 8192, 60, "0fc63daf-8483-4772-8e79-3d69d8477de4"),
            ],
            Partition(device="/dev/vda2", offset=8192 * 512),
        ),
    ],
)
def test_the_system_is_on_the_largest_partition_of_linux(
    partitions: list[tuple[str, int, int, str]], found: Partition
) -> None:
    names = ("node", "start", "size", "type")
    rows = [dict(zip(names, row, strict=True)) for row in partitions]
    table = json.dumps({"partitiontable": {"sectorsize": 512, "partitions": rows}})

    assert system_partition(table) == found


def test_a_guest_without_the_agent_installs_it() -> None:
    assert "qemu-guest-agent" not in seed_of(config()).user_data
    told = json.loads(seed_of(config(), with_agent=False).user_data.partition("\n")[2])

    assert told["packages"] == ["qemu-guest-agent"]
    assert told["users"][0]["name"] == "yard"
