"""EC2's calls about what hangs on instances, over the stock of it (EC2 API Reference)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fleetmend.lab.sim.fleet import Instance
from fleetmend.lab.sim.replies import AwsError
from fleetmend.lab.sim.stock import ROOT, Address, Card, Stock, Volume


class Hardware(Stock):
    """What is called, over what there is."""

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call that is about parts.

        Raises:
            AwsError: as EC2 would refuse it.
        """
        match operation:
            case "DescribeVolumes":
                return {"Volumes": self._listed(self.volumes, params, self._volume)}
            case "DescribeNetworkInterfaces":
                return {"NetworkInterfaces": self._listed(self.cards, params, self._card)}
            case "DescribeAddresses":
                return {"Addresses": self._listed(self.addresses, params, self._address)}
            case "DescribeImages":
                return {"Images": self._copies(self.images, params, "image")}
            case "DescribeSnapshots":
                return {"Snapshots": self._copies(self.snapshots, params, "snapshot")}
            case "DescribeInstanceAttribute":
                instance = self.known(params["InstanceId"])
                value = self.bodies[instance.id].user_data
                return {"InstanceId": instance.id, "UserData": {"Value": value} if value else {}}
            case "AttachVolume":
                return self._attach_volume(params)
            case "AttachNetworkInterface":
                return self._attach_card(params)
            case "AssociateAddress":
                return self._associate(params)
            case "CreateVolume":
                return self._create(params)
            case _:
                raise NotImplementedError(f"ec2:{operation} is not simulated")

    def facts(self, instance: Instance) -> dict[str, Any]:
        """What DescribeInstances tells beside the state; a terminated one has hardly anything."""
        body = self.bodies.get(instance.id)
        if body is None:
            return {}
        cards = sorted(self.on(self.cards, instance.id), key=lambda card: card.index)
        own = next((card.ip for card in cards if not card.index), None)
        return {
            "ImageId": body.image,
            "SubnetId": body.subnet,
            "SecurityGroups": [{"GroupId": group} for group in body.groups],
            "MetadataOptions": {"State": "applied", **body.metadata},
            "EbsOptimized": body.optimized,
            "Monitoring": {"State": "enabled" if body.monitored else "disabled"},
            "RootDeviceName": ROOT,
            "PrivateIpAddress": own,
            "ClientToken": body.token,
            **({"IamInstanceProfile": {"Arn": body.profile}} if body.profile else {}),
            "BlockDeviceMappings": [
                {
                    "DeviceName": one.device,
                    "Ebs": {
                        "VolumeId": one.id,
                        "Status": "attached",
                        "DeleteOnTermination": one.ends,
                    },
                }
                for one in self.on(self.volumes, instance.id)
            ],
            "NetworkInterfaces": [self._shown_card(card) for card in cards],
        }

    def _shown_card(self, card: Card) -> dict[str, Any]:
        public = next(self.on(self.addresses, card.instance), None) if not card.index else None
        shown: dict[str, Any] = {
            "NetworkInterfaceId": card.id,
            "Attachment": {"DeviceIndex": card.index, "DeleteOnTermination": card.ends},
        }
        if public:
            shown["Association"] = {"IpOwnerId": "123456789012", "PublicIp": public.ip}
        return shown

    def _attach_volume(self, params: Mapping[str, Any]) -> dict[str, Any]:
        instance = self._target(params)
        volume = self.volumes.get(params["VolumeId"])
        if volume is None:
            raise AwsError("InvalidVolume.NotFound", f"no volume {params['VolumeId']}")
        self._authorize(volume.id, volume.tags)
        if volume.instance:
            raise AwsError("VolumeInUse", f"{volume.id} is already attached to an instance")
        if volume.zone != instance.zone:
            raise AwsError("InvalidVolume.ZoneMismatch", "not in the same zone")
        volume.instance, volume.device, volume.ends = instance.id, params["Device"], False
        return {"VolumeId": volume.id, "InstanceId": instance.id, "State": "attaching"}

    def _attach_card(self, params: Mapping[str, Any]) -> dict[str, Any]:
        instance = self._target(params)
        card = self.cards.get(params["NetworkInterfaceId"])
        if card is None:
            raise AwsError("InvalidNetworkInterfaceID.NotFound", "no such interface")
        self._authorize(card.id, card.tags)
        if card.instance:
            raise AwsError("InvalidNetworkInterface.InUse", f"{card.id} is currently in use")
        card.instance, card.index, card.ends = instance.id, params["DeviceIndex"], False
        return {"AttachmentId": f"eni-attach-{card.id[4:]}"}

    def _associate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        instance = self._target(params)
        address = self.addresses.get(params["AllocationId"])
        if address is None:
            raise AwsError("InvalidAllocationID.NotFound", "no such address")
        self._authorize(address.id, address.tags)
        if address.instance not in ("", instance.id) and not params.get("AllowReassociation"):
            raise AwsError("Resource.AlreadyAssociated", f"{address.id} is already associated")
        address.instance = instance.id
        return {"AssociationId": f"eipassoc-{address.id[9:]}"}

    def _create(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A volume from a snapshot; the same client token gives the same volume."""
        word = params.get("ClientToken", "")
        if params["SnapshotId"] not in self.snapshots:
            raise AwsError("InvalidSnapshot.NotFound", "no such snapshot")
        if word not in self.restored:
            made = self.new_id("vol")
            size, kind = params.get("Size", 8), params.get("VolumeType", "gp2")
            self.volumes[made] = Volume(
                made, params["AvailabilityZone"], size, kind, tags=tagged(params, "volume")
            )
            self.restored[word] = made
        return {"VolumeId": self.restored[word], "State": "creating"}

    def _authorize(self, identity: str, tags: Mapping[str, str]) -> None:
        """IAM judges the tag of everything that a call names."""
        key, value = self.may_touch
        if tags.get(key) != value:
            raise AwsError("UnauthorizedOperation", f"not authorized on resource: {identity}")

    def _target(self, params: Mapping[str, Any]) -> Instance:
        instance = self.known(params["InstanceId"])
        self._authorize(instance.id, instance.tags)
        if instance.state not in {"running", "stopped"}:
            raise AwsError("IncorrectState", f"{instance.id} is {instance.state}")
        return instance

    def _listed(
        self,
        some: Mapping[str, Any],
        params: Mapping[str, Any],
        shown: Callable[[Any], dict[str, Any]],
    ) -> list[dict[str, Any]]:
        rules = params.get("Filters", ())
        by_id = {"volume-id", "network-interface-id", "allocation-id"}
        return [
            shown(one)
            for one in some.values()
            if all((one.id if r["Name"] in by_id else one.instance) in r["Values"] for r in rules)
        ]

    def _copies(
        self, some: Mapping[str, str], params: Mapping[str, Any], kind: str
    ) -> list[dict[str, Any]]:
        """Images and snapshots by what they were made of; later ones were made later."""
        values: Sequence[str] = params["Filters"][0]["Values"]
        of = [(name, source) for name, source in some.items() if source in values]
        if kind == "image":
            return [
                {
                    "ImageId": name,
                    "SourceInstanceId": source,
                    "State": "available",
                    "CreationDate": f"2026-02-01T00:00:{k:02}.000Z",
                }
                for k, (name, source) in enumerate(of)
            ]
        return [{"SnapshotId": n, "VolumeId": s, "State": "completed"} for n, s in of]

    def _volume(self, one: Volume) -> dict[str, Any]:
        return {
            "VolumeId": one.id,
            "State": "in-use" if one.instance else "available",
            "Size": one.size,
            "VolumeType": one.type,
            "Iops": 3000,
            "Throughput": 125,
            "Encrypted": False,
        }

    def _card(self, one: Card) -> dict[str, Any]:
        status = "in-use" if one.instance else "available"
        return {"NetworkInterfaceId": one.id, "Status": status}

    def _address(self, one: Address) -> dict[str, Any]:
        held = {"InstanceId": one.instance, "AssociationId": f"eipassoc-{one.id[9:]}"}
        return {"AllocationId": one.id, "PublicIp": one.ip, **(held if one.instance else {})}


def tagged(params: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The tags that a call gives to what it makes of that kind."""
    return {
        tag["Key"]: tag["Value"]
        for each in params.get("TagSpecifications", ())
        if each["ResourceType"] == kind
        for tag in each["Tags"]
    }
