"""What an installation's tag rules make of remediation's recorded calls.

Its grants follow the rules: which tags it may set, which sources it may ask, whether it may stop.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fleetmend.core import holds
from fleetmend.core.remediation import CONCERN
from fleetmend.core.rules import Remedy, Rules, decode
from fleetmend.deploy.privilege.calls import Call
from fleetmend.deploy.view import View, listing, mapping, text_of

__all__ = ["CONCERN", "calls_by", "rules_of"]

_OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
_KEY = "rules/compliance.json"
_SOURCES = {
    "DescribeVpcs": "vpc",
    "DescribeAutoScalingGroups": "group",
    "LookupEvents": "creator",
}


def rules_of(view: View) -> Rules:
    """The rules that the program puts into the ledger; none where it puts none."""
    for node in view.of_type(_OBJECT):
        if text_of(node, "key") == _KEY:
            return decode(text_of(node, "content").encode())
    return Rules(())


def calls_by(rules: Rules, calls: tuple[Call, ...]) -> Iterator[Call]:
    """The calls as these rules let them be made; what they give no cause for is left out.

    A tag that was filled in becomes the first that these rules fill in.
    """
    filling = [rule for rule in rules.rules if Remedy.FILL in rule.remedies]
    sources = {source for rule in filling for source in rule.sources}
    stops = any(Remedy.STOP in rule.remedies for rule in rules.rules)
    for call in calls:
        tags = [mapping(one) for one in listing(call.params.get("Tags"))]
        if call.operation == "StopInstances" and not stops:
            continue
        if _SOURCES.get(call.operation) not in {None, *sources}:
            continue
        if not all(one["Key"] == holds.TAG for one in tags):
            if filling:
                yield _tagging(call, tags, filling[0].key)
            continue
        yield call


def _tagging(call: Call, tags: list[Mapping[str, Any]], key: str) -> Call:
    named = [{**one, "Key": one["Key"] if one["Key"] == holds.TAG else key} for one in tags]
    return replace(call, params={**call.params, "Tags": named})
