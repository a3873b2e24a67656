"""From a wanted version to the files it is made of, as the games' own manifests say."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from common.contracts.servers import Lock
from provisioner.adapters.games import GameFolders
from provisioner.adapters.resolvers.catalogue import Resolvers
from provisioner.adapters.resolvers.downloads import Downloads
from provisioner.domain.errors import NotYet, StepFailed
from provisioner.domain.lock import Wish, wish
from tests.unit.provisioner.mirror import (
    BEDROCK,
    FABRIC,
    JAR,
    JARS,
    SHA1,
    SHA256,
    Mirror,
    open_mirror,
)

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
MOJANG = "piston-meta.mojang.com/mc/game/version_manifest_v2.json"


@pytest.fixture
async def mirror() -> AsyncGenerator[Mirror]:
    async with open_mirror() as mirror:
        yield mirror


async def resolved(mirror: Mirror, wish: Wish) -> Lock:
    downloads = Downloads(base=mirror.base)
    return await Resolvers(playbooks=PLAYBOOKS, downloads=downloads).resolve(wish)


async def of_game(mirror: Mirror, game_id: str, **settings: Any) -> Lock:
    games = GameFolders(PLAYBOOKS)
    game = games.find(game_id, settings)
    return await resolved(mirror, wish(game, settings))


def wanting(source: str, version: str | None = "latest") -> Wish:
    return Wish(
        game="pong",
        definition="1.0.0",
        variant=None,
        version=version,
        source=yaml.safe_load(source),
    )


async def test_the_vendor_s_newest_minecraft_with_the_java_it_wants(mirror: Mirror):
    lock = await of_game(mirror, "minecraft-java", variant="vanilla", version="latest")

    assert lock.version == "1.21.8"
    assert lock.runtime == {"java": "21"}
    [file] = lock.artefacts
    assert (file.checksum, file.size) == (f"sha1:{SHA1}", len(JAR))
    assert file.url == f"{JARS}/{SHA1}/server.jar"
    assert mirror.asked.count(MOJANG) == 1


async def test_versions_of_the_new_style_are_versions_too(mirror: Mirror):
    lock = await of_game(mirror, "minecraft-java", variant="vanilla", version="26.1")

    assert (lock.version, lock.runtime) == ("26.1", {"java": "25"})


async def test_what_the_folder_has_locked_asks_nobody(mirror: Mirror):
    lock = await of_game(mirror, "minecraft-java", variant="vanilla", version="1.21.8")

    assert lock.artefacts[0].checksum == "sha1:6bce4ef400e4efaa63a13d5e6f6b500be969ef81"
    assert mirror.asked == []


async def test_paper_is_the_newest_stable_build(mirror: Mirror):
    lock = await of_game(mirror, "minecraft-java", variant="paper", version="latest")

    assert (lock.variant, lock.version, lock.build) == ("paper", "1.21.8", "64")
    assert lock.artefacts[0].checksum == f"sha256:{SHA256}"


async def test_fabric_publishes_no_checksum_so_it_is_taken_from_a_download(mirror: Mirror):
    lock = await of_game(mirror, "minecraft-java", variant="fabric", version="1.21.8")

    [file] = lock.artefacts
    assert (file.checksum, file.size) == (f"sha256:{SHA256}", len(JAR))
    assert mirror.asked[-1] == f"{FABRIC}/loader/1.21.8/0.16.14/1.1.0/server/jar"


async def test_bedrock_is_asked_by_the_name_the_vendor_wants_to_hear(mirror: Mirror):
    lock = await of_game(mirror, "minecraft-bedrock", version="latest")

    assert (lock.version, lock.artefacts[0].url) == ("1.21.93.1", BEDROCK)
    assert mirror.agents == {"Mozilla/5.0 (compatible; Spawnyard)"}


FACTORIO = yaml.safe_dump(
    yaml.safe_load((PLAYBOOKS / "games/factorio/game.yml").read_text())["source"]
)


async def test_factorio_s_checksums_stand_in_lines_of_text(mirror: Mirror):
    lock = await of_game(mirror, "factorio", version="latest")

    assert lock.version == "2.0.77"
    assert lock.artefacts[0].checksum == f"sha256:{SHA256}"
    for version, digit in {"2.1.12": "2", "1.1.110": "3"}.items():
        older = await of_game(mirror, "factorio", version=version)
        assert older.artefacts[0].checksum == f"sha256:{digit * 64}"


TERRARIA = """
resolver: http
setting: version
steps:
  - only: latest
    get: https://terraria.org/api/get/dedicated-servers-names
    each: {in: "", like: '^terraria-server-[0-9]+\\.zip$'}
    take: {newest: ""}
    match: {newest: '^terraria-server-(?P<version>[0-9]+)\\.zip$'}
artefacts:
  - name: "terraria-{version}.zip"
    url: "https://terraria.org/api/download/pc-dedicated-server/terraria-server-{version}.zip"
    checksum: download
"""


async def test_terraria_s_newest_is_the_first_of_a_list_of_names(mirror: Mirror):
    lock = await resolved(mirror, wanting(TERRARIA))

    assert (lock.version, lock.artefacts[0].checksum) == ("1449", f"sha256:{SHA256}")


async def test_packages_and_apps_have_names_and_ask_nobody(mirror: Mirror):
    apt = await resolved(mirror, wanting("{resolver: apt, packages: [pong]}", None))
    steam = await resolved(mirror, wanting("{resolver: steam, app: 7, branch: beta}", None))
    of_setting = await resolved(mirror, wanting("{resolver: steam, app: 7, setting: b}", "old"))

    assert (apt.version, apt.artefacts) == ("", ())
    assert (steam.version, of_setting.version) == ("beta", "old")
    assert all(lock.note for lock in (apt, steam))
    assert mirror.asked == []


async def test_a_version_that_nobody_offers_is_refused(mirror: Mirror):
    with pytest.raises(StepFailed, match=r"no such version: '9\.9'") as refused:
        await of_game(mirror, "minecraft-java", variant="vanilla", version="9.9")

    assert "latest" in (refused.value.remedy or "")


def ask(get: str, more: str = "") -> Wish:
    artefact = '{name: a.zip, url: "https://v.example/a", checksum: "sha256:{sum}"}'
    return wanting(
        f"{{resolver: http, setting: v, steps: [{{get: '{get}'{more}}}], artefacts: [{artefact}]}}"
    )


def saying(text: str, *, status: int = 200) -> Any:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=text, status=status)

    return answer


WRONG = {
    "no JSON": ("<html>", ", take: {sum: /sum}", "no JSON"),
    "nothing at that place": ("{}", ", take: {sum: /sum}", "has no sum at /sum"),
    "no text at that place": ('{"sum": {}}', ", take: {sum: /sum}", "has no sum at /sum"),
    "no checksum": ('{"sum": "abc"}', ", take: {sum: /sum}", "form it must have: checksum"),
    "an endless value": (f'{{"sum": "{"a" * 9_000}"}}', ", take: {sum: /sum}", "has no sum"),
    "another text": ('{"sum": "x"}', ", take: {sum: /sum}, match: {sum: '^y$'}", "another sum"),
    "a name nobody took": ("{}", "", "speaks of {sum}"),
    "no list": ('{"sum": 1}', ", each: {in: /sum}, take: {sum: /sum}", "no such version"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_whatever_a_vendor_answers_the_refusal_says_what_was_missing(
    mirror: Mirror, wrong: str
):
    text, more, says = WRONG[wrong]
    mirror.special["v.example/x"] = saying(text)

    with pytest.raises(StepFailed, match=says) as refused:
        await resolved(mirror, ask("https://v.example/x", more))

    assert refused.value.remedy


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_vendor_with_troubles_of_its_own_is_asked_again_later(mirror: Mirror, status: int):
    mirror.special["v.example/x"] = saying("later", status=status)

    with pytest.raises(NotYet, match=str(status)):
        await resolved(mirror, ask("https://v.example/x"))


async def test_an_answer_without_an_end_is_not_heard_to_its_end(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("provisioner.adapters.resolvers.downloads.TEXT_LIMIT", 100_000)
    mirror.special["v.example/x"] = saying("x" * 200_000)

    with pytest.raises(StepFailed, match="does not end"):
        await resolved(mirror, ask("https://v.example/x"))


async def test_what_a_vendor_tells_cannot_lead_to_another_place(mirror: Mirror):
    source = FACTORIO.replace("{version: /stable/headless}", "{version: /experimental/headless}")
    for evil in ("../../etc", "2.0@evil.example", "a/b?c#d"):
        answer = f'{{"experimental": {{"headless": "{evil}"}}}}'
        mirror.special["factorio.com/api/latest-releases"] = saying(answer)

        with pytest.raises(StepFailed):
            await resolved(mirror, wanting(source))

    assert all(path.startswith("factorio.com/") for path in mirror.asked)


async def test_a_file_s_name_is_a_name(mirror: Mirror):
    source = TERRARIA.replace("terraria-{version}.zip", "../{version}.zip", 1)

    with pytest.raises(StepFailed, match="not a name for a file"):
        await resolved(mirror, wanting(source))
