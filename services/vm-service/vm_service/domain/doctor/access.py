"""Who we are on the cluster, and what we may do: too little stops our work, too much is risk."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from common.contracts.hypervisor import Finding
from common.contracts.privileges import (
    MACHINES,
    NODES,
    STORAGES,
    Grant,
    grant_command,
    grants,
    role_command,
)
from vm_service.domain.doctor.chart import Chart, Rights, known, storages_of
from vm_service.domain.doctor.findings import error, fine, listed, quoted, warning
from vm_service.domain.trouble import Trouble

OLDEST: Final = (8, 1)
NEWEST: Final = 9
READ_ONLY: Final = frozenset(
    {"VM.Audit", "Datastore.Audit", "Pool.Audit", "SDN.Audit", "Mapping.Audit", "SDN.Use"}
)
GRAVE: Final = re.compile(r"Permissions\.|Realm\.|User\.|Group\.|Sys\.(?!Audit)|VM\.Allocate")


def check_version(chart: Chart) -> Iterator[Finding]:
    """Tell whether it is a release we know."""
    numbers = [int(number) for number in re.findall(r"\d+", chart.version)[:2]]
    if tuple(numbers) < OLDEST:
        yield warning(
            "version",
            f"Proxmox VE {chart.version} is older than 8.1",
            "nothing here was tried with it",
            "apt update && apt full-upgrade  # on each node; see Proxmox's upgrade guide",
        )
    elif chart.major > NEWEST:
        yield warning("version", f"Proxmox VE {chart.version} is newer than what we know")
    else:
        yield fine("version", f"Proxmox VE {chart.version}")


def check_token(chart: Chart) -> Iterator[Finding]:
    """Tell whether the token has rights of its own, and is not root's."""
    token_id = chart.settings.token_id
    user, _, token = token_id.partition("!")
    if user == "root@pam":
        yield warning(
            "token_root",
            "The token is one of root",
            "whoever holds it holds the cluster",
            "./yard setup proxmox  # prints the commands for a user with few rights",
        )
    elif chart.separated is False:
        yield warning(
            "token_separation",
            "The token has all the rights of its user",
            "privilege separation is off",
            f"pveum user token modify {quoted(user)} {quoted(token)} --privsep 1",
        )
    else:
        yield fine("token", f"The token {token_id} is accepted")


def needed(chart: Chart) -> tuple[Grant, ...]:
    """Return what has to be granted for these settings; storages are known from the templates."""
    settings = chart.settings
    stores = {settings.storage} if settings.storage else set[str]()
    for config in chart.templates.values():
        stores |= storages_of(known(config, {}))
    return grants(
        pool=settings.pool,
        templates=settings.templates,
        storages=sorted(stores),
        bridges=sorted({network.bridge for network in settings.networks}),
    )


def check_missing(chart: Chart) -> Iterator[Finding]:
    """Tell whether we have every right that a deployment takes."""
    if isinstance(chart.rights, Trouble):
        return
    complete = True
    for grant in needed(chart):
        wanted = grant.role.privileges(chart.major)
        lacking = wanted - chart.rights.get(grant.path, frozenset())
        if lacking:
            complete = False
            yield error(
                "privileges_missing",
                f"Rights are missing on {grant.path}",
                f"{listed(lacking)}; user and token both need them",
                repair(grant, chart),
            )
    if complete:
        yield fine("privileges", "The token has all the rights it needs")


def repair(grant: Grant, chart: Chart) -> str:
    """Return the command that grants what is missing; the role is made or completed first."""
    give = grant_command(grant, token_id=chart.settings.token_id)
    roles = known(chart.roles, {})
    held = roles.get(grant.role.name)
    if held is not None and grant.role.privileges(chart.major) <= held:
        return give
    make = role_command(grant.role, major=chart.major, exists=held is not None)
    return f"{make} && {give}"


def check_surplus(chart: Chart) -> Iterator[Finding]:
    """Tell whether the token could do harm beyond its work."""
    if isinstance(chart.everywhere, Trouble):
        return
    found = surplus(chart.everywhere, chart)
    for path, rights in sorted(found.items(), key=_gravest):
        yield warning(
            "privileges_surplus",
            f"More rights than needed on {path}",
            listed(rights),
            _less(path, chart),
        )
    if not found:
        yield fine("privileges_surplus", "The token has no right it does not need")


def surplus(everywhere: Rights, chart: Chart) -> Mapping[str, frozenset[str]]:
    """Return what is granted and serves nothing of ours, by the paths where it begins."""
    found: dict[str, frozenset[str]] = {}
    for path, rights in sorted(everywhere.items()):
        extra = rights - _allowed(path, chart)
        above = (more for place, more in found.items() if _is_below(path, place))
        extra = extra.difference(*above)
        if extra:
            found[path] = extra
    return found


def _allowed(path: str, chart: Chart) -> frozenset[str]:
    roles = {grant.role for grant in needed(chart) if _is_below(path, grant.path)}
    roles |= {role for place, role in BY_PLACE if path.startswith(place)}
    if _is_our_vm(path, chart):
        roles.add(MACHINES)
    allowed = READ_ONLY
    for role in roles:
        allowed |= role.privileges(chart.major) | role.tolerated
    return allowed


# Where a role of ours is not needed, and does no harm.
BY_PLACE: Final = (("/nodes", NODES), ("/storage/", STORAGES))


def _is_our_vm(path: str, chart: Chart) -> bool:
    """Tell whether a path is a VM of the pool; each is listed by itself."""
    vmid = path.removeprefix("/vms/")
    settings = chart.settings
    return vmid.isdecimal() and (
        settings.vmid_first <= int(vmid) <= settings.vmid_last or int(vmid) in chart.ours.vmids
    )


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _gravest(item: tuple[str, frozenset[str]]) -> tuple[bool, str]:
    path, rights = item
    return not any(GRAVE.match(right) for right in rights), path


def _less(path: str, chart: Chart) -> str:
    """Return the command that narrows a role of ours, or shows where the other one comes from."""
    for grant in needed(chart):
        role = known(chart.roles, {}).get(grant.role.name, frozenset())
        if grant.path == path and role - grant.role.privileges(chart.major) - READ_ONLY:
            return role_command(grant.role, major=chart.major, exists=True)
    token = quoted(chart.settings.token_id)
    user = quoted(chart.settings.token_id.partition("!")[0])
    return (
        f"pveum acl list  # then: pveum acl delete {quoted(path)} --roles ROLE "
        f"--users {user} --tokens {token}"
    )
