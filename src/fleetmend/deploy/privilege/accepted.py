"""Grants that no recorded call uses, and the reason why each is right nevertheless.

A reason is a sentence about AWS or about the lab, not about haste. An entry that matches no unused
grant is an error of its own.
"""

from dataclasses import dataclass

from fleetmend.deploy.iam import globs


@dataclass(frozen=True, slots=True)
class Accepted:
    """One grant, or several alike: `resource` may have wildcards, `*` is any."""

    function: str
    action: str
    resource: str
    reason: str

    def covers(self, function: str, action: str, resource: str) -> bool:
        """Whether it is about this grant."""
        return (
            globs.matches(self.function, function)
            and self.action.lower() == action.lower()
            and globs.matches(self.resource, resource)
        )


ACCEPTED: tuple[Accepted, ...] = (
    Accepted(
        "recovery",
        "kms:CreateGrant",
        "arn:*:kms:*:key/*",
        "EC2 makes the grant itself when it starts an instance with encrypted volumes; no "
        "emulator has volume keys, so no scenario shows it.",
    ),
    *(
        Accepted(
            "rebuild",
            f"kms:{action}",
            "arn:*:kms:*:key/*",
            "EC2 uses the key itself when it makes or opens encrypted volumes; no emulator has "
            "volume keys, so no scenario shows it.",
        )
        for action in (
            "CreateGrant",
            "Decrypt",
            "DescribeKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncryptFrom",
            "ReEncryptTo",
        )
    ),
    *(
        Accepted(
            concern,
            "s3:PutObject",
            f"arn:*:s3:::*/would/aside/{concern}/*",
            "A record of what would have been done can be unreadable too, and is then set aside; "
            "the lab garbles true records only.",
        )
        for concern in ("recovery", "rebuild", "health", "remediation")
    ),
)
"""The product's own."""
