"""Accept a finding of `fleetmend check` beside the resource it is about, with the reason.

An acceptance is a component without resources: it stands in the program, in the state and in the
resource graph, costs nothing, and goes with its resource. It is not exported.
"""

from collections.abc import Mapping

import pulumi

ACCEPT_TYPE = "fleetmend:check:Accept"
"""The type token by which the judges find acceptances."""

LEAST_WORDS = 4
"""A reason shorter than this explains nothing."""


class Accept(pulumi.ComponentResource):
    """One accepted rule of one resource. Use `accept`."""

    def __init__(self, resource: pulumi.Resource, rule: str, reason: str) -> None:
        name = f"{resource.pulumi_resource_name}-accept-{rule}"
        inputs = {"rule": rule, "reason": reason}
        super().__init__(ACCEPT_TYPE, name, inputs, pulumi.ResourceOptions(parent=resource))
        self.register_outputs({})


def accept_all(resource: pulumi.Resource, reasons: Mapping[str, str]) -> None:
    """Accept several findings about one resource: reasons by rule. See `accept`."""
    for rule, reason in reasons.items():
        accept(resource, rule, reason)


def accept(resource: pulumi.Resource, rule: str, reason: str) -> None:
    """Say that a finding about `resource` is meant.

    Args:
        resource: What the finding is about, or a component: then all its children are meant.
        rule: A rule of docs/checks.md such as `storage-unversioned`, or a check of an independent
            judge, such as `CKV_AWS_18` (Checkov) or `PARLIAMENT_RESOURCE_MISMATCH`.
        reason: Why it is right here, as a sentence; it is shown with the finding.

    Raises:
        ValueError: The reason is no sentence.

    Example:
        accept(logs, "storage-unversioned", "Log lines are written once and never changed.")
    """
    if len(reason.split()) < LEAST_WORDS:
        message = f"the reason why {rule} is accepted says nothing: {reason!r}; write a sentence"
        raise ValueError(message)
    Accept(resource, rule, reason)
