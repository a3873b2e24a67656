"""What is told people about a playbook run."""

from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters.ansible.events import last_output, task_event
from provisioner.adapters.ansible.job import Told
from provisioner.adapters.ansible.pipe import LONGEST
from provisioner.domain.play import PlayEnded, TaskEvent, latest, line, plain, reason, remedy, shown
from provisioner.domain.secrets import texts_of


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

    assert "ERROR! no such file" in reason(None, ended)


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


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (
            {"failed_when_result": False, "msg": "Failed to update apt cache"},
            "Failed to update apt cache",
        ),
        ({"failed_when_result": False, "msg": "non-zero return code", "rc": 1}, ""),
        ({"failed_when_result": False}, ""),
        ({"msg": "all is well"}, ""),
    ],
)
def test_what_a_task_failed_of_is_told_though_its_playbook_does_not_mind(
    result: dict[str, Any], told: str
):
    event = {"event": "runner_on_ok", "counter": 1, "event_data": {"task": "Ask", "res": result}}

    forgiven = task_event(event)

    assert forgiven is not None
    assert (forgiven.kind, forgiven.message) == ("ok", told)


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ([{"msg": "good"}, {"failed": True, "msg": "bad checksum"}], "bad checksum"),
        ([{"msg": "good"}], "One or more items failed"),
        (["text"], "One or more items failed"),
        ("text", "One or more items failed"),
    ],
)
def test_of_a_loop_the_item_that_failed_says_why(results: Any, told: str):
    result = {"msg": "One or more items failed", "results": results}
    event = {"event": "runner_on_failed", "counter": 1, "event_data": {"res": result}}

    failed = task_event(event)

    assert failed is not None
    assert failed.message == told


def test_a_secret_is_masked_before_anything_is_cut_or_folded():
    long = "x" * 1_990
    event: dict[str, Any] = {
        "event": "runner_on_failed",
        "counter": 1,
        "event_data": {"task": "Set geheim  1", "res": {"msg": f"{long} geheim  1 {long}"}},
    }

    told = task_event(event, secrets=("geheim  1",))

    assert told is not None
    assert told.task == "Set [masked]"
    assert "geh" not in told.message


def test_a_task_that_keeps_its_words_back_says_so_and_what_helps():
    hidden = "the output has been hidden due to the fact that 'no_log: true' was specified"
    event = {"event": "runner_on_failed", "counter": 1, "event_data": {"res": {"censored": hidden}}}

    told = task_event(event)

    assert told is not None
    assert told.message == hidden
    assert "secret" in (remedy(told.message) or "")


def test_what_ansible_printed_is_told_without_secrets(tmp_path: Path):
    printed = tmp_path / "stdout"
    printed.write_text('ERROR! "ge\\"heim"\nso ge"heim\n')

    assert last_output(printed, secrets=texts_of(['ge"heim'])) == (
        'ERROR! "[masked]"',
        "so [masked]",
    )


def test_texts_of_secrets_are_found_however_deep_and_never_short_ones():
    texts = texts_of([{"a": ["abcd", 12345]}, "abc", True, None, "line one\nline two", 'q"uo'])

    assert set(texts) >= {"abcd", "12345", "line one", "line two", 'q\\"uo'}
    assert all(len(text) >= 4 for text in texts)
    assert "True" not in texts


@pytest.mark.parametrize(
    ("printed", "kind"), [("\x1b[0;33mchanged: [guest]\x1b[0m", "changed"), ("ok: [guest]", "ok")]
)
def test_a_task_that_keeps_its_result_back_still_tells_whether_it_changed_anything(
    printed: str, kind: str
):
    event = {
        "event": "runner_on_ok",
        "counter": 1,
        "stdout": printed,
        "event_data": {"task": "Write", "res": {"censored": "hidden"}},
    }

    told = task_event(event)

    assert told is not None
    assert (told.kind, told.message) == (kind, "")


def test_a_message_that_was_never_text_is_told_as_well_as_can_be():
    event = {
        "event": "runner_on_failed",
        "counter": 1,
        "event_data": {"task": "Read", "res": {"msg": "bytes \udcff\udc80 here"}},
    }

    told = task_event(event)

    assert told is not None
    assert told.message == "bytes ?? here"
    assert plain("lone \ud800").encode() == b"lone \\xd800"


def test_endless_lines_of_output_are_cut(tmp_path: Path):
    printed = tmp_path / "stdout"
    printed.write_text(("\x01" * 1_000_000 + "\n") * 30)

    told = Told(ended=PlayEnded(status="failed", code=2, output=last_output(printed)))

    assert len(told.model_dump_json()) < LONGEST


def test_the_last_lines_that_fit_are_kept():
    assert latest(["a" * 9, "é" * 3, "b"], size=8) == ("é" * 3, "b")


def test_what_a_game_says_of_itself_is_made_tellable():
    assert shown({"motd": "x" * 1_000_000, "players": 3})["players"] == 3
    assert len(str(shown({"motd": "x" * 1_000_000})["motd"])) < 5_000


@pytest.mark.parametrize(
    "said", [{"a": "b" * 1_000_000}, ["\ud800"] * 9, 10**400, float("inf"), float("nan")]
)
def test_what_cannot_be_told_of_itself_is_left_out(said: Any):
    assert shown({"protocol": said, "open": True, "load": 0.5}) == {"open": True, "load": 0.5}


def test_of_an_endless_message_the_beginning_is_told_and_no_half_secret():
    secret = "geheimes wort"
    res = {"msg": (secret + " " * 60_000 + "x ") * 1_000, "stderr": "ü" * 1_000_000}
    event: dict[str, Any] = {
        "event": "runner_on_failed",
        "counter": 1,
        "event_data": {"task": "Talk", "res": res},
    }

    told = task_event(event, secrets=texts_of([secret]))

    assert told is not None
    assert told.message.startswith("[masked] x [maske")
    assert "geh" not in told.message
    assert len(told.message) <= 2_000


def test_a_failure_whose_result_was_too_large_to_keep_is_told_as_it_was_printed():
    event: dict[str, Any] = {
        "event": "runner_on_failed",
        "counter": 1,
        "stdout": "\x1b[0;31mfatal: [guest]: FAILED! => {...}\x1b[0m",
        "event_data": {"task": "Talk", "res": {}},
    }

    told = task_event(event)

    assert told is not None
    assert told.message == "fatal: [guest]: FAILED! => {...}"


def test_a_playbook_that_hangs_names_the_task_it_was_at_and_what_helps():
    ended = PlayEnded(status="hung", code=-1, output=("no sign of life for 15 min",))

    why = reason(None, ended, doing="Download the server")

    assert why == "task 'Download the server' on the guest hangs: no sign of life for 15 min"
    assert "manifest" in remedy(why)


def test_whatever_fails_there_is_something_one_can_do():
    assert "log" in remedy("something nobody has ever seen")
