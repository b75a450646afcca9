"""The selective parser says what botocore's own says, on plain and on outlandish answers."""

import random
import re
from xml.sax.saxutils import escape

import pytest
from botocore.awsrequest import AWSResponse
from botocore.parsers import EC2QueryParser, ResponseParserError
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmend.aws import selective
from fleetmend.aws.selective import Unplain, select

SHAPE = Session().get_service_model("ec2").operation_model("DescribeInstances").output_shape
FIELDS = {"state": ("instanceState", "name"), "type": ("instanceType",)}
XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"

names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12
) | st.sampled_from(["a/b", 'x="1"', "a>b", "<b>", "&", "]]>", "  pad  ", "<!-- -->", "ü/>"])


@st.composite
def wire_texts(draw, text):
    """The same text as XML may spell it: escaped, with references, or in CDATA."""
    way = draw(st.sampled_from(["escape", "escape", "escape", "raw>", "reference", "cdata"]))
    if way == "cdata" and "]]>" not in text:
        return f"<![CDATA[{text}]]>"
    if way == "reference":
        return "".join(f"&#x{ord(c):x};" for c in text)
    escaped = escape(text)
    return escaped.replace("&gt;", ">") if way == "raw>" and "]]&gt;" not in escaped else escaped


@st.composite
def instances(draw, number):
    """One instance's XML, with decoys among its elements."""
    tags = draw(st.dictionaries(names, names | st.just(""), max_size=3))
    items = "".join(
        f"<item><key>{draw(wire_texts(k))}</key>"
        + (
            f"<value>{draw(wire_texts(v))}</value>"
            if v
            else draw(st.sampled_from(["<value/>", "<value></value>"]))
        )
        + "</item>"
        for k, v in tags.items()
    )
    if draw(st.booleans()):
        items = items.replace("<item>", "\n   <item>").replace("<key>", " <key>")
    tag_set = (
        f"<tagSet>{items}</tagSet>"
        if items or draw(st.booleans())
        else draw(st.sampled_from(["", "<tagSet/>"]))
    )
    body = [
        draw(st.sampled_from(["<instanceType>m7g.large</instanceType>", "", "<instanceType/>"])),
        draw(
            st.sampled_from(
                [
                    "<instanceState><code>16</code><name>running</name></instanceState>",
                    "<instanceState/>",
                ]
            )
        ),
        tag_set,
        draw(
            st.sampled_from(
                [
                    "",
                    "<groupSet><item><groupId>sg-1</groupId></item></groupSet>",
                    "<newThing><tagSet><item><key>no</key><value>no</value></item></tagSet></newThing>",
                    "<newThing><instanceId>i-decoy</instanceId></newThing>",
                    "<newThing><item/><item><instanceType>no</instanceType></item></newThing>",
                    "<newThing at='x'>text</newThing>",
                    "<newThing><instancesSet><item><instanceId>i-no</instanceId></item></instancesSet></newThing>",
                    "<!-- <instanceId>i-comment</instanceId> -->",
                ]
            )
        ),
    ]
    draw(st.randoms(use_true_random=False)).shuffle(body)
    return f"<item><instanceId>i-{number}</instanceId>{''.join(body)}</item>"


@st.composite
def pages(draw):
    """A whole answer: reservations of one to three instances, in any spelling of white space."""
    number, reservations = 0, []
    for _ in range(draw(st.integers(0, 3))):
        inner = []
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            inner.append(draw(instances(number)))
        gap = draw(st.sampled_from(["", "\n", "  "]))
        group = draw(
            st.sampled_from(
                ["", "<groupSet/>", "<groupSet><item><groupId>g</groupId></item></groupSet>"]
            )
        )
        reservations.append(
            f"<item><reservationId>r</reservationId>{group}<instancesSet>{gap}{gap.join(inner)}</instancesSet></item>"
        )
    token = draw(st.sampled_from(["", "<nextToken>a&amp;b</nextToken>", "<nextToken/>"]))
    head = draw(st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>\n']))
    body = (
        f'{head}<DescribeInstancesResponse xmlns="{XMLNS}"><requestId>r</requestId>'
        f"<reservationSet>{''.join(reservations)}</reservationSet>{token}</DescribeInstancesResponse>"
    )
    if draw(st.integers(0, 5)) == 0:
        body = prefixed(body)
    return body.encode()


def prefixed(body):
    body = re.sub(r"<(/?)(?=[A-Za-z])", r"<\1ec2:", body)
    return body.replace("xmlns=", "xmlns:ec2=")


def truth(body):
    """What botocore's own parser makes of it, cut down to what is kept."""
    parsed = EC2QueryParser().parse({"body": body, "headers": {}, "status_code": 200}, SHAPE)
    found = [
        {
            "id": instance.get("InstanceId", ""),
            "state": instance.get("State", {}).get("Name", ""),
            "type": instance.get("InstanceType", ""),
            "tags": {tag.get("Key", ""): tag.get("Value", "") for tag in instance.get("Tags", [])},
        }
        for reservation in parsed.get("Reservations", [])
        for instance in reservation.get("Instances", [])
    ]
    return found, parsed.get("NextToken", "")


@settings(max_examples=600)
@given(pages())
def test_it_says_what_botocore_says(body):
    assert select(body, FIELDS) == truth(body)


@settings(max_examples=200)
@given(pages(), st.randoms(use_true_random=False))
def test_a_body_cut_short_is_an_error(body, chance: random.Random):
    cut = body[: chance.randrange(0, len(body) - 1)]
    with pytest.raises(ResponseParserError):
        select(cut, FIELDS)


def plain(count):
    items = "".join(
        f"""<item>
      <instanceId>i-{n}</instanceId><instanceState><code>16</code><name>running</name></instanceState>
      <reason/><instanceType>t4g.small</instanceType>
      <groupSet><item><groupId>sg-1</groupId></item></groupSet>
      <tagSet>
        <item><key>Name</key><value>web/{n}</value></item>
        <item><key>Empty</key><value/></item>
      </tagSet><hypervisor>xen</hypervisor></item>"""
        for n in range(count)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns="{XMLNS}">'
        "<requestId>r</requestId>"
        "<reservationSet><item><reservationId>r</reservationId><groupSet/>"
        f"<instancesSet>{items}</instancesSet></item>"
        f"</reservationSet><nextToken>t</nextToken></DescribeInstancesResponse>"
    ).encode()


def test_what_ec2_sends_goes_the_quick_way():
    body = plain(50)
    assert selective._quick(body, FIELDS) == truth(body)


@pytest.mark.parametrize(
    "odd",
    [
        (b"<reason/>", b"<!-- x -->"),
        (b"<reason/>", b"<x><instanceId>i-9</instanceId></x>"),
        (b"<reason/>", b"<x><tagSet></tagSet></x>"),
        (b"<tagSet>", b'<tagSet a="1">'),
        (b"<instanceId>i-1", b"<instanceId >i-1"),
        (b"web/3", b"a>b"),
        (b"</hypervisor>", b"</hypervisor><item/>"),
    ],
)
def test_what_it_cannot_prove_it_hands_over(odd):
    body = plain(5).replace(odd[0], odd[1], 1)
    try:
        quick = selective._quick(body, FIELDS)
    except Unplain:
        quick = None
    assert quick in (None, truth(body))
    assert select(body, FIELDS) == truth(body)


def test_a_client_of_the_session_pages_with_the_selective_answer(monkeypatch):
    client = selective.session_keeping(FIELDS).create_client(
        "ec2", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    answers = [plain(3), plain(2).replace(b"<nextToken>t</nextToken>", b"")]

    class Raw:
        def __init__(self, body):
            self.body = body

        def stream(self):
            yield self.body

    def answer(request, **_):
        return AWSResponse(request.url, 200, {}, Raw(answers.pop(0)))

    client.meta.events.register("before-send.ec2.*", answer)
    pages_read = list(client.get_paginator("describe_instances").paginate())
    assert [len(page["Page"].instances()) for page in pages_read] == [3, 2]
    assert pages_read[0]["Page"].instances()[1] == {
        "id": "i-1",
        "state": "running",
        "type": "t4g.small",
        "tags": {"Name": "web/1", "Empty": ""},
    }
