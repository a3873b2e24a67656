"""Where a VM goes: a table of clusters and the places they lead to."""

from dataclasses import replace

import pytest

from common.contracts.servers import Plan
from vm_service.domain.placement import Place, choose
from vm_service.domain.program import Kind, PowerState, Stage
from vm_service.domain.promises import Load, Share, loads
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
    "the node with fewer of ours": (
        shared(node("a"), node("b")),
        Wishes(),
        {"a": Load(machines=3)},
        at("b"),
    ),
    "a node never used before": (
        shared(node("a"), node("b"), node("c")),
        Wishes(),
        {"a": Load(machines=1), "b": Load(machines=1)},
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
        replace(at("a"), storage="local", full=True),
    ),
    "what we may not see is no obstacle": (
        Survey(nodes=(Node(name="a"),), templates=(Template(vmid=9000, node="a"),)),
        Wishes(),
        {},
        at("a"),
    ),
}


@pytest.mark.parametrize(("survey", "wishes", "used", "place"), TABLE.values(), ids=TABLE)
def test_the_best_place_is(survey: Survey, wishes: Wishes, used: dict[str, Load], place: Place):
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


def load(machines: int, *, running: int = 0) -> Load:
    """``running`` of so many machines of the plan have power; the others are on their way."""
    memory = PLAN.memory_mib
    return Load(machines=machines, running=memory * running, promised=memory * (machines - running))


def test_many_at_once_are_spread_though_the_figures_of_memory_lag_behind():
    survey, used = shared(node("a", 60), node("b", 52), node("c", 56)), dict[str, int]()
    for _ in range(30):
        so_far = {name: load(count) for name, count in used.items()}
        name = choose(PLAN, survey, Wishes(), used=so_far).node
        used[name] = used.get(name, 0) + 1

    assert set(used) == {"a", "b", "c"}
    assert max(used.values()) <= 2 * min(used.values())


def test_a_node_is_never_promised_more_than_it_has():
    survey, used = shared(node("a", 11), node("b", 8)), dict[str, int]()
    with pytest.raises(Trouble) as trouble:
        for _ in range(30):
            so_far = {name: load(count) for name, count in used.items()}
            name = choose(PLAN, survey, Wishes(), used=so_far).node
            used[name] = used.get(name, 0) + 1

    assert used == {"a": 5, "b": 4}
    assert trouble.value.text.endswith(
        "a: 11.0 GiB of memory free, 2.0 GiB needed, 10.0 GiB promised to VMs being started; "
        "b: 8.0 GiB of memory free, 2.0 GiB needed, 8.0 GiB promised to VMs being started"
    )


def test_what_our_running_vms_were_given_is_theirs_though_they_do_not_use_it_yet():
    survey = shared(node("a", 50))
    choose(PLAN, survey, Wishes(), used={"a": load(31, running=30)})

    with pytest.raises(Trouble, match=r"a: 64.0 GiB of its 64.0 GiB of memory are given"):
        choose(PLAN, survey, Wishes(), used={"a": load(32, running=30)})


def test_a_node_whose_memory_is_promised_loses_against_one_that_looks_fuller():
    survey = shared(node("a", 60), node("b", 50))

    place = choose(PLAN, survey, Wishes(), used={"a": load(15), "b": load(15, running=15)})

    assert place.node == "b"


STANDING: dict[str, tuple[Kind, Stage, PowerState, Load]] = {
    "placed": (Kind.DEPLOY, Stage.WORKING, "unknown", Load(machines=1, promised=2048)),
    "started": (Kind.DEPLOY, Stage.WORKING, "running", Load(machines=1, running=2048)),
    "failed before": (Kind.DEPLOY, Stage.FAILED, "unknown", Load(machines=1)),
    "off": (Kind.STOP, Stage.OFF, "stopped", Load(machines=1)),
    "started again": (Kind.START, Stage.WORKING, "stopped", Load(machines=1, promised=2048)),
    "going": (Kind.REMOVE, Stage.WORKING, "running", Load(machines=1, running=2048)),
}


@pytest.mark.parametrize(("kind", "stage", "power", "takes"), STANDING.values(), ids=STANDING)
def test_a_machine_takes_memory_that_is(kind: Kind, stage: Stage, power: PowerState, takes: Load):
    share = Share(node="a", kind=kind, stage=stage, power=power, machines=1, memory=2048)

    assert loads([share]) == {"a": takes}
    assert loads([share, share])["a"].machines == 2


@pytest.mark.parametrize("stage", [Stage.WORKING, Stage.READY])
def test_what_was_just_started_is_promised_until_the_figures_can_show_it(stage: Stage):
    share = Share(node="a", kind=Kind.DEPLOY, stage=stage, power="running", machines=1, memory=2048)

    assert loads([replace(share, fresh=True)]) == {"a": Load(machines=1, promised=2048)}
    assert loads([share]) == {"a": Load(machines=1, running=2048)}
