import gzip
import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.template import apt_sources, build, initrd, required_tools
from proxmox_lab.template.__main__ import command_line, extras_of, main, recipe_of_this_machine
from proxmox_lab.template.built import (
    BUILT,
    IMPORTED,
    LATEST,
    MARK,
    Template,
    latest_template,
    load_template,
    save_mark,
)
from proxmox_lab.template.identity_maps import grants
from proxmox_lab.template.recipe import JAVA, Recipe

TARGETS = (
    "http://mirror.example/debian/|Debian|Debian",
    "http://mirror.example/debian-security/|Debian|Debian-Security",
    "http://other.example/|Somebody|Debian",
)


def test_a_recipe_is_named_by_all_that_goes_into_it() -> None:
    recipe = Recipe()

    assert recipe.digest == Recipe().digest
    assert len({recipe.digest, Recipe(suite="forky").digest, Recipe(disk_mib=4096).digest}) == 3


def test_the_machines_own_mirrors_are_used() -> None:
    assert apt_sources.sources_of(TARGETS, "trixie") == (
        "deb http://mirror.example/debian/ trixie main",
        "deb http://mirror.example/debian/ trixie-updates main",
        "deb http://mirror.example/debian-security/ trixie-security main",
    )


@pytest.mark.parametrize("targets", [(), TARGETS[:1], ("file:/srv/debian|Debian|Debian",), ("x",)])
def test_an_unknown_mirror_is_left_to_mmdebstrap(targets: tuple[str, ...]) -> None:
    assert apt_sources.sources_of(targets, "trixie") == ()


@pytest.mark.parametrize(
    ("proxy", "reachable"),
    [
        ("http://127.0.0.1:3142", False),
        ("http://localhost:3142", False),
        ("", False),
        ("http://10.1.1.1:3142", True),
        ("http://proxy.example:3142", True),
    ],
)
def test_a_proxy_on_loopback_is_nothing_for_guests(proxy: str, reachable: bool) -> None:
    assert apt_sources.reachable_from_guests(proxy) is reachable


@pytest.mark.parametrize(("root", "mode"), [(True, "--mode=root"), (False, "--mode=unshare")])
def test_the_installation_needs_no_root(root: bool, mode: str) -> None:
    command = build.install_command(Recipe(), Path("/w/system.tar"), root=root)

    assert mode in command
    assert command[-2:] == ("trixie", "/w/system.tar")


def test_what_is_missing_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(required_tools, "find_tool", lambda name: None)

    missing = required_tools.missing_tools(root=False)

    assert {"qemu-system-x86_64", "qemu-img", "mmdebstrap", "fakeroot"} <= {t.name for t in missing}
    told = required_tools.remedy(missing, root=False)
    assert told.startswith("sudo apt-get install")
    assert "qemu-system-x86 " in told


def test_root_needs_no_tools_of_ordinary_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(required_tools, "find_tool", lambda name: None)

    assert "fakeroot" not in {tool.name for tool in required_tools.missing_tools(root=True)}


def test_a_build_that_cannot_be_ends_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(required_tools, "find_tool", lambda name: None)

    code = main(["--cache", str(tmp_path), "--json"])

    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 1
    assert "mmdebstrap" in told["error"]
    assert "apt-get install" in told["remedy"]


@pytest.mark.parametrize(
    ("text", "granted"),
    [
        ("me:100000:65536\n", True),
        ("you:100000:65536\n", False),
        ("me:100000:10\n", False),
        ("me:x\n\n", False),
        ("", False),
    ],
)
def test_identity_maps_are_read_as_they_are(text: str, granted: bool) -> None:
    assert grants(text, "me") is granted


def tree_at(folder: Path) -> Path:
    (folder / "usr/bin").mkdir(parents=True)
    (folder / "usr/bin/busybox").write_bytes(b"BUSYBOX")
    modules = folder / "usr/lib/modules/6.12/kernel"
    modules.mkdir(parents=True)
    (modules / "virtio_blk.ko.xz").write_bytes(lzma.compress(b"BLK"))
    (modules / "virtio_pci.ko").write_bytes(b"PCI")
    return folder


def test_the_first_stage_holds_busybox_and_unpacked_modules_in_loading_order(
    tmp_path: Path,
) -> None:
    packed = gzip.decompress(initrd.pack(tree_at(tmp_path), b"#!init"))

    names = [b"init\0", b"bin/busybox\0", b"virtio_pci.ko\0", b"virtio_blk.ko\0", b"TRAILER!!!\0"]
    places = [packed.index(name) for name in names]
    assert places == sorted(places)
    assert b"BLK" in packed
    assert len(packed) % 4 == 0


def test_a_tree_without_busybox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(initrd.NotFoundInTree):
        initrd.pack(tmp_path, b"")


def template_at(place: Path, **more: Any) -> Template:
    return Template(
        directory=place, digest=place.name, suite="trixie", kernel_version="6.12", **more
    )


def make_files(place: Path) -> None:
    for name in ("vmlinuz", "initrd.img", "probe.img", "disk.qcow2"):
        (place / name).touch()


def test_a_template_that_is_not_whole_is_none(tmp_path: Path) -> None:
    (tmp_path / "abc").mkdir()
    (tmp_path / LATEST).write_text("abc")
    assert latest_template(tmp_path) is None

    save_mark(template_at(tmp_path / "abc"))
    assert load_template(tmp_path / "abc") is None

    make_files(tmp_path / "abc")
    found = latest_template(tmp_path)
    assert found is not None
    assert found == replace(found, digest="abc", directory=tmp_path / "abc")


def test_a_template_that_is_built_is_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(required_tools, "find_tool", lambda name: None)  # any build would fail
    recipe = Recipe()
    place = tmp_path / recipe.digest
    place.mkdir()
    make_files(place)
    save_mark(template_at(place))

    template = build.build(tmp_path, recipe, progress=lambda step, text: None, root=True)

    assert template.digest == recipe.digest
    assert latest_template(tmp_path) == template


def test_a_template_of_an_older_mark_is_one_that_was_built(tmp_path: Path) -> None:
    told = {"digest": "abc", "suite": "trixie", "kernel_version": "6.12"}
    (tmp_path / MARK).write_text(json.dumps(told))
    make_files(tmp_path)

    found = load_template(tmp_path)

    assert found is not None
    assert (found.origin, found.extras, found.root) == (BUILT, (), "/dev/vda1")
    assert found.brings_agent


def test_extra_packages_are_another_template_and_their_order_is_not() -> None:
    java, both = ("--java",), ("--java", "--with", "tmux,unzip")
    backwards = ("--with", "unzip", "--with", "tmux", "--java")

    assert named(*both) == named(*backwards) == (*JAVA, "tmux", "unzip")
    assert named(*java) == JAVA
    assert recipe_of_this_machine("trixie", extras=JAVA).digest != Recipe().digest
    assert recipe_of_this_machine("trixie", extras=JAVA).extras == JAVA


def named(*words: str) -> tuple[str, ...]:
    return extras_of(command_line().parse_args(words))


@pytest.mark.parametrize(
    "words",
    [
        ("--with", "a;reboot"),
        ("--with=--option",),
        ("--sha512", "0" * 128),
        ("--import", "x", "--java"),
        ("--import", "x", "--sha512", "abc"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_done(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main([*words, "--cache", str(tmp_path)])

    assert refused.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_what_is_built_is_listed_with_the_one_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, more in (("abc", {}), ("def", {"extras": JAVA}), ("fed", {"origin": IMPORTED})):
        (tmp_path / name).mkdir()
        make_files(tmp_path / name)
        save_mark(template_at(tmp_path / name, **more))
    (tmp_path / LATEST).write_text("def")

    assert main(["--list", "--json", "--cache", str(tmp_path)]) == 0

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["digest"], one["current"]) for one in told] == [
        ("abc", False),
        ("def", True),
        ("fed", False),
    ]
    assert (told[1]["extras"], told[2]["origin"]) == (list(JAVA), "imported")
