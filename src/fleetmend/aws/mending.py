"""What mends a running instance, and what is asked first.

Instances are mended one call each: so few are at a time that nothing would be won by more, and
what AWS says against one then stops no other.
"""

from collections.abc import Callable, Sequence

from fleetmend.aws.attempting import NOT_SENT, attempt
from fleetmend.aws.clients import Client
from fleetmend.aws.errors import Failure, SdkError, failed
from fleetmend.aws.retyping import kinds
from fleetmend.core.model import Outcome, Result
from fleetmend.core.ports import ObservationFailed

CHECKS = ("system-status", "instance-status", "attached-ebs-status")
"""DescribeInstanceStatus filters by each of these (EC2 API Reference); all that are named must
fit, so that a failure of either takes a call of its own."""


def impaired(client: Client) -> list[str]:
    """The ids of all that runs in the region with a status check that is impaired.

    Raises:
        ObservationFailed: any page could not be read.
    """
    found: set[str] = set()
    for check in CHECKS:
        filters = [{"Name": f"{check}.status", "Values": ["impaired"]}]
        try:
            for page in client.get_paginator("describe_instance_status").paginate(Filters=filters):
                found.update(str(item["InstanceId"]) for item in page.get("InstanceStatuses") or ())
        except SdkError as error:
            raise failed(ObservationFailed, "ec2:DescribeInstanceStatus", error) from error
    return sorted(found)


def storing(client: Client, types: Sequence[str]) -> set[str]:
    """The types with volumes on the host, and those that EC2 does not tell of: doubt counts.

    DescribeInstances lists EBS volumes only, so that the type must tell (EC2 User Guide,
    "Instance store"): newer types attach theirs always, older ones where they were asked to.

    Raises:
        ObservationFailed: any page could not be read.
    """
    told = kinds(client, types)
    return {name for name in types if name not in told or told[name].stores is not False}


def each(
    client: Client, operation: str, ids: Sequence[str], fits: Callable[[], bool]
) -> dict[str, Outcome]:
    """One call for each instance, as long as the longest one fits the time that is left.

    Args:
        client: EC2's; it sends a reboot only once, since nothing tells a second one from it.
        operation: `RebootInstances` or `StopInstances`.
        ids: the instances.
        fits: asks for the time.
    """
    outcomes: dict[str, Outcome] = {}
    for one in ids:
        if not fits():
            outcomes[one] = NOT_SENT
            continue
        answer = attempt(client, operation, lambda one=one: _sent(client, operation, one))
        refused = isinstance(answer, Failure)
        outcomes[one] = answer.outcome if refused else Outcome(Result.ACCEPTED)
    return outcomes


def _sent(client: Client, operation: str, instance: str) -> object:
    match operation:
        case "RebootInstances":
            return client.reboot_instances(InstanceIds=[instance])
        case _:
            return client.stop_instances(InstanceIds=[instance])
