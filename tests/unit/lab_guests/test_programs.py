"""What game servers read: settings files, command lines, addresses."""

import pytest

from proxmox_lab.guests.simulated.loopback import addresses
from proxmox_lab.guests.simulated.model.unit_files import find_unit
from proxmox_lab.guests.simulated.modules.arguments import modelled
from proxmox_lab.guests.simulated.modules.runner import MODULES
from proxmox_lab.guests.simulated.programs.settings import blocks, number, properties, words
from proxmox_lab.guests.simulated.script.syntax import first_command
from tests.unit.lab_guests.conftest import Bench


def test_luanti_s_blocks_hold_several_lines() -> None:
    assert blocks('a = 1\n# b = 2\nc = """\nx = 1\ny\n"""\nd=4\n') == {
        "a": "1",
        "c": "x = 1\ny",
        "d": "4",
    }


def test_java_s_properties_are_unescaped() -> None:
    text = '# no\nmotd=Gr\\u00fc\\u00dfe \\\\ \\"x\\"\nport = 1\n'

    assert properties(text) == {"motd": 'Grüße \\ "x"', "port": "1"}


def test_an_unquoted_value_of_teeworlds_ends_at_the_first_space() -> None:
    text = 'sv_name Lab arena\nsv_motd "Lab \\"arena\\" # 1"\n# sv_port 1\nsv_port 2\n'

    assert words(text) == {"sv_name": "Lab", "sv_motd": 'Lab "arena" # 1', "sv_port": "2"}


def test_numbers_that_are_none_are_the_default() -> None:
    assert number({"a": "7", "b": "x"}, "a", 1) == 7
    assert number({"a": "7", "b": "x"}, "b", 1) == 1


def test_a_unit_s_script_is_looked_into() -> None:
    assert first_command("exec /usr/games/x -f /etc/x.cfg | logger") == [
        "/usr/games/x",
        "-f",
        "/etc/x.cfg",
    ]


async def test_units_are_templates_links_and_drop_ins_too(bench: Bench) -> None:
    await bench.sh("ln -s /dev/null /etc/systemd/system/luanti-server.service")
    await bench.module("apt", name="luanti-server", update_cache=True)
    await bench.sh(
        "mkdir -p /etc/systemd/system/luanti-server@.service.d; echo '[Service]\nUser=games' > "
        "/etc/systemd/system/luanti-server@.service.d/own.conf"
    )

    unit = find_unit(bench.machine.files, "luanti-server@two")

    assert unit is not None
    assert unit.argv()[2] == "/etc/luanti/two.conf"
    assert unit.get("Service", "User") == "games"
    assert bench.machine.units.canonical("minetest-server") == "luanti-server.service"


@pytest.mark.parametrize("vmid", [100, 900_000, 999_999, 999_999_999])
def test_every_vm_has_loopback_addresses_of_its_own(vmid: int) -> None:
    first, *others = addresses(vmid)

    assert first.startswith("127.")
    assert first not in addresses(vmid + 1)
    assert len({first, *others}) == 12
    assert all(60 <= int(address.split(".")[1]) <= 252 for address in (first, *others))


def test_every_module_says_which_options_it_honours() -> None:
    assert set(modelled()) == {*MODULES, "anywhere"}
