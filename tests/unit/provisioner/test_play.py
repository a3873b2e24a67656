"""What is told people about a playbook run."""

import pytest

from provisioner.adapters.ansible.events import task_event
from provisioner.domain.play import PlayEnded, TaskEvent, line, plain, reason, remedy


def test_an_event_is_one_line_whose_key_tells_attempt_and_counter():
    event = TaskEvent(counter=7, kind="changed", task="Install", host="guest", seconds=2.04)

    told = line(event, attempt=2, secrets=())

    assert (told.key, told.text) == ("playbook:2:7", "changed: Install (2.0 s)")


def test_text_from_a_guest_cannot_speak_to_a_terminal():
    assert plain("a\x1b]0;x\x07b\rc\u202e") == "a\\x1b]0;x\\x07b\\x0dc\\x202e"


def test_secrets_are_masked_and_endless_text_is_cut():
    told = plain("pass=hunter2 " + "x" * 9_000, secrets=["hunter2"])

    assert "hunter2" not in told
    assert len(told) < 4_100


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("Temporary failure resolving 'mirror'", "name servers"),
        ("No package matching 'luanti-server' is available", "Debian 13"),
        ("The checksum for /srv/x did not match", "mirror"),
        ("write error: No space left on device", "disk"),
        ("Failed to connect to the host via ssh: Connection refused", "lost"),
    ],
)
def test_known_failures_have_a_remedy(message: str, word: str):
    assert word in (remedy(message) or "")


def test_a_playbook_that_never_ran_says_why():
    ended = PlayEnded(status="failed", code=4, output=("ERROR! no such file", "Traceback"))

    assert "ERROR! no such file" in reason([], ended)


def test_ansible_s_events_become_ours():
    failed = task_event(
        {
            "event": "runner_on_failed",
            "counter": 9,
            "event_data": {
                "task": "Install",
                "host": "guest",
                "duration": 1.5,
                "res": {"msg": "no", "stderr": "really\nno"},
            },
        }
    )

    assert failed is not None
    assert (failed.kind, failed.message) == ("failed", "no | really no")
    assert task_event({"event": "verbose", "counter": 1}) is None
