"""The stack in containers is well-formed, closed, and tells every service what it must know."""

import importlib.util
import json
import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from common.contracts.topology import ACCESS
from common.security.sealing import read_sealing
from common.settings import ServiceSettings
from deploy import new_env
from gateway.settings import Settings as Gateway
from log_service.settings import Settings as LogService
from provisioner.settings import Settings as Provisioner
from tools import lock, nats_conf
from vm_service.settings import Settings as VMService

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "gateway": Gateway,
    "vm-service": VMService,
    "provisioner": Provisioner,
    "log-service": LogService,
    "vm-service-lab": VMService,
    "provisioner-lab": Provisioner,
}
ONCE = {"keys"}
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


@cache
def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's instructions by stage, what a stage builds upon included."""
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
    found: dict[str, list[tuple[str, str]]] = {}
    stage: list[tuple[str, str]] = []
    for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name] = [*found.get(base, []), ("FROM", base)]
        else:
            stage.append((instruction, rest.strip()))
    return found


def stage_of(service: Mapping[str, Any]) -> list[tuple[str, str]]:
    return stages()[service["build"]["target"]] if "build" in service else []


def last(stage: list[tuple[str, str]], instruction: str) -> str | None:
    return next((rest for name, rest in reversed(stage) if name == instruction), None)


@cache
def environment_file() -> dict[str, str]:
    lines = new_env.filled((DEPLOY / ".env.example").read_text()).splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def interpolated(text: str, known: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        found = known.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise KeyError(match["name"])
        return found or (match["rest"] or "" if match["kind"] == "-" else "")

    return VARIABLE.sub(value, text)


def environment_of(name: str) -> dict[str, str]:
    known = environment_file()
    told = services()[name].get("environment", {})
    return {key: interpolated(str(value), known) for key, value in told.items()}


def test_it_holds_against_the_compose_specification():
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    vendored = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text())

    jsonschema.Draft202012Validator(schema).validate(compose())
    assert not jsonschema.Draft202012Validator(schema).is_valid({"services": {"x": {"imag": "y"}}})


@pytest.mark.parametrize("name", services())
class TestEveryService:
    def test_it_has_a_health_check_or_ends_by_itself(self, name: str):
        service = services()[name]
        check = service.get("healthcheck") or last(stage_of(service), "HEALTHCHECK")

        assert check
        assert (check == {"disable": True}) is (name in ONCE)

    def test_it_is_not_run_by_root(self, name: str):
        service = services()[name]
        user = service.get("user") or last(stage_of(service), "USER")

        assert user
        assert user.split(":")[0] not in {"0", "root"}

    def test_its_image_is_pinned(self, name: str):
        image = interpolated(services()[name]["image"], {})
        tag = image.partition(":")[2]

        assert tag
        assert tag != "latest"

    def test_it_is_closed(self, name: str):
        service = services()[name]

        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        for port in service.get("ports", []):
            assert port.startswith("${BIND:-127.0.0.1}:")

    def test_what_it_waits_for_will_come(self, name: str):
        for other, how in services()[name].get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == wanted
            profiles = services()[other].get("profiles", [])
            assert not profiles or profiles == services()[name].get("profiles")

    def test_its_volumes_exist(self, name: str):
        for volume in services()[name].get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose()["volumes"] or (DEPLOY / source).exists()

    def test_only_the_provisioner_sees_the_private_key(self, name: str):
        mounts = [v for v in services()[name].get("volumes", []) if v.startswith("keys-private")]

        assert bool(mounts) is (name in {"keys", "provisioner", "provisioner-lab"})

    def test_only_who_seals_and_who_opens_sees_the_sealing_key(self, name: str):
        mounts = [v for v in services()[name].get("volumes", []) if v.startswith("keys-sealing")]
        told = "SPAWNYARD_SEALING_KEY_FILE" in environment_of(name)

        assert bool(mounts) is (name in {"keys", "gateway", "provisioner", "provisioner-lab"})
        assert told is (bool(mounts) and name not in ONCE)
        assert name in ONCE or all(mount.endswith(":ro") for mount in mounts)

    def test_only_who_seals_and_who_opens_the_hypervisors_token_sees_its_key(self, name: str):
        volumes = services()[name].get("volumes", [])
        mounts = [volume for volume in volumes if volume.startswith("keys-hypervisor")]
        told = "SPAWNYARD_HYPERVISOR_KEY_FILE" in environment_of(name)

        assert bool(mounts) is (name in {"keys", "gateway", "vm-service", "vm-service-lab"})
        assert told is (bool(mounts) and name not in ONCE)
        assert name in ONCE or all(mount.endswith(":ro") for mount in mounts)


@pytest.mark.parametrize("name", SETTINGS)
class TestEverySetting:
    def test_it_is_one_the_service_knows(self, name: str):
        told = {key for key in environment_of(name) if key.startswith("SPAWNYARD_")}
        known = {f"SPAWNYARD_{field.upper()}" for field in SETTINGS[name].model_fields}

        assert told - known == set()

    def test_the_service_starts_with_them(self, name: str, monkeypatch: pytest.MonkeyPatch):
        for variable in [key for key in os.environ if key.startswith("SPAWNYARD_")]:
            monkeypatch.delenv(variable)
        told = environment_of(name) | {"SPAWNYARD_HOST": "0.0.0.0"}
        if SETTINGS[name] is VMService:  # typed in by the operator, or read from the lab
            told["SPAWNYARD_PROXMOX_TOKEN_SECRET"] = "of the operator"
        for variable, value in told.items():
            monkeypatch.setenv(variable, value)

        settings = SETTINGS[name]()  # pyright: ignore[reportCallIssue]  the environment fills it

        assert settings.nats_user
        assert settings.nats_user in ACCESS
        assert settings.nats_password is not None
        assert (
            settings.nats_password.get_secret_value()
            == environment_file()[nats_conf.variable(settings.nats_user)]
        )

    def test_its_database_is_made_for_it(self, name: str):
        url = environment_of(name)["SPAWNYARD_DATABASE_URL"]
        match = re.fullmatch(r"postgresql\+asyncpg://(\w+):(\w+)@postgres/(\w+)", url)
        assert match is not None
        role, password, database = match.groups()

        assert role == database == name.removesuffix("-lab").replace("-", "_")
        variable = f"{role.upper()}_DATABASE_PASSWORD"
        assert environment_of("postgres")[variable] == password
        assert f'make_database {role} "${variable}"' in (DEPLOY / "databases.sh").read_text()


def test_the_keys_are_made_once_and_the_services_can_use_them(tmp_path: Path):
    for folder in ("private", "public", "sealing", "hypervisor"):
        (tmp_path / folder).mkdir()
    script = services()["keys"]["command"][2].replace("/keys/", f"{tmp_path}/")
    keys = [tmp_path / name / f"{name}.key" for name in ("sealing", "hypervisor")]

    subprocess.run(["sh", "-euc", script], check=True)
    made = [key.read_text() for key in keys]
    subprocess.run(["sh", "-euc", script], check=True)

    assert [key.read_text() for key in keys] == made
    assert len(set(made)) == len(made)
    for key in keys:
        assert key.stat().st_mode & 0o777 == 0o600
        assert [file.name for file in key.parent.iterdir()] == [key.name]
        sealing = read_sealing(key)
        sealed = sealing.seal(b"x", server_id="srv_1", pointer="/p")
        assert sealing.open(sealed, server_id="srv_1", pointer="/p") == b"x"


@pytest.mark.parametrize(
    ("typed", "expected"), [("", ""), ("192.168.1.0/24 fd00::/8", "192.168.1.0/24")]
)
def test_webhooks_reach_none_of_our_own_parts_whatever_is_allowed(
    monkeypatch: pytest.MonkeyPatch, typed: str, expected: str
):
    known = environment_file() | {"WEBHOOK_ALLOW_CIDRS": typed, "WEBHOOK_CLOSED": "nas.lan:5000"}
    for name, value in services()["gateway"]["environment"].items():
        monkeypatch.setenv(name, interpolated(str(value), known))
    parts = {name.removesuffix("-lab"): environment_of(name) for name in SETTINGS}

    allowance = Gateway().webhook_allowance()  # pyright: ignore[reportCallIssue]  the environment fills it

    for name, told in parts.items():
        assert allowance.closes(name, int(told["SPAWNYARD_PORT"])), name
    for host, port in (("nats", 4222), ("postgres", 5432), ("lab", 8006), ("nas.lan", 5000)):
        assert allowance.closes(host, port)
    assert [str(network) for network in allowance.cidrs][:1] == [expected] * bool(expected)


def test_no_two_parts_on_one_network_want_the_same_port():
    ports = [environment_of(name)["SPAWNYARD_PORT"] for name in SETTINGS if "-lab" not in name]

    assert len(set(ports)) == len(ports)


def test_the_environment_file_names_what_the_stack_asks_for_and_nothing_else():
    asked = {match["name"] for match in VARIABLE.finditer((DEPLOY / "compose.yml").read_text())}

    assert asked - {"YARD_VERSION"} == environment_file().keys() - {"COMPOSE_PROFILES"}


def test_every_secret_is_fresh_and_fits_into_a_url(tmp_path: Path):
    assert new_env.main(tmp_path / ".env") == 0
    assert new_env.main(tmp_path / ".env") == 1

    text = (tmp_path / ".env").read_text()
    values = re.findall(r"(?:PASSWORD|SETUP_TOKEN)=(\w+)$", text, re.MULTILINE)
    assert len(set(values)) == len(values) == 10
    assert all(len(value) == 48 for value in values)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


class TestBus:
    def test_its_configuration_is_up_to_date(self):
        written = (DEPLOY / "nats.conf").read_text()

        assert written == nats_conf.render(), "run `python tools/nats_conf.py`"

    @pytest.mark.parametrize("password", ["12e45", "007", "f00", "$2a$not-bcrypt"])
    def test_the_server_takes_it(self, tmp_path: Path, password: str):
        config = tmp_path / "nats.conf"
        config.write_text((DEPLOY / "nats.conf").read_text().replace('"/data"', f'"{tmp_path}"'))
        told = services()["nats"]["environment"]
        variables = {name: VARIABLE.sub(lambda _: password, value) for name, value in told.items()}
        server = Path(sysconfig.get_path("scripts")) / "nats-server"

        done = subprocess.run(
            [server, "-t", "-c", config], env=variables, capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
        assert variables.keys() == {nats_conf.variable(service) for service in ACCESS}


class TestImages:
    def test_what_they_build_upon_is_pinned(self):
        bases = {rest for stage in stages().values() for name, rest in stage if name == "FROM"}

        for base in bases - stages().keys():
            assert re.fullmatch(r"[\w./-]+:\d[\w.-]+", base), base

    def test_all_that_is_copied_exists_and_gets_into_the_build(self):
        ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        let_in = [line[1:] for line in ignore if line.startswith("!")]

        for service, source in _copied():
            path = source.replace("${SERVICE}", service)
            assert (ROOT / path).exists(), path
            assert any(_within(path, pattern) for pattern in let_in), path

    def test_each_service_has_its_image(self):
        for name in SETTINGS:
            build = services()[name]["build"]
            assert build["args"]["SERVICE"] == name.removesuffix("-lab")
            assert (ROOT / build["context"].replace("..", ".") / build["dockerfile"]).is_file()


def _copied() -> Iterator[tuple[str, str]]:
    for name, stage in stages().items():
        built = lock.PACKAGES if name in {"packages", "base"} else lock.PACKAGES.keys() - {"lab"}
        for instruction, rest in stage:
            if instruction == "COPY" and not rest.startswith("--from"):
                yield from ((service, rest.split()[0]) for service in built)


def _within(path: str, pattern: str) -> bool:
    return Path(path).match(pattern) or path == pattern or path.startswith(f"{pattern}/")
