"""The same happenings, told to a terminal and to a file."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from yard_cli.client.models import Line, Operation, Server, Step
from yard_cli.show.live import LiveShow
from yard_cli.show.panel import it_runs
from yard_cli.show.plain import PlainShow
from yard_cli.stack.folder import DataFolder
from yard_cli.stack.plan import Site
from yard_cli.stack.ports import Ports
from yard_cli.stack.secrets import Secrets
from yard_cli.stack.supervisor import News

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLONE = Step(
    name="clone", state="succeeded", started_at=NOON, ended_at=NOON + timedelta(seconds=1.5)
)
START = Step(name="start", state="running", started_at=NOON, progress=0.5, detail="[half] way")
OPERATION = Operation(
    id="op_1", kind="deploy", server_id="srv_1", state="running", steps=(CLONE, START)
)
LINE = Line(sequence=1, time=NOON, writer="vm-service", step="clone", text="[red]cloned[/red]")


def a_console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    sink = io.StringIO()
    out = Console(file=sink, force_terminal=terminal, width=100, highlight=False)
    return out, sink


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_and_steps_are_told(terminal: bool):
    out, sink = a_console(terminal=terminal)
    show = LiveShow(out) if terminal else PlainShow(out)

    with show:
        show.say("deploying")
        show.news(News(process="gateway", what="ready"))
        show.line(LINE)
        show.operation(OPERATION)

    told = sink.getvalue()
    for word in ("gateway", "vm-service", "clone", "1.5 s", "start"):
        assert word in told


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_log_says_is_text_and_no_markup(terminal: bool):
    out, sink = a_console(terminal=terminal)
    show = LiveShow(out) if terminal else PlainShow(out)

    with show:
        show.line(LINE)
        show.operation(OPERATION)

    assert "[red]cloned[/red]" in sink.getvalue()


def test_control_characters_of_a_log_do_not_reach_the_terminal():
    out, sink = a_console(terminal=False)

    PlainShow(out).line(LINE.model_copy(update={"text": "a\x1b]0;owned\x07b"}))

    assert "\x1b" not in sink.getvalue()
    assert "\x07" not in sink.getvalue()


def test_a_step_is_told_once_for_each_state_in_plain_output():
    out, sink = a_console(terminal=False)
    show = PlainShow(out)

    show.operation(OPERATION)
    show.operation(OPERATION)

    assert sink.getvalue().count("step clone") == 1


def test_a_crash_is_told_even_when_the_picture_is_gone():
    out, sink = a_console(terminal=True)
    show = LiveShow(out)
    with show:
        pass

    show.news(News(process="gateway", what="crashed", detail="killed by SIGKILL"))

    assert "gateway crashed (killed by SIGKILL)" in sink.getvalue()


def test_the_panel_tells_where_to_connect_and_who_one_is(tmp_path: Path):
    secrets = Secrets(install_id="i", setup_token="t", username="admin", password="pw", nats={})
    site = Site(folder=DataFolder(tmp_path), ports=Ports(9000), secrets=secrets)
    server = Server(
        id="srv_1", name="one", game="some", phase="running", host="h", connect="h:30000"
    )
    out, sink = a_console(terminal=False)

    out.print(it_runs(site, server, OPERATION, stays=True))

    told = sink.getvalue()
    for word in ("h:30000", "admin", "pw", "http://127.0.0.1:9000", "logs one", "delete"):
        assert word in told


def test_how_to_find_the_server_again_names_what_its_folder_is_kept_for(tmp_path: Path):
    secrets = Secrets(install_id="i", setup_token="t", username="admin", password="pw", nats={})
    site = Site(
        folder=DataFolder(tmp_path),
        ports=Ports(9000),
        secrets=secrets,
        guests="qemu",
        stand_ins=True,
    )
    server = Server(id="srv_1", name="one", game="some", phase="running")
    out, sink = a_console(terminal=False)

    out.print(it_runs(site, server, OPERATION, stays=False))

    assert "./yard up --vm --stand-ins" in sink.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_step_that_nothing_called_for_is_shown_as_such(terminal: bool):
    out, sink = a_console(terminal=terminal)
    show = LiveShow(out) if terminal else PlainShow(out)
    steps = (CLONE, Step(name="playbook", state="skipped"))

    with show:
        show.operation(OPERATION.model_copy(update={"kind": "start", "steps": steps}))

    assert "playbook" in sink.getvalue()
    assert ("»" if terminal else "step playbook: skipped") in sink.getvalue()
