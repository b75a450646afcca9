"""What hangs on simulated instances: volumes, interfaces, addresses; images and snapshots of them.

Rules are those of the Amazon EC2 API Reference and, for what outlives an instance, of the EC2
User Guide, "Terminate Amazon EC2 instances".
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetmend.lab.makeup import Parts
from fleetmend.lab.sim.fleet import Instance

IMAGE = "ami-00000000000000001"
ROOT = "/dev/sda1"
SUBNETS = {zone: f"subnet-{k:017x}" for k, zone in enumerate("abcdef", start=1)}


@dataclass
class Volume:
    """One volume; `instance` is where it hangs, empty when it stands free."""

    id: str
    zone: str
    size: int
    type: str = "gp3"
    instance: str = ""
    device: str = ""
    ends: bool = True
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Card:
    """One network interface."""

    id: str
    ip: str
    instance: str = ""
    index: int = 0
    ends: bool = True
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Body:
    """What an instance was launched with."""

    image: str = IMAGE
    subnet: str = ""
    groups: tuple[str, ...] = ("sg-00000000000000001",)
    profile: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    optimized: bool = False
    monitored: bool = False
    user_data: str = ""
    token: str = ""


@dataclass
class Address:
    """An elastic address; `instance` is empty while it stands free."""

    id: str
    ip: str
    instance: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Stock:
    """Everything in the account that is no instance.

    `known` finds an instance by its id; `may_touch` is the tag that IAM demands of everything
    that is hung on something, and of what it is hung on.
    """

    known: Callable[[str], Instance]
    may_touch: tuple[str, str] = ("Auto-Rebuild", "true")
    bodies: dict[str, Body] = field(default_factory=dict[str, Body])
    volumes: dict[str, Volume] = field(default_factory=dict[str, Volume])
    cards: dict[str, Card] = field(default_factory=dict[str, Card])
    addresses: dict[str, Address] = field(default_factory=dict[str, Address])
    snapshots: dict[str, str] = field(default_factory=dict[str, str])
    images: dict[str, str] = field(default_factory=dict[str, str])
    _made: int = 0
    restored: dict[str, str] = field(default_factory=dict[str, str])
    _coveted: set[str] = field(default_factory=set[str])

    # --- what there is at the start --------------------------------------------------------

    def outfit(self, instance: Instance, parts: Parts) -> None:
        """An instance as the scenario describes it, in its place for a day already."""
        self.bodies[instance.id] = Body(
            subnet=SUBNETS[instance.zone[-1]],
            profile=f"arn:aws:iam::123456789012:instance-profile/{parts.profile}"
            if parts.profile
            else "",
            metadata={"HttpTokens": "required", "HttpEndpoint": "enabled"},
            user_data=base64.b64encode(parts.user_data.encode()).decode(),
        )
        self.add_volume(instance, ROOT, 8, ends=True)
        for extra in parts.volumes:
            volume = self.add_volume(instance, extra.device, extra.size, ends=not extra.keeps)
            volume.tags = self._tags(instance, parts)
            if extra.snapshot:
                self.snapshots[self.new_id("snap")] = volume.id
        for index in range(parts.interfaces + 1):
            card = self.add_card(instance, index, ends=not index)
            card.tags = self._tags(instance, parts)
        if parts.elastic:
            made = self.new_id("eipalloc")
            ip = f"198.51.100.{self._made % 250}"
            self.addresses[made] = Address(made, ip, instance.id, self._tags(instance, parts))
        if parts.image:
            self.images[self.new_id("ami")] = instance.id

    @staticmethod
    def _tags(instance: Instance, parts: Parts) -> Mapping[str, str]:
        return dict(instance.tags) if parts.tagged else {}

    def tags_of(self, identity: str) -> Mapping[str, str] | None:
        """The tags of a part, or None where there is no such part."""
        for some in (self.volumes, self.cards, self.addresses):
            if identity in some:
                return some[identity].tags
        return None

    def add_volume(self, instance: Instance, device: str, size: int, *, ends: bool) -> Volume:
        """A volume on an instance."""
        made = self.new_id("vol")
        self.volumes[made] = Volume(
            made, instance.zone, size, instance=instance.id, device=device, ends=ends
        )
        return self.volumes[made]

    def add_card(self, instance: Instance, index: int, *, ends: bool, ip: str = "") -> Card:
        """A network interface on an instance."""
        made = self.new_id("eni")
        taken = {card.ip for card in self.cards.values()}
        free = (f"10.0.{a}.{b}" for a in range(250) for b in range(4, 250))
        chosen = ip or next(one for one in free if one not in taken)
        self.cards[made] = Card(made, chosen, instance.id, index, ends)
        return self.cards[made]

    # --- what happens to it ----------------------------------------------------------------

    def release(self, instance: Instance) -> None:
        """An instance is terminated: what ends with it is gone, the rest stands free."""
        for volume in list(self.on(self.volumes, instance.id)):
            volume.instance = volume.device = ""
            if volume.ends:
                del self.volumes[volume.id]
        for card in list(self.on(self.cards, instance.id)):
            card.instance = ""
            if card.ends and instance.id not in self._coveted:
                del self.cards[card.id]
        for address in self.on(self.addresses, instance.id):
            address.instance = ""

    def detach_volume(self, instance: Instance, device: str, *, delete: bool) -> None:
        """Somebody takes a volume off, and perhaps throws it away."""
        for volume in list(self.on(self.volumes, instance.id)):
            if volume.device == device:
                volume.instance = volume.device = ""
                if delete:
                    del self.volumes[volume.id]

    def detach_cards(self, instance: Instance) -> None:
        """Somebody takes off all interfaces but the instance's own."""
        for card in self.on(self.cards, instance.id):
            if card.index:
                card.instance = ""

    def occupy(self, instance: Instance) -> None:
        """Somebody else takes the private address that an instance had, once it is free."""
        self._coveted.add(instance.id)

    def launched(self, instance: Instance, params: Mapping[str, Any]) -> None:
        """What RunInstances gives a new instance."""
        profile = params.get("IamInstanceProfile", {}).get("Arn", "")
        self.bodies[instance.id] = Body(
            image=params["ImageId"],
            subnet=params.get("SubnetId", ""),
            groups=tuple(params.get("SecurityGroupIds", ())),
            profile=profile,
            metadata=params.get("MetadataOptions", {}),
            optimized=params.get("EbsOptimized", False),
            monitored=params.get("Monitoring", {}).get("Enabled", False),
            user_data=params.get("UserData", ""),
            token=params.get("ClientToken", ""),
        )
        asked: dict[str, dict[str, Any]] = {ROOT: {}}
        for one in params.get("BlockDeviceMappings", ()):
            asked[one["DeviceName"]] = one.get("Ebs", {})
        for device, ebs in asked.items():
            if ebs or device == ROOT:
                ends = bool(ebs.get("DeleteOnTermination", True))
                self.add_volume(instance, device, int(ebs.get("VolumeSize", 8)), ends=ends)
        self.add_card(instance, 0, ends=True, ip=params.get("PrivateIpAddress", ""))

    def is_taken(self, ip: str) -> bool:
        """Whether an interface has this private address."""
        return any(card.ip == ip for card in self.cards.values())

    @staticmethod
    def on(some: Mapping[str, Any], instance: str) -> Iterator[Any]:
        """What of these hangs on an instance."""
        return (one for one in some.values() if one.instance == instance)

    def new_id(self, kind: str) -> str:
        """An id that nothing had before."""
        self._made += 1
        return f"{kind}-{self._made:017x}"
