"""Another role's rights, for what a function's own role may not do."""

from collections.abc import Mapping
from typing import cast

from fleetmend.aws.clients import Client


def keys(sts: Client, role_arn: str, session: str, **more: str) -> dict[str, str]:
    """The keys of a role, as boto3 and botocore take them when a client is made.

    Args:
        sts: STS's client; its caller must be admitted by the role.
        role_arn: the role.
        session: what CloudTrail calls the caller.
        more: other parameters of AssumeRole, such as `ExternalId`.

    Raises:
        ClientError, BotoCoreError: STS refused, or did not answer.
    """
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName=session, **more)
    given = cast("Mapping[str, str]", answer["Credentials"])
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
