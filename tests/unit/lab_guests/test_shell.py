"""The guest's shell: Ansible's own idioms, and an honest word about the rest."""

import pytest

from tests.unit.lab_guests.conftest import Bench


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo one two", "one two\n"),
        ("echo 'a  b' \"c $USER\"", "a  b c root\n"),
        ("false && echo no; true || echo no; echo yes", "yes\n"),
        ("echo ~", "/root\n"),
        ("echo ~www-data/x", "/var/www/x\n"),
        ("echo '~'", "~\n"),
        ("A=1; echo $A${A}", "11\n"),
        ("echo `echo in` $(echo side)", "in side\n"),
        ("A=$(echo 'b  c'; echo d) && printf '%s\\n' \"$A\"", "b  c\nd\n"),
        ("(echo a; echo bc) | head --lines=1", "a\n"),
        ("(echo a; echo bc) | tail --bytes=3", "bc\n"),
        ("echo a > /tmp/f; echo b >> /tmp/f; tail --lines=1 -- /tmp/f", "b\n"),
        ("echo a | cat | grep -c a", "1\n"),
        ("(cd /etc && pwd); pwd", "/etc\n/\n"),
        ("echo lost > /dev/null; echo kept 2>&1", "kept\n"),
        ("echo x > /tmp/f; echo y >> /tmp/f; cat /tmp/f", "x\ny\n"),
        ("! false && echo turned", "turned\n"),
        ("test -d /etc -a || [ -f /etc/hostname ] || echo none", "none\n"),
        ("echo /etc/hos*", "/etc/hosts\n"),
    ],
)
async def test_scripts_say_what_sh_would_say(bench: Bench, text: str, said: str) -> None:
    assert (await bench.sh(text)).out.decode() == said


async def test_a_script_ends_where_it_says_so_with_its_code(bench: Bench) -> None:
    ended = await bench.sh("echo out; echo err >&2; exit 3; echo never")
    inner = await bench.sh("(exit 4) || echo inner; false; exit")

    assert (ended.code, ended.out, ended.err) == (3, b"out\n", b"err\n")
    assert (inner.code, inner.out) == (1, b"inner\n")


async def test_ansible_s_temporary_directory_is_made_once_and_for_its_owner_alone(
    bench: Bench,
) -> None:
    name = "ansible-tmp-1-2-3"
    text = (
        f'( umask 77 && mkdir -p "` echo /tmp/.ansible/tmp `" && mkdir "` echo /tmp/.ansible/tmp/'
        f'{name} `" && echo {name}="` echo /tmp/.ansible/tmp/{name} `" )'
    )

    outcome = await bench.sh(text, user="www-data")
    again = await bench.sh(text, user="www-data")

    assert outcome.out.decode() == f"{name}=/tmp/.ansible/tmp/{name}\n"
    assert bench.machine.files.get(f"/tmp/.ansible/tmp/{name}").mode == 0o700
    assert again.code == 1


async def test_a_command_that_is_not_modelled_says_so(bench: Bench) -> None:
    outcome = await bench.sh("free -m")

    assert outcome.code == 127
    assert b"the simulated guest does not model the command free -m" in outcome.err


@pytest.mark.parametrize("text", ["for i in 1 2; do echo $i; done", "sleep 1 &", "echo 'open"])
async def test_grammar_that_is_not_modelled_says_so(bench: Bench, text: str) -> None:
    outcome = await bench.sh(text)

    assert outcome.code == 127
    assert b"does not model" in outcome.err


async def test_a_command_that_is_not_there_is_not_found(bench: Bench) -> None:
    outcome = await bench.sh("unzip x.zip")

    assert (outcome.code, outcome.err) == (127, b"sh: 1: unzip: not found\n")


async def test_sudo_is_for_those_whom_sudoers_lets(bench: Bench) -> None:
    refused = await bench.sh("sudo -n id -un", user="www-data")
    await bench.sh("echo 'www-data ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/x")

    allowed = await bench.sh("sudo -H -S -n -u root id -un", user="www-data")

    assert (refused.code, refused.err) == (1, b"sudo: a password is required\n")
    assert allowed.out == b"root\n"


async def test_permission_bits_bind_all_but_root(bench: Bench) -> None:
    refused = await bench.sh("cat /etc/sudoers", user="www-data")

    assert refused.code == 1
    assert b"Permission denied" in refused.err
    assert (await bench.sh("echo x > /etc/x", user="www-data")).code == 1
    assert (await bench.sh("cat /etc/sudoers")).code == 0


async def test_install_sets_mode_and_ownership(bench: Bench) -> None:
    await bench.sh("echo a > /tmp/a && install --mode=0640 -g games /tmp/a /etc/b")

    node = bench.machine.files.get("/etc/b")
    assert (node.mode, node.group, bench.machine.files.read("/etc/b")) == (0o640, "games", b"a\n")


async def test_dpkg_query_shows_what_is_installed_in_the_shape_asked_for(bench: Bench) -> None:
    await bench.module("apt", name="curl", update_cache=True)
    version = bench.machine.disk.packages["curl"]
    shape = "'--showformat=${Package} ${Version}\\n'"

    shown = await bench.sh(f"dpkg-query --show {shape} -- curl nobody-made-it")
    usual = await bench.sh("dpkg-query -W curl")

    assert (shown.out.decode(), shown.code) == (f"curl {version}\n", 1)
    assert b"no packages found matching nobody-made-it" in shown.err
    assert (usual.out.decode(), usual.code) == (f"curl\t{version}\n", 0)
