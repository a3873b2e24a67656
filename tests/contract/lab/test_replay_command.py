"""``replay``: any file of recorded exchanges gets a verdict for each, and an exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxmox_lab.__main__ import main

TOKEN = "PVEAPIToken=root@pam!full=00000000-0000-0000-0000-000000000006"


def record(number: int, path: str, reason: str, data: object, **more: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"method": "GET", "path": f"/api2/json{path}"}
    request |= {"headers": {"Authorization": TOKEN}} | more.pop("request", {})
    body: dict[str, Any] = (
        {"data": data} if reason == "OK" else {"data": data, "message": f"{reason}\n"}
    )
    status = 200 if reason == "OK" else 500
    response = {"status": status, "reason": reason, "json": body}
    whole = {"pve": "9.2.11", "source": "somebody", "id": number, "note": "a case"}
    return whole | {"request": request, "response": response} | more


def play(
    folder: Path, capsys: pytest.CaptureFixture[str], *records: dict[str, Any], pve: str = ""
) -> tuple[int, list[dict[str, Any]]]:
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    code = main(["replay", str(file), "--json", *(["--pve", pve] if pve else [])])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_record_gets_a_verdict_and_all_that_match_make_a_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, verdicts = play(tmp_path, capsys, record(7, "/cluster/nextid", "OK", "100"))

    assert code == 0
    assert [{k: v[k] for k in ("pve", "source", "id", "match", "why")} for v in verdicts] == [
        {"pve": "9.2.11", "source": "somebody", "id": 7, "match": True, "why": None}
    ]


def test_one_that_differs_makes_a_failure_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = record(1, "/nodes/pve/qemu/777/config", "no such thing", None)
    code, verdicts = play(tmp_path, capsys, wrong, record(2, "/cluster/nextid", "OK", "100"))

    assert code == 1
    assert [verdict["match"] for verdict in verdicts] == [False, True]
    assert "'no such thing' expected" in verdicts[0]["why"]


def test_only_the_release_that_is_asked_for_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = record(1, "/version", "OK", {"version": "8.4.21", "release": "8.4", "repoid": "x"})
    records = (record(1, "/cluster/nextid", "OK", "100"), old | {"pve": "8.4.21"})

    _, verdicts = play(tmp_path, capsys, *records, pve="8.4")

    assert [(verdict["pve"], verdict["match"]) for verdict in verdicts] == [("8.4.21", True)]


def test_records_may_come_in_any_order_and_lack_what_is_not_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = {"method": "POST", "form": {"poolid": "one"}, "body": None}
    form["headers"] = {"Authorization": TOKEN, "Content-Type": "application/x-www-form-urlencoded"}
    made = record(1, "/pools", "OK", None, request=form)
    listed = record(2, "/pools/one", "OK", {"poolid": "one", "members": []})
    asked = record(3, "/nodes/pve/storage", "OK", [], request={"query": {"content": "backup,x"}})
    asked["response"]["json"] = None
    for bare in (made, listed):
        del bare["note"]

    _, verdicts = play(tmp_path, capsys, listed, asked, made)

    assert [(verdict["id"], verdict["match"]) for verdict in verdicts[:2]] == [(1, True), (2, True)]
    assert "type check" not in str(verdicts[2]["why"])


def test_an_unknown_release_is_played_as_the_nearest_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = record(1, "/cluster/nextid", "OK", "100") | {"pve": "9.0.3"}

    assert play(tmp_path, capsys, asked)[0] == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("hello\n", "line 1 is not a record: Expecting value"),
        ('{"request": {}}\n', "line 1 is not a record: no 'response'"),
        ("[]\n", "line 1 is not a record"),
        ("", "holds no record"),
        (None, "cannot be read"),
    ],
)
def test_a_file_without_records_is_refused_with_the_line_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    file = tmp_path / "records.jsonl"
    if content is not None:
        file.write_text(content)

    assert main(["replay", str(file)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert str(file) in said


def test_a_release_that_has_no_record_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, verdicts = play(tmp_path, capsys, record(1, "/cluster/nextid", "OK", "100"), pve="8.4")

    assert (code, verdicts) == (2, [])


def test_names_instead_of_numbers_keep_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [record(0, "/cluster/nextid", "OK", "100") | {"id": name} for name in ("b", "a", 3)]

    code, verdicts = play(tmp_path, capsys, *asked)

    assert (code, [verdict["id"] for verdict in verdicts]) == (0, [3, "b", "a"])


def test_a_web_page_is_answered_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = record(1, "", "OK", None, request={"path": "/api2/html/version"})
    asked["response"]["json"] = None

    assert play(tmp_path, capsys, asked)[0] == 0
