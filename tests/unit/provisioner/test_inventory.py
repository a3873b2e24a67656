"""What Ansible and SSH are told, and what they are never told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.servers import Endpoint
from provisioner.domain.errors import StepFailed
from provisioner.domain.inventory import (
    inventory,
    known_hosts,
    ssh_options,
    target,
    unsafe,
    variables,
)
from provisioner.domain.restart import Manner
from tests.fakes.provisioner import ENDPOINT, GAME, HOST_KEY, SPEC

KEY = Path("/keys/id")
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json)
def test_no_text_stays_unwrapped_however_deep(value):
    def bare(wrapped) -> bool:
        match wrapped:
            case {"__ansible_unsafe": str()} if len(wrapped) == 1:
                return False
            case dict():
                return any(bare(inner) for inner in wrapped.values())
            case list():
                return any(bare(inner) for inner in wrapped)
            case _:
                return isinstance(wrapped, str)

    assert not bare(unsafe(value))


@pytest.mark.parametrize("name", ["ansible_host", "a b", "", "Ünsafe", "{{ x }}", "x" * 70])
def test_a_setting_cannot_take_the_name_of_something_else(name: str):
    with pytest.raises(StepFailed):
        told(settings={name: "x"})


def test_a_port_that_clients_are_told_has_its_number_outside_too():
    game = replace(GAME, fixed_ports=frozenset({"game"}))
    same = ENDPOINT.ports[0].model_copy(update={"public_port": 30000})

    game.demand_fixed_ports(ENDPOINT.model_copy(update={"ports": (same,)}))
    GAME.demand_fixed_ports(ENDPOINT)
    with pytest.raises(StepFailed, match="31000"):
        game.demand_fixed_ports(ENDPOINT)


def told(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"game": GAME, "settings": {}, "lock": {}, "download_base": ""}
    return variables(SPEC, **given | changes, manner=Manner())


def test_a_lock_is_others_text_too_and_only_the_guest_hears_of_its_inner_ports():
    game = replace(GAME, inner_ports={"console": 27015})

    found = told(game=game, lock={"artefacts": [{"url": "{{ x }}"}]})

    assert found["lock"] == {"artefacts": [{"url": {"__ansible_unsafe": "{{ x }}"}}]}
    assert found["ports"] == {"game": 30000, "console": 27015}


@pytest.mark.parametrize("host", ["-oProxyCommand=id", "a b", "a\nb", "", "$(id)", "a'b"])
def test_an_address_that_ssh_could_take_for_something_else_is_refused(host: str):
    with pytest.raises(StepFailed):
        target(
            Endpoint(address="10.0.0.1", ssh_host=host, ssh_port=22, public_host="h"),
            user="yard",
            key_file=KEY,
        )


def test_the_known_hosts_name_the_port_unless_it_is_ssh_s_own():
    there = target(ENDPOINT, user="yard", key_file=KEY)

    assert known_hosts(there, [HOST_KEY]).startswith("[127.0.0.9]:2222 ssh-ed25519 AAAA")
    assert known_hosts(there, [HOST_KEY]).count("\n") == 1


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 A\nevil ssh-ed25519 A", "x y"])
def test_what_is_no_host_key_is_refused(key: str):
    with pytest.raises(StepFailed):
        known_hosts(target(ENDPOINT, user="yard", key_file=KEY), [key])


def test_the_host_key_is_checked_and_nobody_s_own_settings_are_read():
    options = ssh_options(Path("/run/known hosts"))

    assert "StrictHostKeyChecking=yes" in options
    assert 'UserKnownHostsFile="/run/known hosts"' in options
    assert options[:2] == ("-F", "/dev/null")


def test_the_inventory_holds_one_guest_and_fixes_its_interpreter():
    told: Any = inventory(target(ENDPOINT, user="yard", key_file=KEY))

    assert list(told["all"]["hosts"]) == ["guest"]
    assert told["all"]["hosts"]["guest"]["ansible_python_interpreter"] == "/usr/bin/python3"
