"""A selective parser of DescribeInstances: it keeps what was asked for and builds nothing else.

botocore parses all of an instance (some 4.6 kB of XML) into nested dictionaries, which costs ten
times the transport. A scan wants an id and some tags. So the client of a scan gets a parser of
its own through botocore's `response_parser_factory` component; signing, retries and pagination
stay botocore's.

Two ways give the same answer. The quick one looks for byte strings and proves by counting that
they stand where they must; it serves the plain XML that EC2 sends. Whatever it cannot prove (a
comment, CDATA, an attribute, a namespace prefix, a name that occurs twice) goes to expat, the
whole page or that one instance. A body that is cut short is an error, never a short answer.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any, cast

from botocore.model import Shape
from botocore.parsers import (
    EC2QueryParser,
    ResponseParserError,
    ResponseParserFactory,
)
from botocore.session import Session

Fields = Mapping[str, tuple[str, ...]]
"""What to keep of an instance: a key of your own → element names from the instance down."""

_INSTANCE_DEPTH = 4
"""reservationSet, item, instancesSet, item: what is open where an instance's id stands."""

_GLUE = 200
"""More than EC2's indentation between two instances; what is farther away is not glue."""

_FLESH = bytes(set(range(256)) - set(b"</>"))
_FIRST = re.compile(rb"<instancesSet>\s*<item>\s*\Z")
_NEXT = re.compile(rb"</item>\s*<item>\s*\Z")
_TAG = re.compile(rb"<item>\s*<key>([^<]*)</key>\s*<value>([^<]*)</(?:value)?>\s*</item>")
_TAGS = re.compile(rb"\s*(?:%s\s*)*" % _TAG.pattern)
_TAG_SKELETON = b"<><></><></></>"
_HEAD = re.compile(
    rb'(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")?\?>)?\s*'
    rb'<DescribeInstancesResponse(?: xmlns="[^"<>]*")?>'
)
_FOOT = b"</DescribeInstancesResponse>"

Kept = dict[str, Any]
"""One instance: `id`, `tags` (key → value), and a text for each field that was asked for."""


class Unplain(Exception):
    """The quick way cannot prove where something stands; expat can."""


def session_keeping(fields: Fields) -> Session:
    """A botocore session whose EC2 clients answer DescribeInstances with `fields` and tags only.

    A page is `{"Instances": [Kept, ...], "NextToken": ..., "ResponseMetadata": ...}`; every
    other operation is parsed as always.
    """
    session = Session()
    cast("Any", session).register_component("response_parser_factory", _Factory(fields))
    return session


def select(body: bytes, fields: Fields) -> tuple[list[Kept], str]:
    """The instances of one page, in its order, and the token of the next page (empty: none).

    Raises:
        ResponseParserError: the body is not a whole DescribeInstances answer.
    """
    try:
        return _quick(body, fields)
    except (Unplain, UnicodeDecodeError):
        return _careful(body, fields)


class _Factory(ResponseParserFactory):
    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self._fields = fields

    def create_parser(self, protocol_name: str) -> Any:  # noqa: ANN401 -- botocore names none
        if protocol_name != "ec2":
            return cast("Any", super()).create_parser(protocol_name)
        parser = _Parser()
        parser.fields = self._fields
        return parser


class _Parser(EC2QueryParser):
    fields: Fields

    def _do_parse(self, response: Mapping[str, Any], shape: Shape | None) -> object:
        if shape is None or cast("str", shape.name) != "DescribeInstancesResult":
            return cast("Any", super())._do_parse(response, shape)  # noqa: SLF001 -- its own parent
        instances, token = select(response["body"], self.fields)
        page: dict[str, Any] = {"Instances": instances, "ResponseMetadata": {}}
        if token:
            page["NextToken"] = token
        return page


# --- the quick way ---------------------------------------------------------------------------


def _quick(body: bytes, fields: Fields) -> tuple[list[Kept], str]:
    content = _plain(body)
    opened = content.find(b"<reservationSet")
    token = _token(content)
    if opened < 0:
        return [], token
    if content.count(b"reservationSet>") != 2 or _depth(content[:opened]) != 0:
        raise Unplain
    pieces = content.split(b"<instanceId>")
    if len(pieces) == 1:  # a page without instances is too small to be quick about
        raise Unplain
    _expect_instance(pieces[0], _FIRST, _depth(pieces[0]))
    instances: list[Kept] = []
    for piece in pieces[1:-1]:
        kept, depth = _instance(piece, fields)
        instances.append(kept)
        opening = _FIRST if b"</instancesSet>" in piece else _NEXT
        _expect_instance(piece, opening, _INSTANCE_DEPTH + depth)
    kept, depth = _instance(pieces[-1], fields)
    instances.append(kept)
    if depth != -_INSTANCE_DEPTH or b"</reservationSet>" not in pieces[-1]:
        raise Unplain
    return instances, token


def _plain(body: bytes) -> bytes:
    """The content of the root, once the body has proved to be plain, with `<a/>` as `<a></>`.

    With as many `<` as `>` (`_depth` sees to it) no text holds a bare `>`, so that every `/>`
    ended an empty element, and the depth of any place is a matter of counting.
    """
    head = _HEAD.match(body)
    stop = body.rfind(_FOOT)
    if not head or stop < 0 or body[stop + len(_FOOT) :].strip():
        raise Unplain
    if b"\r" in body or (b"!" in body and b"<!" in body):
        raise Unplain
    content = body[head.end() : stop].replace(b"/>", b"></>")
    if b"xmlns:" in content or (b"?" in content and b"<?" in content):
        raise Unplain
    content.decode()  # all of it must be UTF-8, as expat would demand
    return content


def _depth(span: bytes) -> int:
    """How many elements are opened and not closed in a span of a plain body."""
    skeleton = span.translate(None, _FLESH)
    tags = skeleton.count(b"<")
    if tags != skeleton.count(b">"):
        raise Unplain
    return tags - 2 * skeleton.count(b"</")


def _expect_instance(before: bytes, opening: re.Pattern[bytes], depth: int) -> None:
    """What stands right before an instance's id, and how deep: so it is an instance's."""
    if depth != _INSTANCE_DEPTH or not opening.search(before[-_GLUE:]):
        raise Unplain


def _token(content: bytes) -> str:
    at = content.find(b"<nextToken")
    if at < 0:
        return ""
    if _depth(content[:at]) != 0 or content.count(b"<nextToken") != 1:
        raise Unplain
    return _text(_inside(content, at, b"nextToken"))


def _instance(piece: bytes, fields: Fields) -> tuple[Kept, int]:
    """One instance from behind `<instanceId>` to the next one; and the change of depth there."""
    end = piece.find(b"</instanceId>")
    if end < 0 or piece.find(b"<", 0, end) >= 0 or b"<instanceId" in piece:
        raise Unplain
    kept: Kept = {"id": _text(piece[:end])}
    rest = piece[end + 13 :]
    for key, path in fields.items():
        kept[key] = _field(rest, path)
    at = rest.find(b"<tagSet")
    if at < 0:
        kept["tags"] = {}
        return kept, _depth(rest)
    before = _depth(rest[:at])
    if before != 0 or rest.find(b"<tagSet", at + 7) >= 0:
        raise Unplain
    tags = _inside(rest, at, b"tagSet")
    kept["tags"] = _tags(tags)
    return kept, _depth(rest[at + len(tags) + 8 :]) + 1


def _inside(span: bytes, at: int, name: bytes) -> bytes:
    """The content of the element `name` that begins at `at`; none for an empty element."""
    begin = at + len(name) + 2
    if span[begin - 1 : begin] != b">":
        raise Unplain
    if span.startswith(b"</>", begin):
        return b""
    end = span.find(b"</" + name + b">", begin)
    if end < 0:
        raise Unplain
    return span[begin:end]


def _field(span: bytes, path: tuple[str, ...]) -> str:
    for name in path:
        element = name.encode()
        at = span.find(b"<" + element + b">")
        if at < 0:
            if b"<" + element in span:
                raise Unplain
            return ""
        if _depth(span[:at]) != 0:
            raise Unplain
        span = _inside(span, at, element)
    if b"<" in span:
        raise Unplain
    return _text(span)


def _tags(content: bytes) -> dict[str, str]:
    """Every byte of the tag set is accounted for, or it is not a plain one."""
    pairs = _TAG.findall(content)
    if content.translate(None, _FLESH) != _TAG_SKELETON * len(pairs) and not _TAGS.fullmatch(
        content
    ):
        raise Unplain
    if content.count(b"<item>") != len(pairs):
        raise Unplain
    return {_text(key): _text(value) for key, value in pairs}


def _text(raw: bytes) -> str:
    if b"&" in raw:
        return ET.fromstring(b"<t>" + raw + b"</t>").text or ""  # noqa: S314 -- AWS's own answer
    return raw.decode()


# --- the careful way -------------------------------------------------------------------------


def _careful(body: bytes, fields: Fields) -> tuple[list[Kept], str]:
    try:
        root = ET.fromstring(body)  # noqa: S314 -- AWS's own answer, as botocore reads it
    except ET.ParseError as error:
        raise ResponseParserError(
            f"DescribeInstances: the answer of {len(body)} bytes is not whole XML: {error}"
        ) from error
    if _name(root) != "DescribeInstancesResponse":
        raise ResponseParserError(f"DescribeInstances: the answer is a {_name(root)!r}")
    instances = [
        _kept(instance, fields)
        for reservation in _under(root, "reservationSet")
        for instance in _under(reservation, "instancesSet")
    ]
    token = _first(root, "nextToken")
    return instances, (token.text or "") if token is not None else ""


def _kept(item: ET.Element, fields: Fields) -> Kept:
    found: Kept = {"id": _inner(item, "instanceId")}
    for key, path in fields.items():
        element: ET.Element | None = item
        for name in path:
            element = _first(element, name) if element is not None else None
        found[key] = (element.text or "") if element is not None else ""
    found["tags"] = {_inner(tag, "key"): _inner(tag, "value") for tag in _under(item, "tagSet")}
    return found


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _first(parent: ET.Element, name: str) -> ET.Element | None:
    return next((child for child in parent if _name(child) == name), None)


def _under(parent: ET.Element, name: str) -> list[ET.Element]:
    element = _first(parent, name)
    return [] if element is None else list(element)


def _inner(parent: ET.Element, name: str) -> str:
    element = _first(parent, name)
    return (element.text or "") if element is not None else ""
