"""One contestant, in a process of its own: scan the endpoint, judge, say what it took.

`python contestant.py NAME ENDPOINT CORE` prints a line of JSON: instances, seconds from the first
call to the last verdict, how many of them the processor was busy with it, peak resident memory in
MiB, and the violating ids' digest. It runs in whichever environment its tool lives in, so it
imports only what it needs.
"""

import hashlib
import http.client
import json
import logging
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

KEY, ALLOWED = "Environment", ("prod", "staging", "dev")
REGION = "eu-west-1"

Found = tuple[int, list[str]]
"""How many instances there are, and the ids of those that violate."""


def ours(lanes: int = 1) -> Found:
    """Fleetmend's scan and rules."""
    from fleetmend.aws.inventory import scan, scanner
    from fleetmend.core.rules import Rule, Rules, judge

    rules = Rules((Rule("environment", KEY, allowed=ALLOWED),))
    client = scanner(REGION)
    START()
    count, bad = 0, []
    for batch in scan(client, "instance", lanes=lanes):
        count += len(batch.resources)
        bad += [one.id for one in batch.resources if judge(rules, "instance", one.tags)]
    return count, bad


def ours_in_lanes() -> Found:
    """The same in four lanes at once, as the controller may be told to."""
    return ours(lanes=4)


def _judged(pages: Iterator[dict]) -> Found:
    count, bad = 0, []
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                count += 1
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                if tags.get(KEY) not in ALLOWED:
                    bad.append(instance["InstanceId"])
    return count, bad


def boto3_streaming() -> Found:
    """boto3's paginator, one page after the other."""
    import boto3

    client = boto3.client("ec2", region_name=REGION)
    START()
    return _judged(
        client.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000})
    )


def boto3_keeping() -> Found:
    """boto3's paginator, all pages kept before they are judged."""
    import boto3

    client = boto3.client("ec2", region_name=REGION)
    START()
    paginator = client.get_paginator("describe_instances")
    whole = paginator.paginate(PaginationConfig={"PageSize": 1000}).build_full_result()
    return _judged(iter([whole]))


def custodian() -> Found:
    """Cloud Custodian with the same rule."""
    from c7n.config import Config
    from c7n.policy import PolicyCollection
    from c7n.resources import load_resources

    load_resources(("aws.ec2",))
    config = Config.empty(
        region=REGION, regions=[REGION], account_id="123456789012", output_dir="", cache=""
    )
    rule = {"type": "value", "key": f"tag:{KEY}", "op": "not-in", "value": list(ALLOWED)}
    policy = {"name": "environment", "resource": "aws.ec2", "filters": [rule]}
    (loaded,) = PolicyCollection.from_data({"policies": [policy]}, config)
    manager = loaded.resource_manager
    counted: list[int] = []
    keep = manager.filter_resources
    manager.filter_resources = lambda found, event=None: (
        counted.append(len(found)),
        keep(found, event),
    )[1]
    START()
    bad = [one["InstanceId"] for one in manager.resources()]
    return counted[0], bad


def floor() -> Found:
    """The floor: a signed request a page and a regular expression, which proves nothing.

    No retries, no errors, no entities, no comments, no escaping of what it finds: it shows what
    a scan costs that trusts every byte.
    """
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    endpoint = os.environ["AWS_ENDPOINT_URL_EC2"]
    signer = SigV4Auth(Credentials("a", "b"), "ec2", REGION)
    host = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    wanted = re.compile(rb"<instanceId>([^<]*)|<key>Environment</key>\s*<value>(prod|staging|dev)<")
    START()
    token, count, bad = "", 0, []
    while True:
        asked = {"Action": "DescribeInstances", "Version": "2016-11-15", "MaxResults": "1000"}
        body = urlencode({**asked, **({"NextToken": token} if token else {})})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest("POST", endpoint + "/", headers=kind, data=body)
        signer.add_auth(request)
        host.request("POST", "/", body, dict(request.headers.items()))
        page = host.getresponse().read()
        good, last = True, b""
        for identity, value in wanted.findall(page):
            if value:
                good = True
                continue
            if not good:
                bad.append(last.decode())
            count, last, good = count + 1, identity, False
        if not good:
            bad.append(last.decode())
        at = page.rfind(b"<nextToken>")
        if at < 0:
            return count, bad
        token = page[at + 11 : page.index(b"<", at + 11)].decode()


def idle() -> Found:
    """An interpreter with botocore loaded and an EC2 client made, which does nothing."""
    from fleetmend.aws.inventory import scanner

    scanner(REGION)
    return 0, []


CONTESTANTS: dict[str, Callable[[], Found]] = {
    "floor": floor,
    "ours": ours,
    "ours-in-lanes": ours_in_lanes,
    "boto3-streaming": boto3_streaming,
    "boto3-keeping": boto3_keeping,
    "custodian": custodian,
    "idle": idle,
}

_began = [0.0, 0.0]


def START() -> None:  # noqa: N802 -- the line where the clock starts, in every contestant
    """The clock starts: everything is imported, and nothing was asked yet."""
    _began[:] = time.perf_counter(), time.process_time()


def _peak() -> float:
    """Peak resident memory in MiB. The high-water mark, not ru_maxrss, which a fork inherits."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


def main(name: str, endpoint: str, core: str) -> None:
    """Run one contestant."""
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    logging.disable(logging.CRITICAL)
    os.environ.update(
        AWS_ENDPOINT_URL_EC2=endpoint,
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",
        AWS_DEFAULT_REGION=REGION,
    )
    count, bad = CONTESTANTS[name]()
    seconds, busy = time.perf_counter() - _began[0], time.process_time() - _began[1]
    digest = hashlib.sha256(" ".join(sorted(bad)).encode()).hexdigest()[:16]
    told = {
        "instances": count,
        "seconds": seconds,
        "busy": busy,
        "peak": _peak(),
        "violating": len(bad),
        "digest": digest,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
