"""Names: one function for all of them, inside every AWS service's limits.

The pattern is `{project}-{kind}[-{region}]-{suffix}[-{n}]`. Because the suffix comes late, a name
pattern never separates two installations (`…-dev*` also matches `…-dev2`): IAM statements name
exact ARNs or test the `Environment` tag.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum

import pulumi

HASH_LENGTH = 6
ACCOUNT_ID_LENGTH = 12


class Limit(IntEnum):
    """The longest name a service takes, in characters, as its API reference says."""

    LOAD_BALANCER = 32  # ELBv2 CreateLoadBalancer, Name
    TARGET_GROUP = 32  # ELBv2 CreateTargetGroup, Name
    BACKUP = 50  # AWS Backup CreateBackupVault, BackupVaultName; also plans and selections
    BUCKET = 63  # S3 bucket naming rules
    FUNCTION = 64  # Lambda CreateFunction, FunctionName
    ROLE = 64  # IAM CreateRole, RoleName
    RULE = 64  # EventBridge PutRule, Name; EventBridge Scheduler CreateSchedule, Name
    QUEUE = 80  # SQS CreateQueue, QueueName
    STATE_MACHINE = 80  # Step Functions CreateStateMachine, name
    POLICY = 128  # IAM CreatePolicy, PolicyName; also instance profiles and role policies
    LAUNCH_TEMPLATE = 128  # EC2 CreateLaunchTemplate, LaunchTemplateName
    GROUP = 255  # EC2 CreateSecurityGroup, Auto Scaling, CloudWatch alarms and dashboards
    TAG_VALUE = 256  # EC2 CreateTags, Value; also SNS topics and KMS aliases
    LOG_GROUP = 512  # CloudWatch Logs CreateLogGroup, logGroupName


def partition(region: str) -> str:
    """The ARN partition a region lies in, such as `aws` or `aws-us-gov`."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


@dataclass(frozen=True, slots=True)
class Naming:
    """Makes the names of one installation.

    Args:
        project: The first word of every name.
        suffix: The environment suffix, which isolates one installation from the next.
        region: The AWS region, part of names that are unique beyond one region.
    """

    project: str
    suffix: str
    region: str

    def name(
        self, kind: str, n: int | None = None, *, limit: int = 64, with_region: bool = False
    ) -> str:
        """The name of a resource; cut to `limit` with a hash that is the same on every run.

        Args:
            kind: What it is, such as `vpc` or `recovery-queue`.
            n: Which one, where there are several.
            limit: The service's longest name; see `Limit`.
            with_region: For names that are unique in the account, as IAM's are.

        Raises:
            ValueError: The limit leaves no room for the hash and the suffix.
        """
        head = "-".join([self.project, kind, *([self.region] if with_region else [])])
        tail = "-".join([self.suffix, *([] if n is None else [str(n)])])
        whole = f"{head}-{tail}"
        if len(whole) <= limit:
            return whole
        digest = hashlib.sha256(whole.encode()).hexdigest()[:HASH_LENGTH]
        room = limit - len(tail) - HASH_LENGTH - 2
        if room < 1:
            message = f"no name for {kind!r} fits {limit} characters with the suffix {self.suffix}"
            raise ValueError(message)
        return f"{head[:room].rstrip('-')}-{digest}-{tail}"

    def role(self, kind: str) -> str:
        """An IAM role's name: IAM knows no regions, so the region is part of it."""
        return self.name(kind, limit=Limit.ROLE, with_region=True)

    def policy(self, kind: str) -> str:
        """An IAM policy's or instance profile's name, which carries the region too."""
        return self.name(kind, limit=Limit.POLICY, with_region=True)

    def bucket(self, kind: str, account_id: pulumi.Input[str]) -> pulumi.Output[str]:
        """A bucket's name, which is unique among all of AWS: it ends in the account id."""
        room = Limit.BUCKET - ACCOUNT_ID_LENGTH - 1
        stem = self.name(kind, limit=room, with_region=True)
        return pulumi.Output.concat(stem, "-", account_id)

    def log_group(self, kind: str) -> str:
        """The log group of something that is no Lambda function: `/{project}/{kind}/{suffix}`."""
        return f"/{self.project}/{kind}/{self.suffix}"

    def parameter(self, path: str) -> str:
        """A Parameter Store name under the installation's own path: `/{project}/{suffix}/{path}`.

        It holds no region, because parameters are regional.
        """
        return f"/{self.project}/{self.suffix}/{path}"

    @property
    def namespace(self) -> str:
        """The installation's CloudWatch metric namespace."""
        return f"Fleetmend/{self.suffix}"

    def arn(self, service: str, account_id: pulumi.Input[str], rest: str) -> pulumi.Output[str]:
        """An ARN in this installation's partition and region, for resources known by name."""
        head = f"arn:{partition(self.region)}:{service}:{self.region}:"
        return pulumi.Output.concat(head, account_id, ":", rest)
