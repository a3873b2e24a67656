"""SFTP on the guest's files, under the permissions of who is logged in."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import asyncssh
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_TRUNC, FXF_WRITE
from asyncssh.sftp import SFTPAttrs, SFTPName

from proxmox_lab.guests.simulated.model.actor import (
    PermissionRefused,
    demand_owner,
    demand_read,
    demand_remove,
    demand_write,
)
from proxmox_lab.guests.simulated.model.files import Kind, Node, NoSuchPath, NotADirectory
from proxmox_lab.guests.simulated.model.paths import normal
from proxmox_lab.guests.simulated.system.machine import Machine

TYPE_BITS = {Kind.FILE: 0o100000, Kind.DIRECTORY: 0o040000, Kind.LINK: 0o120000}
DEFAULT_MODE, DIRECTORY_MODE = 0o644, 0o755


@dataclass(slots=True, kw_only=True)
class OpenFile:
    """A file being read or written; written at once when it is closed."""

    path: str
    data: bytearray
    node: Node
    written: bool = False


class GuestFiles(asyncssh.SFTPServer):
    """asyncssh's server with the host's file system taken out and the model put in."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", machine: Machine) -> None:
        """Act as the user who logged in."""
        super().__init__(channel)  # pyright: ignore[reportUnknownMemberType]  asyncssh leaves it open
        name = str(channel.get_extra_info("username"))
        user = machine.accounts.users.get(name)
        self._machine = machine
        self._actor = machine.actor(name)
        self._home = user.home if user else "/"

    def _path(self, path: bytes) -> str:
        return normal(path.decode(errors="surrogateescape"), self._home)

    def realpath(self, path: bytes) -> bytes:
        """The absolute path."""
        return self._path(path).encode()

    def stat(self, path: bytes) -> SFTPAttrs:
        """Attributes, links followed."""
        return self._attributes(self._path(path), follow=True)

    def lstat(self, path: bytes) -> SFTPAttrs:
        """Attributes of a link itself."""
        return self._attributes(self._path(path), follow=False)

    def _attributes(self, path: str, *, follow: bool) -> SFTPAttrs:
        node = self._machine.files.find(path, follow=follow)
        if node is None:
            raise asyncssh.SFTPNoSuchFile("No such file")
        accounts = self._machine.accounts
        return SFTPAttrs(
            size=node.size,
            uid=accounts.uid(node.owner),
            gid=accounts.gid(node.group),
            permissions=node.mode | TYPE_BITS[node.kind],
            atime=int(node.mtime),
            mtime=int(node.mtime),
        )

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> OpenFile:
        """Open a file to read, write or make."""
        name, files = self._path(path), self._machine.files
        node = files.find(name)
        try:
            if pflags & (FXF_WRITE | FXF_APPEND | FXF_CREAT):
                demand_write(files, name, actor=self._actor)
            else:
                demand_read(files, name, actor=self._actor)
            data = bytearray(files.read(name)) if node and not pflags & FXF_TRUNC else bytearray()
            if node is None:
                node = self._made(name, pflags, attrs)
        except (PermissionRefused, NoSuchPath, NotADirectory, IsADirectoryError) as error:
            raise _translated(error) from error
        return OpenFile(path=name, data=data, node=node, written=bool(pflags & FXF_TRUNC))

    def _made(self, name: str, pflags: int, attrs: SFTPAttrs) -> Node:
        if not pflags & FXF_CREAT:
            raise NoSuchPath(name)
        mode = DEFAULT_MODE if attrs.permissions is None else attrs.permissions & 0o777
        owner = self._actor.name
        node = Node(kind=Kind.FILE, mode=mode, owner=owner, group=(*self._actor.groups, owner)[0])
        self._machine.files.write(name, b"", template=node)
        return node

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """A part of an open file."""
        assert isinstance(file_obj, OpenFile)
        return bytes(file_obj.data[offset : offset + size])

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Change a part of an open file."""
        assert isinstance(file_obj, OpenFile)
        gap = offset - len(file_obj.data)
        if gap > 0:
            file_obj.data.extend(b"\0" * gap)
        file_obj.data[offset : offset + len(data)] = data
        file_obj.written = True
        return len(data)

    def close(self, file_obj: object) -> None:
        """Put what was written onto the disk."""
        assert isinstance(file_obj, OpenFile)
        if file_obj.written:
            node = self._machine.files.find(file_obj.path) or file_obj.node
            self._machine.files.write(file_obj.path, bytes(file_obj.data), template=node)
            self._machine.changed()

    def fstat(self, file_obj: object) -> SFTPAttrs:
        """Attributes of an open file."""
        assert isinstance(file_obj, OpenFile)
        attributes = self._attributes(file_obj.path, follow=True)
        attributes.size = len(file_obj.data)
        return attributes

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Change the mode; times and owners are not the client's to set here."""
        name = self._path(path)
        if attrs.permissions is not None:
            try:
                node = self._machine.files.get(name)
                demand_owner(self._machine.files, name, actor=self._actor)
            except (NoSuchPath, PermissionRefused) as error:
                raise _translated(error) from error
            mode = attrs.permissions & 0o7777
            self._machine.files.change(name, mode=mode, owner=node.owner, group=node.group)

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """Change the mode of an open file."""
        assert isinstance(file_obj, OpenFile)
        self.setstat(file_obj.path.encode(), attrs)

    def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Make a directory."""
        name, owner = self._path(path), self._actor.name
        mode = DIRECTORY_MODE if attrs.permissions is None else attrs.permissions & 0o777
        try:
            demand_write(self._machine.files, name, actor=self._actor)
            node = Node(kind=Kind.DIRECTORY, mode=mode, owner=owner, group=owner)
            self._machine.files.put(name, node)
        except (PermissionRefused, NoSuchPath, NotADirectory) as error:
            raise _translated(error) from error

    def remove(self, path: bytes) -> None:
        """Remove a file."""
        name = self._path(path)
        try:
            demand_remove(self._machine.files, name, actor=self._actor)
        except PermissionRefused as error:
            raise _translated(error) from error
        if not self._machine.files.remove(name):
            raise asyncssh.SFTPNoSuchFile("No such file")

    async def scandir(self, path: bytes) -> AsyncGenerator[SFTPName]:
        """The entries of a directory."""
        name = self._path(path)
        for entry in [".", "..", *self._machine.files.children(name)]:
            attributes = self._attributes(normal(entry, name), follow=False)
            yield SFTPName(entry.encode(), attrs=attributes)

    def exit(self) -> None:
        """The client has left."""
        self._machine.changed()


def _translated(error: Exception) -> asyncssh.SFTPError:
    if isinstance(error, PermissionRefused):
        return asyncssh.SFTPPermissionDenied("Permission denied")
    if isinstance(error, NoSuchPath):
        return asyncssh.SFTPNoSuchFile("No such file")
    return asyncssh.SFTPFailure(str(error))
