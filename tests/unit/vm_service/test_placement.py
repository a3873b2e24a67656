"""Where a VM goes: a table of clusters and the places they lead to."""

from dataclasses import replace

import pytest

from common.contracts.servers import Plan
from vm_service.domain.placement import Place, choose
from vm_service.domain.promises import RECORDED, Promises
from vm_service.domain.survey import Node, Room, Store, Survey, Template, Wishes
from vm_service.domain.trouble import Trouble, Verdict

GIB = 2**30
PLAN = Plan(name="small", cores=2, memory_mib=2048, disk_gib=8)


def node(name: str, free: int = 32, *, online: bool = True) -> Node:
    return Node(name=name, online=online, memory=Room(free=free * GIB, total=64 * GIB))


def store(on: str, name: str, free: int = 500, *, shared: bool = False) -> Store:
    return Store(node=on, name=name, shared=shared, room=Room(free=free * GIB, total=1000 * GIB))


def shared(*nodes: Node) -> Survey:
    """A cluster whose template is on a storage that all nodes share."""
    return Survey(
        nodes=nodes,
        stores=tuple(store(one.name, "ceph", shared=True) for one in nodes),
        templates=(Template(vmid=9000, node="a", storages=("ceph",)),),
    )


def local(*nodes: Node, free: int = 500) -> Survey:
    """A cluster with a template of its own on each node's own storage."""
    return Survey(
        nodes=nodes,
        stores=tuple(store(one.name, "local", free) for one in nodes),
        templates=tuple(
            Template(vmid=9000 + number, node=one.name, storages=("local",))
            for number, one in enumerate(nodes)
        ),
    )


def at(name: str, template: int = 9000, template_node: str = "a") -> Place:
    return Place(node=name, template=template, template_node=template_node)


ONE = local(node("a"))
TABLE = {
    "the only node": (ONE, Wishes(), {}, at("a")),
    "the node with more free memory": (
        shared(node("a", 10), node("b", 50)),
        Wishes(),
        {},
        at("b"),
    ),
    "of two alike the template's own": (shared(node("b"), node("a")), Wishes(), {}, at("a")),
    "the node with fewer of ours": (shared(node("a"), node("b")), Wishes(), {"a": 3}, at("b")),
    "a node never used before": (
        shared(node("a"), node("b"), node("c")),
        Wishes(),
        {"a": 1, "b": 1},
        at("c"),
    ),
    "a template of the node's own": (
        local(node("a", 10), node("b", 50)),
        Wishes(),
        {},
        at("b", 9001, "b"),
    ),
    "no drained node": (
        shared(node("a"), node("b")),
        Wishes(drained=frozenset({"a"})),
        {},
        at("b"),
    ),
    "only allowed nodes": (
        shared(node("a"), node("b", 1)),
        Wishes(allowed=frozenset({"a"})),
        {},
        at("a"),
    ),
    "no node that is away": (
        local(node("a", online=False), node("b")),
        Wishes(),
        {},
        at("b", 9001, "b"),
    ),
    "no node without memory": (shared(node("a", 1), node("b", 3)), Wishes(), {}, at("b")),
    "a linked clone stays with its template": (
        replace(local(node("a", 4), node("b", 60)), templates=local(node("a")).templates),
        Wishes(),
        {},
        at("a"),
    ),
    "a full clone on the storage that is wished for": (
        ONE,
        Wishes(full=True, storage="local"),
        {},
        replace(at("a"), storage="local"),
    ),
    "what we may not see is no obstacle": (
        Survey(nodes=(Node(name="a"),), templates=(Template(vmid=9000, node="a"),)),
        Wishes(),
        {},
        at("a"),
    ),
}


@pytest.mark.parametrize(("survey", "wishes", "used", "place"), TABLE.values(), ids=TABLE)
def test_the_best_place_is(survey: Survey, wishes: Wishes, used: dict[str, int], place: Place):
    assert choose(PLAN, survey, wishes, used=used) == place


REFUSALS = {
    "drained": (ONE, Wishes(drained=frozenset({"a"})), "a: drained"),
    "not allowed": (ONE, Wishes(allowed=frozenset({"x"})), "a: not among the nodes"),
    "too little memory": (
        local(node("a", 1)),
        Wishes(),
        "a: 1.0 GiB of memory free, 2.0 GiB needed",
    ),
    "too little room for a full clone": (
        local(node("a"), free=4),
        Wishes(full=True),
        "a: 4.0 GiB free on storage 'local', 8.0 GiB needed",
    ),
    "too little room for anything": (
        local(node("a"), free=0),
        Wishes(),
        "a: 0.0 GiB free on storage 'local', 1.0 GiB needed",
    ),
    "a storage of other nodes": (
        replace(ONE, stores=(store("b", "local"),)),
        Wishes(),
        "a: storage 'local' is not available on it",
    ),
    "a template elsewhere": (
        replace(local(node("a", 1), node("b")), templates=local(node("a")).templates),
        Wishes(),
        "b: template 9000 is on a, on storage 'local', which is not shared",
    ),
    "a full clone for another node's own storage": (
        replace(
            shared(node("a", 1), node("b")),
            stores=(*shared(node("a"), node("b")).stores, store("a", "ssd"), store("b", "ssd")),
        ),
        Wishes(full=True, storage="ssd"),
        "b: template 9000 is on a, on storage 'ssd', which is not shared",
    ),
}


@pytest.mark.parametrize(("survey", "wishes", "told"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_of_every_node_why(survey: Survey, wishes: Wishes, told: str):
    with pytest.raises(Trouble) as trouble:
        choose(PLAN, survey, wishes, used={})

    assert trouble.value.verdict is Verdict.REFUSED
    assert told in trouble.value.text
    assert trouble.value.remedy


def test_a_missing_template_is_told_with_what_makes_one_seen():
    with pytest.raises(Trouble, match="no template") as trouble:
        choose(PLAN, Survey(nodes=(node("a"),)), Wishes(), used={})

    assert "VM.Clone" in (trouble.value.remedy or "")


def test_nodes_that_are_away_may_come_back():
    with pytest.raises(Trouble) as trouble:
        choose(PLAN, local(node("a", online=False)), Wishes(), used={})

    assert trouble.value.verdict is Verdict.UNKNOWN


def test_many_at_once_are_spread_though_the_figures_of_memory_lag_behind():
    survey, used = shared(node("a", 40), node("b", 32), node("c", 36)), dict[str, int]()
    for _ in range(30):
        name = choose(PLAN, survey, Wishes(), used=used).node
        used[name] = used.get(name, 0) + 1

    assert set(used) == {"a", "b", "c"}
    assert max(used.values()) <= 2 * min(used.values())


def test_a_place_just_given_counts_until_the_records_show_it():
    now = 0.0
    promises = Promises(clock=lambda: now)
    promises.add("a")

    assert promises.added_to({"a": 1, "b": 1}) == {"a": 2, "b": 1}

    now = RECORDED + 0.1
    assert promises.added_to({"a": 2, "b": 1}) == {"a": 2, "b": 1}
