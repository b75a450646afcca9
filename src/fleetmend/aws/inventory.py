"""What there is in a region: every resource of the kinds asked for, page by page.

Instances go through the selective parser (`selective.py`); signing, retries and pagination are
botocore's. The next page is fetched while this one is judged, and no more than these two are
held, so that memory does not grow with the fleet; a large listing is read in lanes at once, each
with one page on its way (`lanes.py`). A page that cannot be read whole is an error,
never a short answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from fleetmend.aws import lanes as in_lanes
from fleetmend.aws.clients import SCANNING, Client, config
from fleetmend.aws.errors import SdkError, failed
from fleetmend.aws.selective import Fields, Page, session_keeping
from fleetmend.core.compliance import Batch, Resource
from fleetmend.core.ports import ObservationFailed

PAGE = 1000
"""The most items that EC2 puts on a page (DescribeInstances, MaxResults)."""

LIVING = ("pending", "running", "stopping", "stopped")
"""What has tags worth asking for: EC2 shows a terminated instance for another hour."""

Filters = Mapping[str, Sequence[str]]
"""EC2 filter name → values, such as `{"availability-zone": ("eu-west-1a",)}`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of resource is listed, and under what names its answer holds things.

    `filter` is the one for ids, and `only` what is listed where a caller says nothing else.
    """

    operation: str
    filter: str
    result: str
    id: str
    tags: str = "Tags"
    asked: Mapping[str, object] = field(default_factory=dict[str, object])
    only: Filters = field(default_factory=dict[str, Sequence[str]])


KINDS: Mapping[str, Kind] = {
    "instance": Kind(
        "describe_instances", "instance-id", "", "", only={"instance-state-name": LIVING}
    ),
    "volume": Kind("describe_volumes", "volume-id", "Volumes", "VolumeId"),
    "interface": Kind(
        "describe_network_interfaces",
        "network-interface-id",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        "TagSet",
    ),
    "snapshot": Kind(
        "describe_snapshots", "snapshot-id", "Snapshots", "SnapshotId", asked={"OwnerIds": ["self"]}
    ),
    "image": Kind("describe_images", "image-id", "Images", "ImageId", asked={"Owners": ["self"]}),
}
"""Every kind; instances, of which there are most, have a parser that says what an answer holds."""


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
    lanes: int = 1,
    ahead: bool = True,
) -> Iterator[Batch]:
    """Every resource of one kind, to the end of its pages.

    Args:
        client: made by `scanner`.
        kind: `instance`, or one of `KINDS`.
        filters: a part of them, which other calls complete; instances are the living ones where
            no filter says in which state.
        token: where to go on: a batch's token.
        lanes: how many parts of it are read at once, where there is more than a page.
        ahead: whether the next page is fetched while this one is judged.

    Raises:
        ObservationFailed: AWS refused, did not answer, or answered what cannot be read whole.
    """
    listed, asked = KINDS[kind], dict(filters or {})
    asked.update({name: values for name, values in listed.only.items() if name not in asked})
    try:
        yield from in_lanes.scan(_Listing(client, kind, listed, asked), token, lanes, ahead=ahead)
    except SdkError as error:
        action = "".join(word.capitalize() for word in listed.operation.split("_"))
        raise failed(ObservationFailed, f"ec2:{action}", error) from error


@dataclass(frozen=True, slots=True)
class _Listing:
    """`lanes.Listing` of one kind, over a client."""

    client: Client
    kind: str
    listed: Kind
    filters: Filters

    def pages(self, token: str, ids: tuple[str, ...] = ()) -> Iterator[Mapping[str, Any]]:
        """See `lanes.Listing`."""
        wanted = {**self.filters, **({self.listed.filter: ids} if ids else {})}
        asked = dict(self.listed.asked)
        if wanted:
            asked["Filters"] = [{"Name": name, "Values": list(wanted[name])} for name in wanted]
        if token:
            asked["NextToken"] = token
        paginator = self.client.get_paginator(self.listed.operation)
        return iter(paginator.paginate(**asked, PaginationConfig={"PageSize": PAGE}))

    def batch(self, page: Mapping[str, Any]) -> Batch:
        """See `lanes.Listing`."""
        following = str(page.get("NextToken") or "")
        if self.listed.result:
            return Batch(_others(page, self.kind, self.listed), following)
        return Batch(_instances(page), following)


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
