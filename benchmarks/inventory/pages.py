"""The canned fleet: DescribeInstances pages as EC2 sends them, 4.6 kB of XML an instance.

Every hundredth-odd instance breaks the rule of the benchmark (`RULE`), each in one of four ways,
so that a tool which judges wrongly reports another set.
"""

from collections.abc import Iterator

PAGE = 1000
"""Instances on a page: the most that EC2 gives (DescribeInstances, MaxResults)."""

RULE = ("Environment", ("prod", "staging", "dev"))
"""The tag that must be there, and the values it may have."""

_XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"

_GROUP = "<item><groupId>sg-0a1b2c3d4e5f6{n:04d}</groupId><groupName>web-{n}</groupName></item>"

_INSTANCE = """
    <item>
     <instanceId>{id}</instanceId>
     <imageId>ami-0abcdef1234567890</imageId>
     <instanceState><code>16</code><name>running</name></instanceState>
     <privateDnsName>ip-10-0-{hi}-{lo}.eu-west-1.compute.internal</privateDnsName>
     <dnsName/>
     <reason/>
     <keyName>deploy</keyName>
     <amiLaunchIndex>0</amiLaunchIndex>
     <productCodes/>
     <instanceType>m7g.large</instanceType>
     <launchTime>2026-03-14T09:26:53.000Z</launchTime>
     <placement>
      <availabilityZone>eu-west-1{zone}</availabilityZone>
      <availabilityZoneId>euw1-az1</availabilityZoneId>
      <groupName/>
      <tenancy>default</tenancy>
     </placement>
     <monitoring><state>disabled</state></monitoring>
     <subnetId>subnet-0123456789abcdef0</subnetId>
     <vpcId>vpc-0123456789abcdef0</vpcId>
     <privateIpAddress>10.0.{hi}.{lo}</privateIpAddress>
     <sourceDestCheck>true</sourceDestCheck>
     <groupSet>{groups}</groupSet>
     <architecture>arm64</architecture>
     <rootDeviceType>ebs</rootDeviceType>
     <rootDeviceName>/dev/xvda</rootDeviceName>
     <blockDeviceMapping>
      <item>
       <deviceName>/dev/xvda</deviceName>
       <ebs>
        <volumeId>vol-0{number:016x}</volumeId>
        <status>attached</status>
        <attachTime>2026-03-14T09:26:54.000Z</attachTime>
        <deleteOnTermination>true</deleteOnTermination>
        <operator><managed>false</managed></operator>
       </ebs>
      </item>
     </blockDeviceMapping>
     <virtualizationType>hvm</virtualizationType>
     <clientToken>{number:08x}-aaaa-bbbb-cccc-0123456789ab</clientToken>
     <tagSet>
{tags}     </tagSet>
     <hypervisor>nitro</hypervisor>
     <networkInterfaceSet>
      <item>
       <networkInterfaceId>eni-0{number:016x}</networkInterfaceId>
       <subnetId>subnet-0123456789abcdef0</subnetId>
       <vpcId>vpc-0123456789abcdef0</vpcId>
       <description/>
       <ownerId>123456789012</ownerId>
       <status>in-use</status>
       <macAddress>02:ab:cd:ef:{hi:02x}:{lo:02x}</macAddress>
       <privateIpAddress>10.0.{hi}.{lo}</privateIpAddress>
       <privateDnsName>ip-10-0-{hi}-{lo}.eu-west-1.compute.internal</privateDnsName>
       <sourceDestCheck>true</sourceDestCheck>
       <groupSet>{groups}</groupSet>
       <attachment>
        <attachmentId>eni-attach-0{number:016x}</attachmentId>
        <deviceIndex>0</deviceIndex>
        <status>attached</status>
        <attachTime>2026-03-14T09:26:53.000Z</attachTime>
        <deleteOnTermination>true</deleteOnTermination>
        <networkCardIndex>0</networkCardIndex>
       </attachment>
       <privateIpAddressesSet>
        <item>
         <privateIpAddress>10.0.{hi}.{lo}</privateIpAddress>
         <primary>true</primary>
        </item>
       </privateIpAddressesSet>
       <ipv6AddressesSet/>
       <interfaceType>interface</interfaceType>
      </item>
     </networkInterfaceSet>
     <iamInstanceProfile>
      <arn>arn:aws:iam::123456789012:instance-profile/web</arn>
      <id>AIPA0123456789ABCDEFG</id>
     </iamInstanceProfile>
     <ebsOptimized>true</ebsOptimized>
     <enaSupport>true</enaSupport>
     <cpuOptions><coreCount>2</coreCount><threadsPerCore>1</threadsPerCore></cpuOptions>
     <capacityReservationSpecification>
      <capacityReservationPreference>open</capacityReservationPreference>
     </capacityReservationSpecification>
     <hibernationOptions><configured>false</configured></hibernationOptions>
     <enclaveOptions><enabled>false</enabled></enclaveOptions>
     <metadataOptions>
      <state>applied</state>
      <httpTokens>required</httpTokens>
      <httpPutResponseHopLimit>2</httpPutResponseHopLimit>
      <httpEndpoint>enabled</httpEndpoint>
      <instanceMetadataTags>disabled</instanceMetadataTags>
     </metadataOptions>
     <maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions>
    </item>"""

_TAG = """      <item>
       <key>{key}</key>
       <value>{value}</value>
      </item>
"""


def identity(number: int) -> str:
    """The id of the n-th instance."""
    return f"i-0{number:016x}"


def tags(number: int) -> dict[str, str]:
    """The tags of the n-th instance; one in a hundred has the rule's one wrong."""
    found = {
        "Name": f"web-{number}",
        "Owner": f"team-{number % 40}",
        "CostCenter": f"{1000 + number % 77}",
        "Environment": ("prod", "staging", "dev")[number % 3],
        "aws:autoscaling:groupName": f"web-{number % 200}",
    }
    match number % 400:
        case 7:
            del found["Environment"]
        case 107:
            found["environment"] = found.pop("Environment")
        case 207:
            found["Environment"] = "Prod"
        case 307:
            found["Environment"] = ""
    return found


def violating(count: int) -> set[str]:
    """The ids that break the rule, by the table above and no tool's judgement."""
    key, allowed = RULE
    return {identity(n) for n in range(count) if tags(n).get(key) not in allowed}


def render(count: int, digits: str = "") -> Iterator[bytes]:
    """The pages of a fleet of `count`, or of those whose ids end with some digits.

    The token of page k is `page-k`.
    """
    numbers = [n for n in range(count) if not digits or identity(n)[-1] in digits]
    last = (len(numbers) - 1) // PAGE
    for page in range(last + 1):
        items = "".join(_reservation(n) for n in numbers[page * PAGE : (page + 1) * PAGE])
        token = f"    <nextToken>page-{page + 1}</nextToken>\n" if page < last else ""
        yield (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<DescribeInstancesResponse xmlns="{_XMLNS}">\n'
            "    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>\n"
            f"    <reservationSet>{items}\n    </reservationSet>\n{token}"
            "</DescribeInstancesResponse>"
        ).encode()


def _reservation(number: int) -> str:
    hi, lo = divmod(number % 65536, 256)
    shown = "".join(_TAG.format(key=key, value=value) for key, value in tags(number).items())
    groups = "".join(_GROUP.format(n=(number + k) % 9000) for k in range(2))
    instance = _INSTANCE.format(
        id=identity(number),
        number=number,
        hi=hi,
        lo=lo,
        zone="abc"[number % 3],
        groups=groups,
        tags=shown,
    )
    return (
        f"\n  <item>\n   <reservationId>r-0{number:016x}</reservationId>\n"
        "   <ownerId>123456789012</ownerId>\n   <groupSet/>\n"
        f"   <instancesSet>{instance}\n   </instancesSet>\n  </item>"
    )
