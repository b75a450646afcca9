"""The settings of the foundation's ground: whose it is, the network, compute, the balancer.

Every field is one flat key of the stack's configuration: `vpc_cidr` is `vpcCidr` in
`Pulumi.<stack>.yaml` and `FLEETMEND_VPC_CIDR` in the environment. docs/settings.md is generated
from here.
"""

from pydantic import BaseModel, ConfigDict

from fleetmend.components.settings_types import (
    Cidr,
    Cidrs,
    Environment,
    NatMode,
    Port,
    Ports,
    Regions,
    Retention,
    Scaling,
    Services,
    SubnetIds,
    Tags,
    setting,
    switch,
)


class Group(BaseModel):
    """Settings that belong together. Frozen: a program reads them and never changes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class InstallationSettings(Group):
    """Whose installation this is, and where."""

    project: str = setting(
        "fleetmend",
        "First word of every name.",
        valid="2 to 20 lower-case letters, digits and single hyphens, a letter first",
        pattern=r"^[a-z](-?[a-z0-9])+$",
        max_length=20,
    )
    environment_suffix: str = setting(
        ...,
        "Short name that isolates this installation from all others, such as `dev` or `pr123`. "
        "It has no default, so that nobody changes an installation by accident.",
        valid="1 to 16 lower-case letters, digits and single hyphens, such as dev or pr123",
        env="ENVIRONMENT_SUFFIX",
        pattern=r"^[a-z0-9](-?[a-z0-9])*$",
        max_length=16,
    )
    environment: Environment = setting(
        Environment.DEV,
        "What it is for; sets the defaults of log retention and recovery windows.",
        valid="dev, test, staging or prod",
    )
    application: str | None = setting(
        None,
        "The `Application` tag; the project where it is left out.",
        valid="1 to 64 letters, digits, spaces and . : / = + - @ _",
        pattern=r"^[\w\s.:/=+\-@]+$",
        max_length=64,
    )
    region: str = setting(
        ...,
        "The one AWS region of this installation. Never taken from a profile.",
        valid="a region on the allow-list (allowedRegions)",
        env="AWS_REGION",
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d$",
    )
    allowed_regions: Regions = setting(
        ["us-east-1", "us-west-2"],
        "Regions that an installation may stand in.",
        valid="AWS region names with commas between them",
    )
    account_id: str | None = setting(
        None,
        "The account that must be the one deployed to; any other is refused by the provider.",
        valid="12 digits",
        pattern=r"^\d{12}$",
    )
    tags: Tags = setting(
        {},
        "Your own tags, put on everything.",
        valid="key=value pairs with commas between them, or a JSON object; up to 40, none of "
        "them Project, Application, Environment, ManagedBy, ResourceType or Name",
        max_length=40,
    )


class NetworkSettings(Group):
    """The VPC: made new, or one that exists."""

    deploy_network: bool = switch("Make a VPC, or use the one of `existingVpcId`.", on=True)
    vpc_cidr: Cidr = setting(
        "10.0.0.0/16",
        "The VPC's block. Subnets are computed from it and stay when a zone is added.",
        valid="a private IPv4 block from /16 to /23, such as 10.0.0.0/16",
    )
    zone_count: int = setting(2, "Availability Zones to spread over.", valid="2 or 3", ge=2, le=3)
    nat_gateways: NatMode = setting(
        NatMode.PER_ZONE,
        "One NAT gateway per zone, one for all (cheaper; one zone's failure takes all), or none "
        "(the VPC endpoints carry what the agents need; nothing else is reached).",
        valid="per-zone, single or none",
    )
    interface_endpoints: bool = switch(
        "Interface endpoints for Systems Manager and CloudWatch.", on=True
    )
    extra_endpoints: Services = setting(
        [],
        "Further AWS services with an interface endpoint. KMS and Secrets Manager are used by the "
        "services on an instance's behalf; add them where the application calls them itself.",
        valid="service names with commas between them, each once, such as kms, secretsmanager",
    )
    flow_log_retention_days: Retention | None = setting(
        None,
        "How long flow logs are kept; as long as other logs where it is left out.",
        valid="a number of days that CloudWatch Logs accepts: 1, 3, 5, 7, 14, 30, 60, 90, …",
    )
    existing_vpc_id: str | None = setting(
        None,
        "A VPC that exists, instead of a new one (with `deployNetwork: false`).",
        valid="a VPC id such as vpc-0123456789abcdef0",
        pattern=r"^vpc-[0-9a-f]{8,17}$",
    )
    existing_private_subnet_ids: SubnetIds = setting(
        [],
        "Its private subnets, one per zone.",
        valid="subnet ids with commas between them, each once, one for each zone",
    )
    existing_public_subnet_ids: SubnetIds = setting(
        [],
        "Its public subnets, one per zone; needed for a balancer that is reached from outside.",
        valid="subnet ids with commas between them, each once, one for each zone",
    )
    authorized_ip_ranges: Cidrs = setting(
        ["10.0.0.0/8"],
        "Who may reach the application: the balancer, or the instances where there is none.",
        valid="IPv4 blocks with commas between them, such as 10.0.0.0/8; never 0.0.0.0/0, ::/0 "
        "or blocks that add up to them (allowWorldOpenIngress: true forces it)",
        env="AUTHORIZED_IP_RANGES",
    )
    allow_world_open_ingress: bool = switch(
        "Let the whole internet reach the application.", on=False
    )
    egress_ports: Ports = setting(
        [443],
        "TCP ports that instances may connect to outside.",
        valid="port numbers from 1 to 65535 with commas between them, each once",
    )
    nat_port_errors_threshold: int = setting(
        1,
        "NAT port allocation errors in five minutes that raise the alarm. One is already a "
        "connection that was refused.",
        valid="1 or more",
        ge=1,
    )


class ComputeSettings(Group):
    """The Auto Scaling group and what it launches."""

    deploy_compute: bool = switch("Make an Auto Scaling group.", on=True)
    instance_type: str = setting(
        "t3.micro",
        "The instance type.",
        valid="an EC2 instance type such as t3.micro",
        pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$",
    )
    image_id: str = setting(
        "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        "The machine image. With `resolve:ssm:` EC2 looks it up at each launch, so that a new "
        "image changes nothing until an instance refresh.",
        valid="ami-… or resolve:ssm:/path/of/a/parameter",
        pattern=r"^(ami-[0-9a-f]{8,17}|resolve:ssm:[/\w.:-]+)$",
    )
    min_size: int = setting(2, "Fewest instances.", valid="a whole number, 0 or more", ge=0)
    desired_capacity: int = setting(
        2,
        "Instances at first; scaling moves it afterwards.",
        valid="a whole number between minSize and maxSize",
        ge=0,
    )
    max_size: int = setting(6, "Most instances.", valid="a whole number, 1 or more", ge=1)
    volume_size_gib: int = setting(
        20, "Size of the root volume in GiB.", valid="8 to 16384", ge=8, le=16384
    )
    volume_kms_key_arn: str | None = setting(
        None,
        "Your key for the volumes; the account's EBS default key where it is left out.",
        valid="the ARN of a KMS key",
        pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+$",
    )
    scaling: Scaling = setting(
        Scaling.TARGET_TRACKING,
        "Follow a CPU target, or step between two CPU alarms.",
        valid="target-tracking or step",
    )
    target_cpu_percent: int = setting(
        50, "The CPU that target tracking holds.", valid="10 to 90", ge=10, le=90
    )
    cpu_high_percent: int = setting(
        75, "Step scaling adds instances above it.", valid="1 to 100", ge=1, le=100
    )
    cpu_low_percent: int = setting(
        25,
        "Step scaling removes instances below it.",
        valid="0 to 99, below cpuHighPercent",
        ge=0,
        le=99,
    )
    warmup_seconds: int = setting(
        300,
        "How long a new instance is left out of the group's metrics and health checks.",
        valid="0 to 3600",
        ge=0,
        le=3600,
    )
    max_healthy_percent: int = setting(
        110,
        "How far a group may grow while an instance is replaced. It launches before it "
        "terminates: never below 100 percent.",
        valid="101 to 200",
        ge=101,
        le=200,
    )
    managed_instance_policies: bool = switch(
        "Attach AWS's AmazonSSMManagedInstanceCore and CloudWatchAgentServerPolicy in place of "
        "our own narrower policy.",
        on=False,
    )
    user_data_extra: str = setting(
        "",
        "Shell lines that run at the end of an instance's first start.",
        valid="up to 8192 characters",
        max_length=8192,
    )


class BalancerSettings(Group):
    """How clients reach the application."""

    deploy_balancer: bool = switch(
        "Put an application load balancer in front; internal unless a public range is authorised.",
        on=False,
    )
    certificate_arn: str | None = setting(
        None,
        "The balancer's certificate; needed with a balancer, which speaks HTTPS only.",
        valid="the ARN of an ACM certificate in this region",
        pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+$",
    )
    application_port: Port = setting(
        443, "The TCP port that the application listens on.", valid="1 to 65535, not 22 or 3389"
    )
    application_protocol: str = setting(
        "HTTPS",
        "What the balancer speaks to the instances.",
        valid="HTTP or HTTPS",
        pattern=r"^HTTPS?$",
    )
    health_check_path: str = setting(
        "/",
        "What the balancer asks for to see whether an instance serves.",
        valid="a path that begins with /, up to 1024 characters",
        pattern=r"^/[^\s]*$",
        max_length=1024,
    )
    balancer_deletion_protection: bool = switch(
        "Refuse to delete the balancer; switch it off before `down`.", on=True
    )
