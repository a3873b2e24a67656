"""Firewall settings of machines and cluster: order, names, digests, and what is refused."""

from typing import Any

import pytest
from proxmoxer.core import ResourceException

from tests.contract.lab.conftest import Site
from tests.contract.lab.test_proxmoxer import clone

EMPTY = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


@pytest.fixture
async def firewall(site: Site) -> Any:
    await clone(site)
    return site.api.nodes("pve").qemu(900000).firewall


async def refusal(site: Site, ask: Any, **parameters: Any) -> tuple[int, Any]:
    with pytest.raises(ResourceException) as refused:
        await site.call(ask, **parameters)
    return refused.value.status_code, refused.value.errors or refused.value.content


async def test_a_new_rule_goes_before_the_others_and_moves_where_it_is_sent(
    site: Site, firewall: Any
) -> None:
    for port in ("1", "2", "3"):
        await site.call(
            firewall.rules.post, type="in", action="ACCEPT", proto="tcp", dport=port, enable=1
        )

    async def order() -> list[str]:
        return [rule["dport"] for rule in await site.call(firewall.rules.get)]

    assert await order() == ["3", "2", "1"]
    await site.call(firewall.rules(0).put, moveto=2)
    assert await order() == ["2", "3", "1"]
    await site.call(firewall.rules(1).put, dport="33", comment="moved")
    assert (await site.call(firewall.rules(1).get))["comment"] == "moved"
    await site.call(firewall.rules(0).delete)
    assert await order() == ["33", "1"]


async def test_somebody_elses_change_is_noticed_by_the_digest(site: Site, firewall: Any) -> None:
    seen = await site.call(firewall.options.get)
    assert seen == {"digest": EMPTY}
    await site.call(firewall.options.put, enable=1, policy_in="DROP")

    status, text = await refusal(site, firewall.options.put, enable=0, digest=seen["digest"])

    assert status == 500
    assert text.startswith("detected modified configuration")
    now = await site.call(firewall.options.get)
    assert (now["enable"], now["policy_in"]) == (1, "DROP")
    await site.call(firewall.options.put, delete="policy_in,enable")
    assert await site.call(firewall.options.get) == {"digest": EMPTY}


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        ({"action": "ACCEPT", "dport": "1"},
         {"proto": "missing property - 'dport' requires this property"}),
        ({"action": "ALLOW"}, {"action": "unknown action 'ALLOW'"}),
        ({"action": "ACCEPT", "macro": "Nope"}, {"macro": "unknown macro 'Nope'"}),
        ({"action": "ACCEPT", "iface": "eth0"},
         {"iface": "value does not match the regex pattern 'net\\d+'"}),
        ({"action": "ACCEPT", "source": "+friends"}, {"source": "no such ipset 'friends'"}),
        ({"action": "ACCEPT", "proto": "gre", "dport": "1"},
         {"dport": "protocol 'gre' does not support ports"}),
        ({"action": "ACCEPT", "proto": "tcp", "dport": "70000"},
         {"dport": "invalid format - invalid port '70000'\n"}),
    ],
)  # fmt: skip
async def test_a_rule_that_makes_no_sense_is_refused(
    site: Site, firewall: Any, rule: dict[str, str], errors: dict[str, str]
) -> None:
    assert await refusal(site, firewall.rules.post, type="in", **rule) == (400, errors)
    assert await site.call(firewall.rules.get) == []


async def test_names_can_be_used_in_rules_once_they_exist(site: Site, firewall: Any) -> None:
    await site.call(firewall.ipset.post, name="friends")
    await site.call(firewall.ipset("friends").post, cidr="10.0.0.0/8", nomatch=1)
    await site.call(firewall.aliases.post, name="Home", cidr="192.0.2.1")

    await site.call(firewall.rules.post, type="in", action="ACCEPT", source="+friends")
    await site.call(firewall.rules.post, type="in", action="DROP", source="home")

    assert [ref["ref"] for ref in await site.call(firewall.refs.get)] == [
        "+guest/friends",
        "guest/home",
    ]
    assert await refusal(site, firewall.ipset("friends").delete) == (
        500,
        "IPSet 'friends' is not empty",
    )
    assert await refusal(site, firewall.ipset("friends").post, cidr="10.0.0.0/8") == (
        400,
        {"cidr": "address '10.0.0.0/8' already exists"},
    )


async def test_a_machines_rules_go_with_it(site: Site, firewall: Any) -> None:
    await site.call(firewall.rules.post, type="out", action="DROP")

    await site.finished(await site.call(site.api.nodes("pve").qemu(900000).delete))
    await clone(site)

    assert await site.call(firewall.rules.get) == []


async def test_the_clusters_firewall_is_for_those_who_may(site: Site) -> None:
    assert await refusal(site, site.api.cluster.firewall.options.get) == (
        403,
        "Permission check failed (/, Sys.Audit)",
    )
