"""The balancer: what it lets in, who reaches it, and what its successors are called."""

from typing import Any

import pulumi

from fleetmend.components.balancer import Balancer
from fleetmend.core.graph import Graph
from tests.components.graphs import (
    INGRESS,
    ME,
    PRIVATE,
    astray,
    badly_tagged,
    graph,
    one,
    ports,
)


def balancer(**more: Any) -> Graph:
    args: Any = {
        "installation": ME,
        "vpc_id": "vpc-1",
        "subnet_ids": PRIVATE,
        "certificate_arn": "arn:aws:acm:us-west-2:123456789012:certificate/c",
        "log_bucket": "logs",
        **more,
    }

    def program(opts: pulumi.ResourceOptions) -> None:
        Balancer("bal", args, opts)

    return graph(program)


def test_a_balancer_is_internal_speaks_modern_tls_and_logs() -> None:
    found = balancer()
    made = one(found, "aws:lb/loadBalancer:LoadBalancer").inputs
    assert made["internal"] is True
    assert made["enableDeletionProtection"] is True
    assert made["dropInvalidHeaderFields"] is True
    assert made["accessLogs"] == {"bucket": "logs", "prefix": "balancer", "enabled": True}
    (listener,) = found.of_type("aws:lb/listener:Listener")
    assert (listener.inputs["protocol"], listener.inputs["port"]) == ("HTTPS", 443)
    assert listener.inputs["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    assert badly_tagged(found) == []
    assert list(astray(found, "bal")) == []


def test_a_balancer_is_reached_by_authorised_ranges_on_https_only() -> None:
    found = balancer(authorized_ip_ranges=["198.51.100.0/24"], public=True)
    rule = one(found, INGRESS).inputs
    assert rule["cidrIpv4"] == "198.51.100.0/24"
    assert ports(found, INGRESS) == {(443, 443)}


def test_successors_that_must_stand_beside_do_not_share_a_name() -> None:
    def name(kind: str, **more: Any) -> str:
        return one(balancer(**more), kind).inputs["name"]

    load_balancer, target = "aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"
    assert name(load_balancer) != name(load_balancer, public=True)
    assert name(target) != name(target, application_port=8443)
    assert name(target) != name(target, application_protocol="HTTP")
