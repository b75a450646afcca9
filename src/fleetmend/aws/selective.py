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
from copy import copy
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
_TAG = re.compile(
    r"<item>\s*<key>([^<]*)</key>\s*<value(?:/>|>([^<]*)</value>)\s*</item>",
)
_ATTRIBUTE = re.compile(rb"=\s*[\"']")
_HEAD = re.compile(
    rb'(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")?\?>)?\s*'
    rb'<DescribeInstancesResponse(?: xmlns="[^"<>]*")?>'
)
_FOOT = b"</DescribeInstancesResponse>"
_SET, _SET_END = b"<reservationSet>", b"</reservationSet>"
_TAIL = re.compile(rb"\s*(?:<nextToken>([^<]*)</nextToken>\s*|<nextToken/>\s*)?%s\s*\Z" % _FOOT)

Kept = dict[str, Any]
"""One instance: `id`, `tags` (key → value), and a text for each field that was asked for."""


class Unplain(Exception):
    """The quick way cannot prove where something stands; expat can."""


class Page:
    """One page of instances, read when it is asked for.

    The token of the next page is known before the instances are, so that the next page can be
    on its way while this one is read and judged.
    """

    __slots__ = ("_body", "_fields", "_token")

    def __init__(self, body: bytes, fields: Fields, token: str) -> None:
        self._body = body
        self._fields = fields
        self._token = token

    def instances(self) -> list[Kept]:
        """The instances of the page, in its order.

        Raises:
            ResponseParserError: the body is not a whole answer, or its token not the one that
                was taken from its end.
        """
        instances, token = select(self._body, self._fields)
        if token != self._token:
            raise ResponseParserError(
                "DescribeInstances: the next page's token is not where it is expected"
            )
        return instances


def session_keeping(fields: Fields) -> Session:
    """A botocore session whose EC2 clients answer DescribeInstances with `fields` and tags only.

    A page is `{"Page": Page, "NextToken": ..., "ResponseMetadata": ...}`; every other operation
    is parsed as always.
    """
    session = Session()
    cast("Any", session).register_component("response_parser_factory", _Factory(fields))
    return session


def reading(client: Any, fields: Fields) -> Any:  # noqa: ANN401 -- botocore's clients
    """The same EC2 client, answering DescribeInstances as one of `session_keeping` does.

    It shares all there is with the client it is made from: connections, retries and their budget,
    hooks. A client of a session of its own would have to read EC2's service description again,
    half a second of a cold start. botocore has no word for it, so that two of its attributes are
    used by name; the artifact pins botocore, and tests would see them go.
    """
    state: dict[str, Any] = dict(client.__dict__)
    endpoint: Any = copy(cast("object", state["_endpoint"]))
    endpoint._response_parser_factory = _Factory(fields)  # noqa: SLF001
    twin: Any = object.__new__(cast("type[object]", type(client)))
    twin.__dict__.update(state | {"_endpoint": endpoint})
    return twin


def select(body: bytes, fields: Fields) -> tuple[list[Kept], str]:
    """The instances of one page, in its order, and the token of the next page (empty: none).

    Raises:
        ResponseParserError: the body is not a whole DescribeInstances answer.
    """
    try:
        return _quick(body, fields)
    except (Unplain, UnicodeDecodeError):
        return _careful(body, fields)


def early_token(body: bytes) -> str | None:
    """The next page's token from a page's last bytes, or None where they do not say plainly.

    It is a guess until the whole page is read, which finds the token by its place in the tree.
    """
    end = body.rfind(_SET_END)
    tail = _TAIL.match(body, end + len(_SET_END)) if end >= 0 else None
    if tail is None or b"nextToken" in body[: body.find(b"<reservationSet")]:
        return None
    return _text(tail[1] or b"") if b"&" not in (tail[1] or b"") else None


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
        body = cast("bytes", response["body"])
        token = early_token(body)
        if token is None:
            token = select(body, self.fields)[1]
        page: dict[str, Any] = {"Page": Page(body, self.fields, token), "ResponseMetadata": {}}
        if token:
            page["NextToken"] = token
        return page


# --- the quick way ---------------------------------------------------------------------------


def _quick(body: bytes, fields: Fields) -> tuple[list[Kept], str]:
    content = _plain(body)
    pieces = content.split(b"<instanceId>")
    head, last = pieces[0], pieces[-1]
    if len(pieces) == 1:  # a page without instances is too small to be quick about
        raise Unplain
    if content.count(b"<instanceId") != len(pieces) - 1 or content.count(b"reservationSet>") != 2:
        raise Unplain
    opened, closed = head.find(_SET), last.rfind(_SET_END)
    if opened < 0 or closed < 0 or _depth(head[:opened]) != 0:
        raise Unplain
    _expect_instance(head, _depth(head))
    instances: list[Kept] = []
    for piece in pieces[1:-1]:
        kept, depth = _instance(piece, fields)
        instances.append(kept)
        _expect_instance(piece, _INSTANCE_DEPTH + depth)
    tail = last[closed + len(_SET_END) :]
    kept, depth = _instance(last[: closed + len(_SET_END)], fields)
    instances.append(kept)
    if depth != -_INSTANCE_DEPTH or _depth(tail) != 0:
        raise Unplain
    tokens = [token for token in (_token(head[:opened]), _token(tail)) if token is not None]
    if len(tokens) > 1:
        raise Unplain
    return instances, tokens[0] if tokens else ""


def _plain(body: bytes) -> bytes:
    """The content of the root, once the body has proved to be plain.

    No comment, CDATA, instruction or attribute; and with as many `<` as `>` (`_depth` sees to
    it) no text holds a bare `>`. So `</` and `/>` are what they seem, and the depth of any place
    is a matter of counting.
    """
    head = _HEAD.match(body)
    stop = body.rfind(_FOOT)
    if not head or stop < 0 or body[stop + len(_FOOT) :].strip():
        raise Unplain
    content = body[head.end() : stop]
    if b"\r" in content or (b"!" in content and b"<!" in content):
        raise Unplain
    if b"?" in content and b"<?" in content:
        raise Unplain
    if b"=" in content and _ATTRIBUTE.search(content):
        raise Unplain
    if not content.isascii():
        content.decode()  # all of it must be UTF-8, as expat would demand
    return content


def _depth(span: bytes) -> int:
    """How many elements are opened and not closed in a span of a plain body."""
    skeleton = span.translate(None, _FLESH)
    tags = skeleton.count(b"<")
    if tags != skeleton.count(b">"):
        raise Unplain
    closed = span.count(b"</")
    return tags - closed - skeleton.count(b"</")  # in the skeleton `<a/>` looks like `</a>`


def _expect_instance(before: bytes, depth: int) -> None:
    """What stands right before an instance's id, and how deep: so it is an instance's."""
    glue = before[-_GLUE:]
    if depth != _INSTANCE_DEPTH:
        raise Unplain
    if not _FIRST.search(glue) and (not _NEXT.search(glue) or b"</instancesSet>" in before):
        raise Unplain


def _token(span: bytes) -> str | None:
    """The next page's token, in what stands beside the reservations."""
    at = span.find(b"<nextToken")
    if at < 0:
        return None
    if _depth(span[:at]) != 0 or span.count(b"<nextToken") != 1:
        raise Unplain
    return _text(_inside(span, at, b"nextToken"))


def _instance(piece: bytes, fields: Fields) -> tuple[Kept, int]:
    """One instance from behind `<instanceId>` to the next one; and the change of depth there."""
    end = piece.find(b"</instanceId>")
    if end < 0 or piece.find(b"<", 0, end) >= 0:
        raise Unplain
    rest = piece[end + 13 :]
    kept: Kept = {"id": _text(piece[:end])}
    for key, path in fields.items():
        kept[key] = _field(rest, path)
    at = rest.find(b"<tagSet")
    if at < 0:
        kept["tags"] = {}
        return kept, _depth(rest)
    if _depth(rest[:at]) != 0:
        raise Unplain
    tags = _inside(rest, at, b"tagSet")
    kept["tags"] = _tags(tags)
    behind = at + len(tags) + (17 if tags or rest.startswith(b"<tagSet></", at) else 9)
    return kept, _depth(rest[behind:])


def _inside(span: bytes, at: int, name: bytes) -> bytes:
    """The content of the element `name` that begins at `at`; none for an empty element."""
    begin = at + len(name) + 2
    if span[begin - 1 : begin] != b">":
        if span[begin - 1 : begin + 1] == b"/>":
            return b""
        raise Unplain
    end = span.find(b"</" + name + b">", begin)
    if end < 0:
        raise Unplain
    return span[begin:end]


def _field(span: bytes, path: tuple[str, ...]) -> str:
    for name in path:
        element = name.encode()
        at = span.find(b"<" + element + b">")
        if at < 0:
            return "" if b"<" + element not in span else _empty(span, element)
        if _depth(span[:at]) != 0:
            raise Unplain
        span = _inside(span, at, element)
    if b"<" in span:
        raise Unplain
    return _text(span)


def _empty(span: bytes, element: bytes) -> str:
    """An element that is there and has no content, where it could be the one that is meant."""
    at = span.find(b"<" + element + b"/>")
    if at < 0 or span.count(b"<" + element) != 1:
        raise Unplain
    return ""


def _tags(content: bytes) -> dict[str, str]:
    """Every element of the tag set is accounted for, or it is not a plain one."""
    text = content.decode()
    pairs = _TAG.findall(text)
    if text.count("<") != 6 * len(pairs) - text.count("<value/>"):
        raise Unplain
    if "&" in text:
        return {_text(key.encode()): _text(value.encode()) for key, value in pairs}
    return dict(pairs)


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
