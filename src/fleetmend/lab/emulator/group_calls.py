"""Calls about groups on the wire, where moto's answers know no marks, refreshes or ill targets."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.loaders
from botocore.model import ServiceModel, StructureShape

from fleetmend.lab.autoscaling import OPERATIONS
from fleetmend.lab.emulator.calls import WireCall
from fleetmend.lab.emulator.scaling import MotoHerd
from fleetmend.lab.emulator.untyped import Untyped
from fleetmend.lab.sim import render
from fleetmend.lab.sim.replies import AwsError

Answer = tuple[int, list[tuple[str, str]], bytes]

_MODELS = {"autoscaling": "autoscaling", "elasticloadbalancing": "elbv2"}
"""botocore's name of a service by the one that requests are signed for."""

_XML = [("content-type", "text/xml;charset=UTF-8")]


def serve(herd: MotoHerd, call: WireCall, may_act: tuple[str, str] | None) -> Answer | None:
    """The answer to a call that is answered here, None where moto's will do.

    Args:
        herd: the groups.
        call: the request.
        may_act: the tag that IAM demands of the group, if anything.
    """
    try:
        match call.service, call.operation:
            case "autoscaling", operation if operation in OPERATIONS:
                answer = herd.calls.handle(operation, _structured(call.parameters), may_act)
            case "elasticloadbalancing", "DescribeTargetHealth":
                arn = str(call.parameters.get("TargetGroupArn", ""))
                owners = [g for g in herd.groups.values() if arn in g.raw.target_group_arns]
                if not owners:
                    return None
                answer = herd.calls.targets(owners[0])
            case _:
                return None
    except AwsError as refused:
        _, body = render.error("query", refused)
        return refused.status, _XML, body
    shape = output(_MODELS[call.service], call.operation)
    return 200, _XML, render.answer(call.operation, "query", shape, answer)


def _structured(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A form's parameters, `Name.member.1` and so on as the list `Name`."""
    given: dict[str, Any] = {}
    for key, value in parameters.items():
        name, dot, _ = key.partition(".member.")
        if dot:
            given.setdefault(name, []).append(value)
        else:
            given[key] = value
    return given


@cache
def output(service: str, operation: str) -> StructureShape | None:
    """The shape of an operation's answer, by botocore's name of the service."""
    loader: Untyped = botocore.loaders.Loader()
    model: Untyped = ServiceModel(loader.load_service_model(service, "service-2"), service)
    return model.operation_model(operation).output_shape
