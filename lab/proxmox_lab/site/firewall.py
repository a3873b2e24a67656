"""A firewall's settings, as the cluster and each machine has them."""

import hashlib

from pydantic import BaseModel

Rule = dict[str, str]


class Alias(BaseModel):
    """A name for an address or network."""

    name: str
    cidr: str
    comment: str | None = None


class Entry(BaseModel):
    """One member of an IP set."""

    cidr: str
    comment: str | None = None
    nomatch: bool = False


class IpSet(BaseModel):
    """A named set of addresses."""

    comment: str | None = None
    entries: list[Entry] = []


class Group(BaseModel):
    """Rules that others refer to by name; the cluster has them."""

    comment: str | None = None
    rules: list[Rule] = []


class Firewall(BaseModel):
    """Options, rules and names. An untouched one is an empty file."""

    options: dict[str, str] = {}
    rules: list[Rule] = []
    aliases: dict[str, Alias] = {}
    ipsets: dict[str, IpSet] = {}
    groups: dict[str, Group] = {}

    @property
    def digest(self) -> str:
        """Name this state; any change gives another name."""
        text = "" if self == Firewall() else self.model_dump_json()
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
