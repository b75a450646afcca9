"""Pages of describes, as the EC2 API Reference has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmend.lab.emulator import paging
from fleetmend.lab.emulator.paging import Refused, tag

BOTH = ("DescribeInstances", "DescribeInstanceStatus")


def document(reservations: list[int]) -> bytes:
    """An answer with so many instances in each reservation, numbered through."""
    number, text = 0, ""
    for size in reservations:
        items = ""
        for _ in range(size):
            items += f"<item><instanceId>i-{number}</instanceId></item>"
            number += 1
        text += f"<item><reservationId>r</reservationId><instancesSet>{items}</instancesSet></item>"
    return (
        f'<DescribeInstancesResponse xmlns="{paging.NAMESPACE}">'
        f"<reservationSet>{text}</reservationSet></DescribeInstancesResponse>"
    ).encode()


def pages(reservations: list[int], size: int) -> list[list[str]]:
    found: list[list[str]] = []
    token = ""
    while True:
        asked = {"MaxResults": str(size)} | ({"NextToken": token} if token else {})
        start, count = paging.window("DescribeInstances", asked, 1000)
        answer = paging.parse(document(reservations))
        paging.page("DescribeInstances", answer, start, count)
        found.append([e.text or "" for e in answer.iter(tag("instanceId"))])
        token = answer.findtext(tag("nextToken")) or ""
        if not token:
            return found


@given(st.lists(st.integers(0, 12), max_size=8), st.integers(5, 20))
def test_pages_together_are_everything_once(reservations: list[int], size: int) -> None:
    found = pages(reservations, size)
    assert [name for page in found for name in page] == [f"i-{k}" for k in range(sum(reservations))]
    assert all(len(page) == size for page in found[:-1])


@given(st.integers(0, 30), st.integers(5, 20))
def test_statuses_come_in_pages_too(count: int, size: int) -> None:
    items = "".join(f"<item><instanceId>i-{k}</instanceId></item>" for k in range(count))
    whole = (
        f'<R xmlns="{paging.NAMESPACE}"><instanceStatusSet>{items}</instanceStatusSet></R>'
    ).encode()
    found: list[str] = []
    for start in range(0, max(count, 1), size):
        answer = paging.parse(whole)
        paging.page("DescribeInstanceStatus", answer, start, size)
        found += [e.text or "" for e in answer.iter(tag("instanceId"))]
        assert (answer.find(tag("nextToken")) is not None) == (start + size < count)
    assert found == [f"i-{k}" for k in range(count)]


def test_a_reservation_may_go_over_two_pages() -> None:
    assert pages([4, 4], 5) == [["i-0", "i-1", "i-2", "i-3", "i-4"], ["i-5", "i-6", "i-7"]]


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize("size", ["4", "1001", "-1", "many", ""])
def test_sizes_out_of_range_are_refused(operation: str, size: str) -> None:
    with pytest.raises(Refused) as refused:
        paging.window(operation, {"MaxResults": size}, 1000)
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("operation", BOTH)
def test_ids_and_a_size_exclude_each_other(operation: str) -> None:
    with pytest.raises(Refused) as refused:
        paging.window(operation, {"InstanceId.1": "i-1", "MaxResults": "5"}, 1000)
    assert refused.value.code == "InvalidParameterCombination"


def test_status_takes_a_hundred_ids() -> None:
    ids = {f"InstanceId.{k}": f"i-{k}" for k in range(101)}
    assert paging.window("DescribeInstances", ids, 1000) == (0, 1000)
    with pytest.raises(Refused):
        paging.window("DescribeInstanceStatus", ids, 1000)


@pytest.mark.parametrize("token", ["x", "####", "RGVzY3JpYmVJbnN0YW5jZVN0YXR1czo1", "OjU="])
def test_a_token_that_was_not_given_out_is_refused(token: str) -> None:
    with pytest.raises(Refused) as refused:
        paging.window("DescribeInstances", {"NextToken": token}, 1000)
    assert refused.value.code == "InvalidNextToken"
