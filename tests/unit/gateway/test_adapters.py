"""What the ports are in reality: passwords, tokens, the key file, the catalogue's folder."""

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

from common.security.keys import keys_of_jwks
from common.security.tokens import ACCESS, LOG_TICKET, TokenVerifier
from gateway.adapters import passwords as passwords_module
from gateway.adapters.game_catalogue import FolderCatalogue, UnusableGame, read_game
from gateway.adapters.passwords import Argon2Passwords
from gateway.adapters.tokens import SignedTokens, read_or_make_key
from gateway.domain.admission import Busy
from gateway.domain.game import Source
from gateway.domain.user import Session
from tests.fakes.gateway import MOMENT, USER

GAMES = Path(__file__).resolve().parents[3] / "playbooks" / "games"


async def test_a_password_belongs_to_its_own_hash_only() -> None:
    passwords = Argon2Passwords()

    known = await passwords.hash("one")

    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.hash("one") != known
    assert await passwords.verify("one", hash=known)
    assert not await passwords.verify("two", hash=known)
    assert not await passwords.verify("one", hash="no hash at all")
    assert not await passwords.verify("nobody", hash=None)
    assert not passwords.is_outdated(known)


async def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    passwords = Argon2Passwords()
    known = await passwords.hash("one")

    async def cost(other: str | None) -> float:
        start = time.process_time()  # of processors, whatever else they have to do
        await passwords.verify("wrong", hash=other)
        return time.process_time() - start

    costs = [(await cost(known), await cost(None)) for _ in range(5)]

    assert 0.5 < min(one for one, _ in costs) / min(other for _, other in costs) < 2


async def test_who_waits_too_long_for_a_turn_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords_module, "PATIENCE", 0.005)
    passwords = Argon2Passwords()

    found = await asyncio.gather(*(passwords.hash("x") for _ in range(9)), return_exceptions=True)

    assert any(isinstance(one, Busy) for one in found)
    assert sum(isinstance(one, str) for one in found) >= 1


def tokens(tmp_path: Path) -> SignedTokens:
    return SignedTokens(read_or_make_key(tmp_path / "keys" / "token.pem"), issuer="yard")


def test_the_key_is_made_once_and_readable_by_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "token.pem"

    first, again = read_or_make_key(file), read_or_make_key(file)

    assert first == again
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_access_tokens_and_tickets_are_good_for_one_purpose_each(tmp_path: Path) -> None:
    made = tokens(tmp_path)
    verifier = TokenVerifier(keys_of_jwks(made.issuer.jwks()), issuer="yard")
    session = Session(id="ses_1", user_id=USER.id, created_at=MOMENT, expires_at=MOMENT)

    access = verifier.verify(made.access(USER, session), audience="gateway", type=ACCESS)
    ticket = verifier.verify(
        made.log_ticket(user_id=USER.id, stream="op_1"), audience="log-service", type=LOG_TICKET
    )

    assert (access.subject, access.extra) == (USER.id, {"sid": "ses_1"})
    assert ticket.extra == {"stream": "op_1"}
    assert (ticket.expires_at - ticket.issued_at).total_seconds() == 60


def test_a_refresh_token_has_one_successor_and_no_predecessor_can_be_told(tmp_path: Path) -> None:
    made, stranger = tokens(tmp_path), tokens(tmp_path / "other")

    first = made.new_refresh()

    assert made.successor(first) == made.successor(first)
    assert made.successor(first) != stranger.successor(first)
    assert made.new_refresh() != first
    assert len(made.successor(first)) == len(first) == 43


def test_every_game_of_the_catalogue_can_be_read() -> None:
    folders = {file.parent.name for file in GAMES.glob("*/game.yml")}

    found = {game.id: game for game in FolderCatalogue(GAMES).all()}

    assert set(found) == folders
    assert all(game.plan.name == "recommended" for game in found.values())


MANIFEST = """
{id: blocks, name: Blocks, summary: s, version: 1.0.0, maturity: tested, connect: "{host}",
 vm: {cores: {min: 1, recommended: 1}, memory_mib: {min: 256, recommended: 512},
      disk_gib: {min: 2, recommended: 3}},
 ports: [{name: game, protocol: udp, number: 8303}]}
"""


def folder(tmp_path: Path, *, manifest: str = MANIFEST, schema: str = "{}") -> Path:
    made = tmp_path / "blocks"
    made.mkdir(parents=True)
    (made / "game.yml").write_text(manifest)
    (made / "settings.schema.json").write_text(schema)
    return made


def test_a_guests_inner_port_is_nobody_elses_and_a_cpu_may_be_asked_for(tmp_path: Path):
    more = "disk_gib: {min: 2, recommended: 3}, cpu_type: host"
    rcon = "{name: rcon, protocol: tcp, number: 27015, expose: loopback}"
    manifest = MANIFEST.replace("disk_gib: {min: 2, recommended: 3}", more)

    game = read_game(folder(tmp_path, manifest=manifest.replace("8303}", f"8303}}, {rcon}")))

    assert [port.name for port in game.ports] == ["game"]
    assert (game.cpu_type, game.plan.memory_mib) == ("host", 512)
    assert game.least is not None
    assert (game.least.memory_mib, game.least.disk_gib) == (256, 2)


def test_a_game_may_take_its_time_to_install(tmp_path: Path):
    slow = MANIFEST.rstrip().removesuffix("}") + ", install: {timeout: 90}}"
    usual = read_game(folder(tmp_path / "usual"))

    assert usual.install_time == timedelta(minutes=45)
    assert read_game(folder(tmp_path / "slow", manifest=slow)).install_time == timedelta(minutes=90)


def test_the_setting_that_names_a_version_is_read_from_each_variant_s_source(tmp_path: Path):
    steam = "{resolver: steam, app: 1, setting: branch}"
    kinds = f"{{setting: kind, of: {{plain: {{}}, modded: {{source: {steam}}}}}}}"
    source = "{resolver: table, setting: release}"
    more = f"8303}}], source: {source}, variants: {kinds}}}"

    game = read_game(folder(tmp_path, manifest=MANIFEST.replace("8303}]}", more)))

    assert game.source_of({}) == game.source_of({"kind": "plain"}) == Source(setting="release")
    assert game.source_of({"kind": "modded"}) == Source(setting="branch", moves=True)


@pytest.mark.parametrize(
    ("manifest", "schema"),
    [
        ("", "{}"),
        ("[", "{}"),
        ("!!python/object:os.system {}", "{}"),
        (MANIFEST.replace("id: blocks", "id: others"), "{}"),
        (MANIFEST.replace("udp", "sctp"), "{}"),
        (MANIFEST, "{"),
        (MANIFEST, json.dumps({"type": "nonsense"})),
    ],
)
def test_a_folder_that_is_wrong_is_left_out_and_the_others_stay(
    tmp_path: Path, manifest: str, schema: str
) -> None:
    wrong = folder(tmp_path, manifest=manifest, schema=schema)
    good = folder(tmp_path / "x").rename(tmp_path / "good")
    (good / "game.yml").write_text(MANIFEST.replace("id: blocks", "id: good"))

    with pytest.raises(UnusableGame):
        read_game(wrong)

    assert [game.id for game in FolderCatalogue(tmp_path).all()] == ["good"]
