"""Which privileges somebody has on a path: roles, propagation, pools and token separation."""

import re
from dataclasses import dataclass
from typing import Final

from proxmox_lab.site.people import ROOT, all_privileges, built_in_roles
from proxmox_lab.site.site import Site

TOP_PATHS: Final = (
    "/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms",
)  # fmt: skip
_POOLED: Final = re.compile(r"^/(vms|storage)/([^/]+)$")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks: a user by ticket, or one of a user's tokens."""

    user: str
    token: str | None = None

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

    def on(self, path: str, caller: Caller) -> frozenset[str]:
        """Return the caller's privileges on a path."""
        owner = self._everything_on(path, caller.user)
        if caller.token is None:
            return owner
        user = self._site.rules.users.get(caller.user)
        token = user.tokens.get(caller.token) if user else None
        if token is None:
            return frozenset()
        return owner & self._granted(path, caller.id) if token.privsep else owner

    def has(self, caller: Caller, path: str, *privileges: str) -> bool:
        """Tell whether the caller has one of the privileges on a path."""
        return bool(self.on(path, caller) & set(privileges))

    def paths(self) -> set[str]:
        """Name every path that somebody could have rights on."""
        rules = self._site.rules
        named = {entry.path for entry in rules.acl}
        pools = {f"/vms/{v}" for p in rules.pools.values() for v in p.machines}
        stores = {f"/storage/{s}" for p in rules.pools.values() for s in p.storages}
        return named.union(TOP_PATHS, pools, stores)

    def _everything_on(self, path: str, user: str) -> frozenset[str]:
        return all_privileges(self._major) if user == ROOT else self._granted(path, user)

    def _granted(self, path: str, who: str) -> frozenset[str]:
        roles = self._roles_on(path, who) | self._pooled_roles(path, who)
        return frozenset(privilege for role in roles for privilege in self.privileges_of(role))

    def privileges_of(self, role: str) -> list[str]:
        """Return a role's privileges; an unknown one has none."""
        known = self._site.rules.roles
        return known.get(role) or built_in_roles(self._major).get(role, [])

    def _roles_on(self, path: str, who: str) -> set[str]:
        """Roles on the deepest path that names this person; deeper entries replace higher ones."""
        for place in _upwards(path):
            here = {
                entry.role
                for entry in self._site.rules.acl
                if entry.who == who and entry.path == place and (entry.propagate or place == path)
            }
            if here:
                return set() if "NoAccess" in here else here
        return set()

    def _pooled_roles(self, path: str, who: str) -> set[str]:
        pooled = _POOLED.match(path)
        if not pooled:
            return set()
        kind, name = pooled.groups()
        for pool, members in self._site.rules.pools.items():
            inside = members.storages if kind == "storage" else [str(v) for v in members.machines]
            if name in inside:
                return self._roles_on(f"/pool/{pool}", who)
        return set()


def _upwards(path: str) -> list[str]:
    parts = path.strip("/").split("/") if path != "/" else []
    return ["/" + "/".join(parts[:depth]) for depth in range(len(parts), 0, -1)] + ["/"]
