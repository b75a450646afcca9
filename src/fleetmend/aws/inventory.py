"""What there is in a region: every resource of the kinds asked for, page by page.

Instances go through the selective parser (`selective.py`); signing, retries and pagination are
botocore's. The next page is fetched while this one is judged, and no more than these two are
held, so that memory does not grow with the fleet. A page that cannot be read whole is an error,
never a short answer.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

from fleetmend.aws.clients import SCANNING, Client, config
from fleetmend.aws.errors import SdkError, failed
from fleetmend.aws.selective import Fields, Page, session_keeping
from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.ports import ObservationFailed

PAGE = 1000
"""The most items that EC2 puts on a page (DescribeInstances, MaxResults)."""

LIVING = ("pending", "running", "stopping", "stopped")
"""What has tags worth asking for: EC2 shows a terminated instance for another hour."""

Filters = Mapping[str, tuple[str, ...]]
"""EC2 filter name → values, such as `{"availability-zone": ("eu-west-1a",)}`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of resource is listed, and under what names its answer holds things."""

    operation: str
    result: str
    id: str
    tags: str = "Tags"
    asked: Mapping[str, object] = field(default_factory=dict[str, object])


KINDS: Mapping[str, Kind] = {
    "volume": Kind("describe_volumes", "Volumes", "VolumeId"),
    "interface": Kind(
        "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", "TagSet"
    ),
    "snapshot": Kind("describe_snapshots", "Snapshots", "SnapshotId", asked={"OwnerIds": ["self"]}),
    "image": Kind("describe_images", "Images", "ImageId", asked={"Owners": ["self"]}),
}
"""Every kind but instances, of which there are most and which have a parser of their own."""


def scanner(
    region: str,
    *,
    fields: Fields | None = None,
    credentials: Mapping[str, str] | None = None,
    prepare: Callable[[Any], None] = lambda _: None,
) -> Client:
    """An EC2 client for `scan`; endpoints come from the environment, and so does what is left out.

    Args:
        region: where to look.
        fields: what to keep of an instance beside its id and tags (see `selective.Fields`).
        credentials: keyword arguments of botocore's `create_client`, of an assumed role.
        prepare: is given botocore's session before the client is made; the lab hooks in there.
    """
    session = session_keeping(fields or {})
    prepare(session)
    return cast("Any", session).create_client(
        "ec2", region_name=region, config=config(SCANNING), **(credentials or {})
    )


def scan(
    client: Client,
    kind: str,
    *,
    filters: Filters | None = None,
    token: str = "",
    ahead: bool = True,
) -> Iterator[Batch]:
    """Every resource of one kind, to the end of its pages.

    Args:
        client: made by `scanner`.
        kind: `instance`, or one of `KINDS`.
        filters: a part of them, which other calls complete; instances are the living ones.
        token: where to go on: a batch's token.
        ahead: whether the next page is fetched while this one is judged.

    Raises:
        ObservationFailed: AWS refused, did not answer, or answered what cannot be read whole.
    """
    listed = KINDS.get(kind)
    wanted = {**(filters or {}), **({} if listed else {"instance-state-name": LIVING})}
    asked: dict[str, object] = dict(listed.asked) if listed else {}
    if wanted:
        asked["Filters"] = [{"Name": name, "Values": list(wanted[name])} for name in wanted]
    if token:
        asked["NextToken"] = token
    operation = listed.operation if listed else "describe_instances"
    try:
        pages = _pages(client, operation, asked)
        for page in _ahead(pages) if ahead else pages:
            following = str(page.get("NextToken") or "")
            found = _others(page, kind, listed) if listed else _instances(page)
            yield Batch(found, following)
    except SdkError as error:
        raise failed(ObservationFailed, f"ec2:{_action(operation)}", error) from error


def _pages(
    client: Client, operation: str, asked: Mapping[str, object]
) -> Iterator[Mapping[str, Any]]:
    paginator = client.get_paginator(operation)
    return iter(paginator.paginate(**asked, PaginationConfig={"PageSize": PAGE}))


def _ahead(pages: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The same pages, each with the next one already on its way."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="page") as ahead:
        coming = ahead.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = ahead.submit(next, pages, None)
            yield page
            del page


def _instances(page: Mapping[str, Any]) -> list[Resource]:
    kept = cast("Page", page["Page"]).instances()
    return [Resource("instance", one.pop("id"), one.pop("tags"), one) for one in kept]


def _others(page: Mapping[str, Any], kind: str, listed: Kind) -> list[Resource]:
    found: list[Resource] = []
    for item in cast("list[Mapping[str, Any]]", page.get(listed.result) or []):
        tags = cast("list[Mapping[str, Any]]", item.get(listed.tags) or [])
        known = {str(tag.get("Key") or ""): str(tag.get("Value") or "") for tag in tags}
        found.append(Resource(kind, str(item.get(listed.id) or ""), known))
    return found


def _action(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))
