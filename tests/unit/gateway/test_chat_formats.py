"""Chats: every event has its sentence in each, and no text of a stranger is more than text."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pydantic import BaseModel

from common.contracts import public_data
from common.contracts import public_events as public
from gateway.domain.chat_formats import OPTIONS, Format, body_of
from gateway.domain.chat_text import cut_bytes, escaped, fenced
from gateway.domain.event_sentences import SENTENCES, sentence_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHATS = [chat for chat in Format if chat is not Format.STANDARD]
WANTED = {"chat_id": "-100", "topic": "servers"}
HOSTILE = [
    "@everyone", "@here <@123> <@&456> <#789>", "<!channel> <!here|x> <!subteam^S1>", "@all",
    "*b* _i_ ~~s~~ ||spoiler|| `code`", "```\n@everyone", "`` ``` ```` ~~~", "# big", "- a", "> q",
    "[free](https://evil.example)", "![x](https://evil.example/x.png)", "<https://evil.example|x>",
    "<script>alert(1)</script>", "&lt;!channel&gt; &amp;", "line\nbreak\r\nand\tmore\u2028x\x85y",
    "{server.__class__} {0} %s ${jndi:x} {{7*7}}", "\u202egnp.exe", "a\u200bb\x00\x1b[31m", "\\",
    '"', "✓ 日本語 👩\u200d👧 é", "\ud800", "", " ",
    *(part * 5000 for part in ("x", "👾", "@", "<", '"\\', "&", "`", "日", "\n")),
]  # fmt: skip

STEP = {"name": "ssh", "state": "failed", "attempt": 2}
DATA: Mapping[type[BaseModel], Callable[[dict[str, Any]], dict[str, Any]]] = {
    public_data.OperationData: lambda of: of,
    public_data.StepData: lambda of: of | {"step": STEP},
    public_data.PhaseData: lambda of: of | {"phase": "running"},
    public_data.ReadyData: lambda of: of | {"phase": "running", "connect": "192.0.2.1:25565"},
    public_data.PlayersData: lambda of: of | {"players": 3, "max_players": 20},
    public_data.PingData: lambda of: of,
    public_data.EndpointData: lambda of: of | {"reason": "410 Gone"},
    public_data.DeliveryData: lambda of: of | {"event_id": "e", "event_type": "t", "attempts": 8},
}  # fmt: skip


def event_of(type: str, **changed: str) -> dict[str, Any]:
    """Return an event as JSON; ``changed``: what strangers wrote."""
    words = {"name": "alpha", "detail": "No disk is left.", "remedy": "Free some."} | changed
    model, _ = public.CATALOGUE[type]
    data = DATA[model](
        {
            "server": {"id": "srv_1", "name": "alpha", "game": "blocks"},
            "operation": {
                "id": "op_1", "kind": "deploy", "state": "failed", "progress": 1, "created_by": "u",
            },
            "error": {"code": "c", "detail": "d", "remedy": "r"},
            "webhook": {"id": "whk_1", "name": "mine"},
            "links": {},
        }
    )  # fmt: skip
    event = public.PublicEvent[Any](
        id="evt_" + "0" * 26,
        source="/v1/servers/srv_1",
        type=type,
        subject="srv_1",
        time=NOW,
        timestamp=NOW,
        dataschema=public.schema_path(type),
        sequence="0" * 20,
        data=model.model_validate(data).model_dump(mode="json"),
    ).model_dump(mode="json")
    return _with_words(event, words)


def _with_words(event: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    data = event["data"]
    for part in ("server", "webhook"):
        if part in data:
            data[part]["name"] = words["name"]
    if data.get("error"):
        data["error"] |= {"detail": words["detail"], "remedy": words["remedy"]}
    if "reason" in data:
        data["reason"] = words["detail"]
    return event


def sent(format: Format, event: Mapping[str, Any]) -> Any:
    return json.loads(body_of(format, event, WANTED))


def units(text: str) -> int:
    """Count as chats may: in UTF-16, where a character may be two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def texts(body: Any) -> list[str]:
    match body:
        case dict():
            return [text for value in body.values() for text in texts(value)]
        case list():
            return [text for value in body for text in texts(value)]
        case str():
            return [body]
        case _:
            return []


def assert_discord(body: Any) -> None:
    (embed,) = body["embeds"]
    assert 1 <= units(embed["title"]) <= 256
    assert units(embed["description"]) <= 4096
    assert units("".join(texts(embed))) <= 6000
    assert body["allowed_mentions"] == {"parse": []}
    assert "content" not in body
    assert is_plain(embed["title"])
    assert embed["description"] == "" or is_code(embed["description"])


def assert_slack(body: Any) -> None:
    (block,) = body["blocks"]
    assert block["text"]["type"] == "plain_text"
    assert 1 <= units(block["text"]["text"]) <= 3000
    assert 1 <= units(body["text"]) <= 4000
    assert "<" not in body["text"]
    assert body["mrkdwn"] is False
    assert_calls_nobody(block["text"]["text"], body["text"])


def assert_mattermost(body: Any) -> None:
    (attachment,) = body["attachments"]
    assert 1 <= units(attachment["title"]) <= 1000
    assert sum(map(units, texts(attachment))) <= 16_383
    assert attachment["text"] == "" or is_code(attachment["text"])
    assert is_plain(attachment["title"])
    assert_calls_nobody(*texts(attachment))


def assert_telegram(body: Any) -> None:
    assert 1 <= units(body["text"]) <= 4096
    assert {"parse_mode", "entities"}.isdisjoint(body)
    assert body["chat_id"] == "-100"
    assert_calls_nobody(body["text"])


def assert_ntfy(body: Any) -> None:
    assert 1 <= len(body["message"].encode()) < 4096
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= 8192
    assert units(body["title"]) <= 250
    assert "\n" not in body["title"]
    assert {"markdown", "actions", "click", "attach", "email", "call"}.isdisjoint(body)
    assert body["topic"] == "servers"


def assert_calls_nobody(*texts: str) -> None:
    for text in texts:
        assert all(text[place + 1] == "\u200b" for place, sign in enumerate(text) if sign in "@<")


def is_plain(line: str) -> bool:
    found = MarkdownIt("commonmark").enable("strikethrough").parseInline(line)[0].children or []
    return {token.type for token in found} <= {"text", "text_special"}


def is_code(text: str) -> bool:
    return [token.type for token in MarkdownIt("commonmark").parse(text)] == ["fence"]


ASSERTED = {
    Format.DISCORD: assert_discord,
    Format.SLACK: assert_slack,
    Format.MATTERMOST: assert_mattermost,
    Format.TELEGRAM: assert_telegram,
    Format.NTFY: assert_ntfy,
}


def test_every_type_of_event_has_its_sentence_and_no_other_has():
    assert list(SENTENCES) == list(public.CATALOGUE)


@pytest.mark.parametrize("type", public.CATALOGUE)
def test_a_sentence_says_what_it_is_about(type):
    sentence = sentence_of(event_of(type, name="alpha"))

    assert "{" not in sentence.title
    assert ": " not in sentence.title[:2]
    assert "  " not in sentence.title
    assert any(word in sentence.title for word in ("alpha", "blocks", "Ping"))


@pytest.mark.parametrize("format", CHATS)
@pytest.mark.parametrize("type", public.CATALOGUE)
def test_every_event_is_shown_in_every_chat(format, type):
    body = sent(format, event_of(type))

    ASSERTED[format](body)
    assert any(
        text for text in texts(body) if "alpha" in text or "blocks" in text or "Ping" in text
    )


@pytest.mark.parametrize("format", CHATS)
@pytest.mark.parametrize("words", HOSTILE)
def test_s87_what_a_stranger_wrote_stays_text_and_calls_nobody(format, words):
    for kind in ("server.failed", "webhook.endpoint_disabled", "operation.failed"):
        ASSERTED[format](sent(format, event_of(kind, name=words, detail=words, remedy=words)))


@pytest.mark.parametrize("format", CHATS)
@given(name=st.text(), detail=st.text(), remedy=st.text(st.sampled_from("`~@<!>\n\\[]()*_&#x")))
def test_s87_whatever_a_stranger_writes_stays_text(format, name, detail, remedy):
    ASSERTED[format](
        sent(format, event_of("server.failed", name=name, detail=detail, remedy=remedy))
    )


@pytest.mark.parametrize("format", CHATS)
def test_s87_nothing_of_an_event_is_a_template(format):
    words = "{server} {0.__class__} %(x)s ${x} {{7*7}}"

    shown = "".join(texts(sent(format, event_of("server.stopped", name=words)))).replace("\\", "")

    assert words in shown


@pytest.mark.parametrize("type", public.CATALOGUE)
def test_the_standard_body_is_the_event_as_it_is(type):
    event = event_of(type, name="bücher \ud800 <b>")

    body = body_of(Format.STANDARD, event, {})

    assert json.loads(body.decode()) == event
    assert len(body) < 20_000


@pytest.mark.parametrize("format", CHATS)
def test_a_failure_says_what_helps_in_every_chat(format):
    shown = "".join(texts(sent(format, event_of("server.failed"))))

    assert "No disk is left." in shown
    assert "Free some." in shown


def test_a_chat_that_needs_more_than_an_address_says_what():
    assert {chat: set(needed) for chat, needed in OPTIONS.items()} == {
        Format.TELEGRAM: {"chat_id"},
        Format.NTFY: {"topic"},
    }


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_an_escaped_line_reads_as_it_was_written(line):
    found = MarkdownIt("commonmark").enable("strikethrough").parseInline(escaped(line))[0]

    assert "".join(token.content for token in found.children or []) == line
    assert is_plain(escaped(line))


@given(st.text(st.sampled_from("`~ \nab"), min_size=1))
def test_a_block_of_code_holds_the_text_whole(text):
    (token,) = MarkdownIt("commonmark").parse(fenced(text))

    assert token.content == text.replace("`", "'") + "\n"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(4, 60))
def test_a_cut_text_is_a_beginning_within_its_bytes(text, longest):
    shown = cut_bytes(text, longest)

    assert len(shown.encode()) <= longest
    assert shown == text or text.startswith(shown.removesuffix("…"))
