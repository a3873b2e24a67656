"""What an administrator may say of a hypervisor: each mistake is found at its own field."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from common.contracts.hypervisor import HypervisorSettings, HypervisorWish

GOOD: Mapping[str, Any] = {
    "url": "https://pve.example:8006",
    "token_id": "spawnyard@pve!yard",
    "token_secret": "sealed:x",
}
PIN = ":".join(["AB"] * 32)


def places(**changed: Any) -> list[tuple[int | str, ...]]:
    with pytest.raises(ValidationError) as refused:
        HypervisorSettings.model_validate({**GOOD, **changed})
    return [error["loc"] for error in refused.value.errors()]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"url": "http://pve"}, ("url",)),
        ({"url": "https://user@pve"}, ("url",)),
        ({"url": "https://pve:70000"}, ("url",)),
        ({"url": "https://:8006"}, ("url",)),
        ({"url": "https://pve/api2"}, ("url",)),
        ({"token_id": "root"}, ("token_id",)),
        ({"ca_pem": "no certificate"}, ("ca_pem",)),
        ({"fingerprint": "AB:CD"}, ("fingerprint",)),
        ({"templates": []}, ("templates",)),
        ({"templates": [7]}, ("templates", 0)),
        ({"nodes": ["../cluster"]}, ("nodes", 0)),
        ({"drained": ["a b"]}, ("drained", 0)),
        ({"storage": "local"}, ("storage",)),
        ({"vmid_first": 2_000_000}, ("vmid_last",)),
        ({"networks": [{"gateway": "10.0.0.1"}]}, ("networks", 0, "gateway")),
        ({"networks": [{"first": "10.77.0.9", "last": "10.77.0.8"}]}, ("networks", 0, "last")),
        ({"networks": [{"gateway6": "fd00::1"}]}, ("networks", 0, "gateway6")),
        ({"networks": [{"vlan": 4095}]}, ("networks", 0, "vlan")),
        ({"networks": [{}, {}]}, ("networks",)),
        ({"colour": "blue"}, ("colour",)),
    ],
)
def test_a_mistake_is_found_at_its_field(changed: dict[str, Any], place: tuple[int | str, ...]):
    assert places(**changed) == [place]


def test_what_is_usual_need_not_be_said():
    settings = HypervisorSettings.model_validate(GOOD)

    assert settings.templates == (9000,)
    assert settings.networks[0].bridge == "vmbr0"
    assert HypervisorWish.model_validate({**GOOD, "token_secret": None}).token_secret is None


def test_the_secret_is_not_shown_by_accident():
    assert "sealed:x" not in repr(HypervisorSettings.model_validate(GOOD))


def test_a_full_clone_may_go_elsewhere():
    settings = HypervisorSettings.model_validate({**GOOD, "clone": "full", "storage": "fast"})

    assert settings.storage == "fast"
