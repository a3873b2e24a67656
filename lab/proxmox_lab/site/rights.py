"""Which privileges somebody has on a path: roles, propagation, groups, pools, token separation."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from proxmox_lab.site.people import ROOT, AclEntry, all_privileges, built_in_roles
from proxmox_lab.site.site import Rules, Site

TOP_PATHS: Final = (
    "/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms",
)  # fmt: skip
NO_ACCESS: Final = "NoAccess"
_POOLED: Final = re.compile(r"^/(vms|storage)/([^/]+)$")
Roles = Mapping[str, bool]  # each with whether it goes on to what lies below


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks: a user by ticket, or one of a user's tokens."""

    user: str
    token: str | None = None
    without: frozenset[str] = frozenset()  # privileges that a fault takes away for this call

    @property
    def id(self) -> str:
        return f"{self.user}!{self.token}" if self.token else self.user

    @property
    def is_root(self) -> bool:
        """Root by ticket only: a token of root is not root."""
        return self.id == ROOT


class Rights:
    """Answers what a caller may do at this site, as of now."""

    def __init__(self, site: Site, *, major: int) -> None:
        self._site = site
        self._major = major

    @property
    def rules(self) -> Rules:
        return self._site.rules

    def on(self, path: str, caller: Caller) -> frozenset[str]:
        """Return the caller's privileges on a path."""
        return frozenset(self.dump(path, caller)) - caller.without

    def dump(self, path: str, caller: Caller) -> Mapping[str, bool]:
        """Return the caller's privileges on a path, each with whether it goes on below."""
        owner = self._everything_on(path, caller.user)
        if caller.token is None:
            return owner
        user = self._site.rules.users.get(caller.user)
        token = user.tokens.get(caller.token) if user else None
        if token is None:
            return {}
        if not token.privsep:
            return owner
        own = self._granted(path, caller.id)
        return {privilege: own[privilege] for privilege in own.keys() & owner.keys()}

    def has(self, caller: Caller, path: str, *privileges: str) -> bool:
        """Tell whether the caller has one of the privileges on a path."""
        return not self.on(path, caller).isdisjoint(privileges)

    def machines(self, caller: Caller, vmids: Iterable[int], *privileges: str) -> Iterator[int]:
        """Pick the machines on which the caller has one of the privileges.

        Machines of a pool that no entry of the list names are alike, and so are those of none.
        """
        named = {entry.path for entry in self._site.rules.acl}
        pools = self._site.rules.pools.items()
        pool_of = {vmid: name for name, pool in reversed(pools) for vmid in pool.machines}
        alike: dict[str | None, bool] = {}
        for vmid in vmids:
            path, pool = f"/vms/{vmid}", pool_of.get(vmid)
            if path in named:
                seen = self.has(caller, path, *privileges)
            elif pool in alike:
                seen = alike[pool]
            else:
                seen = alike[pool] = self.has(caller, path, *privileges)
            if seen:
                yield vmid

    def paths(self) -> set[str]:
        """Name every path that somebody could have rights on."""
        rules = self._site.rules
        named = {entry.path for entry in rules.acl}
        pools = {f"/vms/{v}" for p in rules.pools.values() for v in p.machines}
        stores = {f"/storage/{s}" for p in rules.pools.values() for s in p.storages}
        return named.union(TOP_PATHS, pools, stores)

    def _everything_on(self, path: str, user: str) -> Mapping[str, bool]:
        if user == ROOT:
            return dict.fromkeys(all_privileges(self._major), True)
        return self._granted(path, user)

    def _granted(self, path: str, who: str) -> Mapping[str, bool]:
        roles = {**self._pooled_roles(path, who), **self._roles_on(path, who)}
        granted: dict[str, bool] = {}
        for role, goes_on in roles.items():
            for privilege in self.privileges_of(role):
                granted[privilege] = goes_on or granted.get(privilege, False)
        return granted

    def privileges_of(self, role: str) -> list[str]:
        """Return a role's privileges; an unknown one has none."""
        known = self._site.rules.roles
        return known.get(role) or built_in_roles(self._major).get(role, [])

    def _roles_on(self, path: str, who: str) -> Roles:
        """Roles on the deepest path that names this person; deeper entries replace higher ones."""
        for place in _upwards(path):
            entries = self._entries(place, final=place == path)
            own = {e.role: e.propagate for e in entries if e.who == who and e.kind != "group"}
            shared = {e.role: e.propagate for e in entries if self._is_member(who, e)}
            if own or shared:
                here = own or shared
                return {} if NO_ACCESS in here else here
        return {}

    def _entries(self, place: str, *, final: bool) -> list[AclEntry]:
        acl = self._site.rules.acl
        return [entry for entry in acl if entry.path == place and (final or entry.propagate)]

    def _is_member(self, who: str, entry: AclEntry) -> bool:
        group = self._site.rules.groups.get(entry.who) if entry.kind == "group" else None
        return group is not None and who in group.users

    def _pooled_roles(self, path: str, who: str) -> Roles:
        pooled = _POOLED.match(path)
        if not pooled:
            return {}
        kind, name = pooled.groups()
        for pool, members in self._site.rules.pools.items():
            inside = (
                name in members.storages if kind == "storage" else _number(name) in members.machines
            )
            if inside:
                return self._roles_on(f"/pool/{pool}", who)
        return {}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else -1


def _upwards(path: str) -> Iterator[str]:
    """Walk from a path up to the root."""
    parts = path.strip("/").split("/") if path != "/" else []
    for depth in range(len(parts), 0, -1):
        yield "/" + "/".join(parts[:depth])
    yield "/"
