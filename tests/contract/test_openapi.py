"""The gateway's HTTP contract, frozen: a change of it is a decision, not an accident."""

import json
import os
from pathlib import Path
from typing import Any, Final

from tests.fakes.gateway import FakeWork
from tests.unit.gateway.door import app_over

GOLDEN: Final = Path(__file__).parent / "golden" / "openapi.json"
SECRET_NAMES: Final = {"password", "password_hash", "setup_token", "secret", "private_key", "vmid"}


def contract() -> dict[str, Any]:
    return app_over(FakeWork()).openapi()


def test_the_contract_is_the_one_that_was_agreed() -> None:
    found = json.dumps(contract(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(found)

    assert found == GOLDEN.read_text(), "UPDATE_GOLDEN=1 writes it anew; then read the difference"


def test_every_operation_describes_itself_and_its_problems() -> None:
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            assert "4XX" in operation["responses"] or path in _WITHOUT_PROBLEMS, (method, path)


_WITHOUT_PROBLEMS: Final = {"/healthz", "/readyz", "/metrics", "/info"}


def test_no_answer_has_a_field_for_secrets() -> None:
    schemas = contract()["components"]["schemas"]
    answers = {name for name in schemas if name not in _REQUESTS}

    for name in answers - _OF_ADMINISTRATORS - _SHOWN_ONCE:
        assert not SECRET_NAMES & set(schemas[name].get("properties", {})), name


_REQUESTS: Final = {
    "Login",
    "Setup",
    "Refresh",
    "DeploymentWish",
    "HypervisorSettingsWish",
    "SweepWish",
    "BakeWish",
    "WebhookWish",
    "WebhookChange",
    "Rotation",
    "ExampleWish",
}
_SHOWN_ONCE: Final = {"KeyedWebhookView"}  # a secret to those who have just had it made
_OF_ADMINISTRATORS: Final = {"Orphan", "TemplateView"}  # they are about VM ids


def test_what_people_send_is_taken_literally() -> None:
    schemas = contract()["components"]["schemas"]

    assert all(schemas[name]["additionalProperties"] is False for name in _REQUESTS)
