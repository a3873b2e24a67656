"""user and group on the model."""

from dataclasses import replace

from proxmox_lab.guests.simulated.model.accounts import Group, User
from proxmox_lab.guests.simulated.model.files import Kind, Node
from proxmox_lab.guests.simulated.modules.task import Answer, Refused, Task

HIDDEN = "NOT_LOGGING_PASSWORD"
# options of the module and the user's attributes that they set
TEXTS = {"home": "home", "shell": "login_shell", "comment": "comment"}


async def group(task: Task) -> Answer:
    """Bring a group in or out."""
    name, accounts = task.arguments.text("name"), task.machine.accounts
    there = name in accounts.groups
    answer: Answer = {"changed": False, "name": name, "state": task.arguments.text("state")}
    if task.arguments.text("state") == "absent":
        if there and not task.check:
            _demand_root(task, "groupdel")
            del accounts.groups[name]
        return answer | {"changed": there}
    gid = task.arguments.value("gid")
    if not there and not task.check:
        _demand_root(task, "groupadd")
        number = task.arguments.number("gid") if gid is not None else None
        accounts.ensure_group(name, gid=number, system=task.arguments.flag("system"))
    differs = there and gid is not None and accounts.gid(name) != gid
    if differs and not task.check:
        accounts.groups[name] = replace(accounts.groups[name], gid=task.arguments.number("gid"))
    answer |= {"changed": not there or differs, "gid": accounts.gid(name)}
    return answer | {"system": task.arguments.flag("system")}


async def user(task: Task) -> Answer:
    """Bring a user in or out, with home directory and groups."""
    name, accounts = task.arguments.text("name"), task.machine.accounts
    before = accounts.users.get(name)
    if task.arguments.text("state") == "absent":
        if before is not None and not task.check:
            _demand_root(task, "userdel")
            _forget(task, before)
        return {"changed": before is not None, "name": name, "state": "absent"}
    if before is None and not task.check:
        _demand_root(task, "useradd")
    wanted = _wanted(task, before)
    groups = _wanted_groups(task, name)
    changed = wanted != before or groups is not None
    if changed and not task.check:
        _demand_root(task, "usermod")
        accounts.users[name] = wanted
        for member_of in groups or ():
            accounts.groups[member_of.name] = member_of
        if before is None and task.arguments.flag("create_home"):
            _make_home(task, wanted)
    answer: Answer = {"changed": changed, **_described(task, accounts.users.get(name, wanted))}
    return answer | ({"password": HIDDEN} if task.arguments.value("password") else {})


def _described(task: Task, user: User) -> Answer:
    arguments = task.arguments
    return {
        "name": user.name,
        "state": "present",
        "uid": user.uid,
        "group": task.machine.accounts.gid(user.group),
        "home": user.home,
        "shell": user.login_shell,
        "comment": user.comment,
        "create_home": arguments.flag("create_home"),
        "system": arguments.flag("system"),
        "append": arguments.flag("append"),
    }


def _wanted(task: Task, before: User | None) -> User:
    arguments, accounts = task.arguments, task.machine.accounts
    wanted = before or _new(task)
    for option, attribute in TEXTS.items():
        if (value := arguments.optional(option)) is not None:
            wanted = replace(wanted, **{attribute: value})
    if (primary := arguments.optional("group")) is not None:
        wanted = replace(wanted, group=accounts.group_named(primary) or primary)
    if arguments.value("uid") is not None:
        wanted = replace(wanted, uid=arguments.number("uid"))
    # on_create leaves a password alone that somebody has set since
    sets = before is None or arguments.text("update_password", "always") == "always"
    if (password := arguments.optional("password")) is not None and sets:
        wanted = replace(wanted, hash=password)
    return wanted


def _new(task: Task) -> User:
    """The user as useradd makes it when it is told nothing but the name."""
    arguments, accounts = task.arguments, task.machine.accounts
    name, system = arguments.text("name"), arguments.flag("system")
    primary = arguments.optional("group")
    if primary is None and not task.check:
        accounts.ensure_group(name, system=system)
    if primary is not None and accounts.group_named(primary) is None and not task.check:
        raise Refused(f"Group {primary} does not exist")
    uid = accounts.next_uid(system=system)
    return User(name=name, uid=uid, group=primary or name, home=f"/home/{name}", system=system)


def _wanted_groups(task: Task, name: str) -> list[Group] | None:
    """The groups as they must become, or none when membership is right already."""
    if task.arguments.value("groups") is None:
        return None
    accounts = task.machine.accounts
    wanted = set(task.arguments.texts("groups")) - {""}
    for unknown in wanted - set(accounts.groups):
        if not task.check:
            raise Refused(f"Group {unknown} does not exist")
    append = task.arguments.flag("append")
    changed: list[Group] = []
    for one in accounts.groups.values():
        member = name in one.members
        if one.name in wanted and not member:
            changed.append(replace(one, members=(*one.members, name)))
        elif member and one.name not in wanted and not append:
            changed.append(replace(one, members=tuple(m for m in one.members if m != name)))
    return changed or None


def _make_home(task: Task, owner: User) -> None:
    if task.files.find(owner.home) is None:
        task.files.make_directories(owner.home.rpartition("/")[0] or "/")
        node = Node(
            kind=Kind.DIRECTORY, mode=0o700, owner=owner.name, group=owner.group, mtime=task.now()
        )
        task.files.put(owner.home, node)


def _forget(task: Task, gone: User) -> None:
    accounts = task.machine.accounts
    del accounts.users[gone.name]
    if accounts.groups.get(gone.name) and gone.group == gone.name:
        del accounts.groups[gone.name]
    for one in list(accounts.groups.values()):
        if gone.name in one.members:
            members = tuple(member for member in one.members if member != gone.name)
            accounts.groups[one.name] = replace(one, members=members)
    if task.arguments.flag("remove"):
        task.files.remove(gone.home)


def _demand_root(task: Task, tool: str) -> None:
    if not task.actor.root:
        raise Refused(f"{tool}: Permission denied.\n{tool}: cannot lock /etc/passwd")
