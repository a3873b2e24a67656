"""Events are read back as they were written, and tolerant of what later versions add."""

import json
import time

import pytest
from pydantic import ValidationError
from ulid import ULID

from common.contracts import events, topology
from common.contracts.base import now
from common.contracts.events import ServerReady, VMDeleted, decode
from common.contracts.ids import new_id
from common.contracts.servers import Artefact, Lock, Plan, ServerSpec


def test_an_event_survives_the_wire():
    fact = VMDeleted(server_id="srv_1", operation_id="op_1", vmid=900_001)

    assert decode(fact.model_dump_json().encode()) == fact
    assert fact.subject == "evt.vm.deleted.v1.srv_1"


def test_a_field_from_the_future_is_passed_over():
    fact = VMDeleted(server_id="srv_1", operation_id="op_1")
    future = json.dumps({**fact.model_dump(mode="json"), "colour": "blue"})

    assert decode(future.encode()) == fact


def test_a_lock_comes_back_as_it_was_told_so_that_the_same_is_made_again():
    jar = Artefact(
        name="server.jar", url="https://games.example/s.jar", checksum=f"sha1:{'a' * 40}"
    )
    lock = Lock(
        game="minecraft-java",
        version="1.21.4",
        artefacts=(jar,),
        runtime={"java": "21"},
        definition="1.0.0",
        resolved_at=now(),
    )
    told = ServerReady(
        server_id="srv_1", operation_id="op_1", host="h", ports=(), connect="h:1", lock=lock
    )
    plan = Plan(name="s", cores=1, memory_mib=512, disk_gib=4)
    spec = ServerSpec(name="a", game="minecraft-java", game_version="1.0.0", plan=plan, lock=lock)

    assert decode(told.model_dump_json().encode()) == told
    assert ServerSpec.model_validate_json(spec.model_dump_json()) == spec
    assert ServerSpec.model_validate_json(spec.model_dump_json(exclude={"lock"})).lock is None


@pytest.mark.parametrize("checksum", ["", "md5:" + "a" * 32, "sha256:" + "a" * 40, "sha1:xyz"])
def test_a_checksum_that_proves_nothing_is_refused(checksum: str):
    with pytest.raises(ValidationError):
        Artefact(name="a", url="https://games.example/a", checksum=checksum)


@pytest.mark.parametrize("nonsense", [b"", b"{}", b"[]", b'{"type":"vm.eaten.v1"}'])
def test_nonsense_is_refused(nonsense: bytes):
    with pytest.raises(ValidationError):
        decode(nonsense)


def test_every_durable_reads_what_somebody_says():
    workers = {name: access for name, access in topology.ACCESS.items() if name != "gateway"}
    says = [subject.rstrip(">") for access in workers.values() for subject in access.publish]
    asked = ("deployment", "change", "cancel", "removal")
    says += [f"evt.{what}.requested." for what in asked]  # the gateway's own facts
    says += ["evt.rollback.requested.", "evt.snapshot.released."]
    for durable in topology.DURABLES:
        for subject in durable.filters:
            assert any(subject.startswith(said) for said in says if said), subject


def test_no_worker_may_touch_streams():
    for service, access in topology.ACCESS.items():
        if service != "gateway":
            assert not [s for s in access.publish if s.startswith(("$JS.API.STREAM", ">", "evt.>"))]


def test_the_newest_event_types_have_a_version():
    for name in ("VMReady", "ServerReady"):
        assert getattr(events, name).model_fields["type"].default.endswith(".v1")


def test_an_id_sorts_behind_another_even_when_the_clock_was_set_back():
    ahead = f"op_{str(ULID.from_timestamp(time.time() + 3600)).lower()}"

    assert new_id("operation", after=ahead) > ahead
    assert new_id("operation", after=new_id("operation")).startswith("op_")
