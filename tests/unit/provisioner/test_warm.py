"""Packed modules are kept from run to run, but never from one Ansible to another."""

import sys
from pathlib import Path

import pytest

from provisioner.adapters.ansible.warm import packed_in


def test_what_one_ansible_has_packed_no_other_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = packed_in(tmp_path)

    monkeypatch.setattr("ansible.release.__version__", "2.19.99")
    upgraded = packed_in(tmp_path)
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    of_another_python = packed_in(tmp_path)

    assert len({here, upgraded, of_another_python}) == 3
    assert {path.parent for path in (here, upgraded, of_another_python)} == {tmp_path}


def test_the_same_ansible_finds_what_it_has_packed(tmp_path: Path):
    assert packed_in(tmp_path) == packed_in(tmp_path)
