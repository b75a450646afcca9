"""Pages of EC2's describes, which moto does not give: `MaxResults` and `NextToken`.

The rules are those of the EC2 API Reference: `maxResults` from 5 to 1000, never together with
instance ids; at most 100 ids for DescribeInstanceStatus; a token that was not given out is
refused.
"""

import base64
import binascii
import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as Xml  # trusted: this process wrote it

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15"
LEAST, MOST = 5, 1000
MOST_STATUS_IDS = 100
RETIREMENT = "instance-retirement"
"""The code of the event that announces it (DescribeInstanceStatus, InstanceStatusEvent)."""
_SETS = {"DescribeInstances": "reservationSet", "DescribeInstanceStatus": "instanceStatusSet"}

ELEMENTS = {
    "system": "systemStatus",
    "instance": "instanceStatus",
    "attached-ebs": "attachedEbsStatus",
}
"""What an item of DescribeInstanceStatus calls each check."""

Xml.register_namespace("", NAMESPACE)


class Refused(Exception):
    """AWS would refuse the request: `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def tag(name: str) -> str:
    """An element's name in EC2's namespace."""
    return f"{{{NAMESPACE}}}{name}"


def window(operation: str, parameters: Mapping[str, Any], usual: int) -> tuple[int, int]:
    """First item and number of items of the page that is asked for; `usual` if it says nothing.

    Raises:
        Refused: as AWS does.
    """
    ids = sum(key.startswith("InstanceId.") for key in parameters)
    if ids and "MaxResults" in parameters:
        raise Refused(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    if operation == "DescribeInstanceStatus" and ids > MOST_STATUS_IDS:
        raise Refused("InvalidParameterValue", f"At most {MOST_STATUS_IDS} instance ids, not {ids}")
    size = str(parameters.get("MaxResults", usual))
    if not size.isdecimal() or not (LEAST <= int(size) <= MOST or "MaxResults" not in parameters):
        raise Refused(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. "
            f"Expecting a value between {LEAST} and {MOST}.",
        )
    return _start(operation, str(parameters.get("NextToken", ""))), int(size) if not ids else MOST


def _start(operation: str, token: str) -> int:
    if not token:
        return 0
    try:
        name, _, start = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, start = "", ""
    if name != operation or not start.isdecimal():
        raise Refused("InvalidNextToken", "The token is not valid.")
    return int(start)


def page(operation: str, document: Xml.Element, start: int, size: int) -> None:
    """Cut the answer down to one page in place, and add the token of the next.

    DescribeInstances counts instances, not reservations: one reservation may go over two pages.
    """
    holder = document.find(tag(_SETS[operation]))
    if holder is None:
        return
    total = _cut(operation, holder, start, size)
    if start + size < total:
        token = base64.b64encode(f"{operation}:{start + size}".encode()).decode()
        Xml.SubElement(document, tag("nextToken")).text = token


def _cut(operation: str, holder: Xml.Element, start: int, size: int) -> int:
    """Keep the items of the page; how many there were."""
    if operation == "DescribeInstanceStatus":
        items = list(holder)
        for index, item in enumerate(items):
            if not start <= index < start + size:
                holder.remove(item)
        return len(items)
    seen = 0
    for reservation in list(holder):
        instances = reservation.find(tag("instancesSet"))
        for instance in list(instances) if instances is not None else ():
            if not start <= seen < start + size and instances is not None:
                instances.remove(instance)
            seen += 1
        if instances is None or not len(instances):
            holder.remove(reservation)
    return seen


def status_item(
    item: Xml.Element, summaries: Mapping[str, str], retires_at: float | None = None
) -> None:
    """Set what an item of DescribeInstanceStatus says.

    Args:
        item: the element.
        summaries: element name → status.
        retires_at: when AWS retires the instance, in seconds since the epoch, if it does.
    """
    if retires_at is not None:
        event = Xml.SubElement(Xml.SubElement(item, tag("eventsSet")), tag("item"))
        moment = datetime.fromtimestamp(retires_at, UTC)
        Xml.SubElement(event, tag("code")).text = RETIREMENT
        Xml.SubElement(event, tag("notBefore")).text = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for name, status in summaries.items():
        for old in item.findall(tag(name)):
            item.remove(old)
        summary = Xml.SubElement(item, tag(name))
        Xml.SubElement(summary, tag("status")).text = status
        if status != "not-applicable":
            details = Xml.SubElement(Xml.SubElement(summary, tag("details")), tag("item"))
            Xml.SubElement(details, tag("name")).text = "reachability"
            detail = {"ok": "passed", "impaired": "failed"}.get(status, status)
            Xml.SubElement(details, tag("status")).text = detail


def filtered_checks(asked: dict[str, Any]) -> dict[str, set[str]]:
    """Takes the filters for status checks out of a request: moto has none of them."""
    wanted: dict[str, set[str]] = {}
    for key in [key for key in asked if key.startswith("Filter.") and key.endswith(".Name")]:
        check = str(asked[key]).removesuffix("-status.status")
        if check not in ELEMENTS:
            continue
        head = f"{key.removesuffix('Name')}Value."
        values = [name for name in asked if name.startswith(head)]
        wanted[check] = {str(asked.pop(name)) for name in values}
        asked.pop(key)
    return wanted


def keep_checks(document: Xml.Element, wanted: Mapping[str, set[str]]) -> None:
    """Keep the items of DescribeInstanceStatus whose checks are as filtered for."""
    holder = document.find(tag(_SETS["DescribeInstanceStatus"]))
    for item in list(holder) if holder is not None else ():
        found = {one: item.findtext(f"{tag(ELEMENTS[one])}/{tag('status')}") for one in wanted}
        if holder is not None and any(found[one] not in wanted[one] for one in wanted):
            holder.remove(item)


def parse(content: bytes) -> Xml.Element:
    """The answer as a tree."""
    return Xml.fromstring(content)  # noqa: S314 - this process wrote it


def text(document: Xml.Element) -> bytes:
    """The tree as an answer."""
    return Xml.tostring(copy.copy(document), encoding="utf-8", xml_declaration=True)
