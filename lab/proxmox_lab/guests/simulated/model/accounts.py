"""Users and groups of the guest, with the numbers Debian would give them."""

from dataclasses import dataclass

FIRST_HUMAN = 1000
FIRST_SYSTEM = 999  # counted downwards, as adduser and useradd --system do on Debian 13


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One line of /etc/passwd."""

    name: str
    uid: int
    group: str
    home: str
    login_shell: str = "/bin/sh"
    comment: str = ""
    hash: str = "!"  # of the password; "!" opens for nobody
    system: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One line of /etc/group; ``members`` are those beyond the users' primary group."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


class Accounts:
    """All users and groups by name."""

    def __init__(self, users: dict[str, User], groups: dict[str, Group]) -> None:
        """Take over the tables of a base image or of a saved state."""
        self.users = users
        self.groups = groups

    def next_uid(self, *, system: bool) -> int:
        """The next free user number of its range."""
        return _free({user.uid for user in self.users.values()}, system=system)

    def next_gid(self, *, system: bool) -> int:
        """The next free group number of its range."""
        return _free({group.gid for group in self.groups.values()}, system=system)

    def ensure_group(self, name: str, *, gid: int | None = None, system: bool = False) -> bool:
        """Make the group; true if it was not there."""
        if name in self.groups:
            return False
        number = self.next_gid(system=system) if gid is None else gid
        self.groups[name] = Group(name=name, gid=number)
        return True

    def groups_of(self, name: str) -> list[str]:
        """Names of all groups of a user, the primary first."""
        user = self.users.get(name)
        if user is None:
            return []
        extra = [group.name for group in self.groups.values() if name in group.members]
        return [user.group, *sorted(set(extra) - {user.group})]

    def gid(self, name: str) -> int:
        """The number of a group, 0 when nobody knows it."""
        group = self.groups.get(name)
        return group.gid if group else 0

    def uid(self, name: str) -> int:
        """The number of a user, 0 when nobody knows it."""
        user = self.users.get(name)
        return user.uid if user else 0

    def user_named(self, name_or_number: str) -> str | None:
        """The name of a user given by name or number."""
        for user in self.users.values():
            if name_or_number in (user.name, str(user.uid)):
                return user.name
        return None

    def group_named(self, name_or_number: str) -> str | None:
        """The name of a group given by name or number."""
        for group in self.groups.values():
            if name_or_number in (group.name, str(group.gid)):
                return group.name
        return None

    def passwd(self) -> str:
        """/etc/passwd as text."""
        return "".join(
            f"{u.name}:x:{u.uid}:{self.gid(u.group)}:{u.comment}:{u.home}:{u.login_shell}\n"
            for u in sorted(self.users.values(), key=lambda user: user.uid)
        )

    def group_file(self) -> str:
        """/etc/group as text."""
        return "".join(
            f"{g.name}:x:{g.gid}:{','.join(g.members)}\n"
            for g in sorted(self.groups.values(), key=lambda group: group.gid)
        )


def _free(taken: set[int], *, system: bool) -> int:
    number, step = (FIRST_SYSTEM, -1) if system else (FIRST_HUMAN, 1)
    while number in taken:
        number += step
    return number
