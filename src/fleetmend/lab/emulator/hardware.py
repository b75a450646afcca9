"""What hangs on emulated instances, where a scenario is about that; moto keeps it."""

from collections.abc import Mapping

from fleetmend.lab.emulator.emulators import ON_MOTO, Emulators, client
from fleetmend.lab.emulator.untyped import Fields, Untyped
from fleetmend.lab.scenario import Member

_ROOT = "/dev/sda1"
_BLOCK = "10.77.0.0/16"


class Workshop:
    """Puts instances together in a network of their own, without public addresses."""

    def __init__(self, emulators: Emulators) -> None:
        self._emulators = emulators
        self._ec2 = emulators.client("ec2")
        self._vpc = ""
        self._subnets: dict[str, str] = {}
        self._profiles: dict[str, str] = {}

    def asked(self, member: Member, tags: Mapping[str, str]) -> Fields:
        """What RunInstances is asked for beside image, type and tags of the instance."""
        parts = member.parts
        shown = _shown(tags) if parts.tagged else []
        extra = {
            "SubnetId": self._subnet(member.zone),
            "MetadataOptions": {"HttpTokens": "required"},
            "BlockDeviceMappings": [
                _device(_ROOT, 8, ends=True),
                *(_device(one.device, one.size, ends=not one.keeps) for one in parts.volumes),
            ],
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": tagged}
                for kind, tagged in (("instance", _shown(tags)), ("volume", shown))
                if tagged
            ],
        }
        if parts.user_data:
            extra["UserData"] = parts.user_data
        if parts.profile:
            extra["IamInstanceProfile"] = {"Arn": self._profile(parts.profile)}
        return extra

    def finish(self, instance: str, member: Member, tags: Mapping[str, str]) -> None:
        """Hang on what RunInstances does not, and make copies where there are to be some."""
        parts, ec2 = member.parts, self._ec2
        found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        volumes = {
            one["DeviceName"]: one["Ebs"]["VolumeId"] for one in found["BlockDeviceMappings"]
        }
        for one in parts.volumes:
            if one.snapshot:
                ec2.create_snapshot(VolumeId=volumes[one.device])
        made: list[str] = []
        for index in range(1, parts.interfaces + 1):
            card = ec2.create_network_interface(SubnetId=self._subnet(member.zone))
            made.append(str(card["NetworkInterface"]["NetworkInterfaceId"]))
            ec2.attach_network_interface(
                NetworkInterfaceId=made[-1], InstanceId=instance, DeviceIndex=index
            )
        if parts.elastic:
            made.append(str(ec2.allocate_address(Domain="vpc")["AllocationId"]))
            ec2.associate_address(AllocationId=made[-1], InstanceId=instance)
        if made and parts.tagged:
            ec2.create_tags(Resources=made, Tags=_shown(tags))
        if parts.image:
            ec2.create_image(InstanceId=instance, Name=f"image-of-{instance}")

    def _subnet(self, zone: str) -> str:
        """The zone's subnet."""
        if not self._vpc:
            self._vpc = str(self._ec2.create_vpc(CidrBlock=_BLOCK)["Vpc"]["VpcId"])
        if zone not in self._subnets:
            block = f"10.77.{len(self._subnets)}.0/24"
            made = self._ec2.create_subnet(VpcId=self._vpc, CidrBlock=block, AvailabilityZone=zone)
            self._subnets[zone] = str(made["Subnet"]["SubnetId"])
        return self._subnets[zone]

    def _profile(self, name: str) -> str:
        """An instance profile in moto's own IAM, which is what its EC2 asks."""
        if name not in self._profiles:
            environment = dict(self._emulators.environment())
            moto = environment[ON_MOTO["ec2"]]
            iam = client({**environment, "AWS_ENDPOINT_URL": moto}, "iam")
            made = iam.create_instance_profile(InstanceProfileName=name)
            self._profiles[name] = str(made["InstanceProfile"]["Arn"])
        return self._profiles[name]


def detach_volume(ec2: Untyped, instance: str, device: str, *, delete: bool) -> None:
    """Take a volume off, and perhaps throw it away."""
    found = ec2.describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
    )["Volumes"]
    for volume in found:
        if device in {one["Device"] for one in volume["Attachments"]}:
            ec2.detach_volume(VolumeId=volume["VolumeId"], InstanceId=instance, Device=device)
            if delete:
                ec2.delete_volume(VolumeId=volume["VolumeId"])


def detach_cards(ec2: Untyped, instance: str) -> None:
    """Take off every interface but the first."""
    found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    for card in found["NetworkInterfaces"]:
        if card["Attachment"]["DeviceIndex"]:
            ec2.detach_network_interface(AttachmentId=card["Attachment"]["AttachmentId"])


def _device(device: str, size: int, *, ends: bool) -> Fields:
    return {
        "DeviceName": device,
        "Ebs": {"VolumeSize": size, "VolumeType": "gp3", "DeleteOnTermination": ends},
    }


def _shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
