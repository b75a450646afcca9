"""Accepting a finding beside the resource, with a reason."""

import pulumi
import pulumi_aws as aws
import pytest

from fleetmend.components.accept import accept
from fleetmend.core.graph import Graph
from fleetmend.deploy.capture import capture
from fleetmend.deploy.check import Finding, Severity, check
from fleetmend.deploy.check.acceptance import acceptances
from fleetmend.deploy.view import View

REASON = "Everybody may read what lies here, and it is made anew each day."


class Site(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("test:index:Site", name)
        aws.s3.Bucket(f"{name}-bucket", opts=pulumi.ResourceOptions(parent=self))


def captured(rule: str, *, on_component: bool = False) -> Graph:
    def program() -> None:
        if on_component:
            accept(Site("site"), rule, REASON)
        else:
            accept(aws.s3.Bucket("bucket"), rule, REASON)

    return capture(program, config={})


def of_rule(graph: Graph, rule: str) -> list[Finding]:
    return [finding for finding in check(graph) if finding.rule == rule]


@pytest.mark.parametrize("on_component", [False, True])
def test_an_accepted_finding_is_told_with_its_reason(on_component: bool) -> None:
    graph = captured("storage-unversioned", on_component=on_component)
    (finding,) = of_rule(graph, "storage-unversioned")
    assert (finding.severity, finding.accepted) == (Severity.INFO, REASON)
    assert REASON in str(finding)
    assert of_rule(graph, "storage-unencrypted")[0].severity is Severity.ERROR


def test_an_acceptance_without_a_fault_is_a_finding() -> None:
    (finding,) = of_rule(captured("net-one-zone"), "accept-unmet")
    assert finding.resource == "bucket"
    assert "net-one-zone" in finding.message


def test_an_acceptance_of_an_unknown_rule_is_an_error() -> None:
    (finding,) = of_rule(captured("storage-unversionned"), "accept-unknown")
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize("rule", ["CKV_AWS_18", "CKV2_AWS_62", "PARLIAMENT_RESOURCE_MISMATCH"])
def test_other_judges_are_left_to_their_own_test(rule: str) -> None:
    graph = captured(rule)
    assert not of_rule(graph, "accept-unknown")
    assert not of_rule(graph, "accept-unmet")
    assert [(a.rule, a.reason) for a in acceptances(View(graph))] == [(rule, REASON)]


def test_a_reason_is_a_sentence() -> None:
    def program() -> None:
        accept(aws.s3.Bucket("bucket"), "storage-unversioned", "because")

    with pytest.raises(ValueError, match="write a sentence"):
        capture(program, config={})
