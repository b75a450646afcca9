"""Answers as bytes: from the service's own model to XML or JSON, the inverse of botocore's parser.

The shapes decide the element names (botocore `Shape.serialization`), so an answer with a field
the model does not know is a defect of the lab and is refused here.
"""

import json
from datetime import UTC, datetime
from typing import Any, cast
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, Shape, StructureShape

from fleetmend.lab.sim.replies import AwsError

REQUEST_ID = "00000000-0000-4000-8000-000000000000"


def answer(name: str, protocol: str, shape: StructureShape | None, value: dict[str, Any]) -> bytes:
    """The body of a good answer.

    Args:
        name: the operation's name.
        protocol: `json`, `ec2`, `query` or `rest-xml`.
        shape: the operation's output, None when it has none.
        value: the answer's fields.
    """
    if protocol == "json":
        return json.dumps(_json(shape, value) if shape else {}).encode()
    inner = _members(shape, value) if shape else ""
    match protocol:
        case "ec2":
            text = f"<requestId>{REQUEST_ID}</requestId>{inner}"
        case "query":
            metadata = f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
            text = f"<{name}Result>{inner}</{name}Result>{metadata}"
        case _:
            text = inner
    return f"<{name}Response>{text}</{name}Response>".encode()


def error(protocol: str, problem: AwsError) -> tuple[dict[str, str], bytes]:
    """Headers and body of a refusal, as the protocol writes them."""
    code, message = escape(problem.code), escape(problem.message)
    match protocol:
        case "json":
            body = json.dumps({"__type": problem.code, "message": problem.message})
            return {"x-amzn-errortype": problem.code}, body.encode()
        case "ec2":
            inner = (
                f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            )
            text = f"<Response>{inner}<RequestID>{REQUEST_ID}</RequestID></Response>"
        case "query":
            inner = (
                f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            )
            text = f"<ErrorResponse>{inner}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        case _:
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return {"content-type": "text/xml"}, text.encode()


def _json(shape: Shape, value: Any) -> Any:  # noqa: ANN401 -- JSON values
    match shape:
        case StructureShape():
            members = cast("dict[str, Shape]", shape.members)
            return {
                _serialized(members[name], name): _json(members[name], inner)
                for name, inner in cast("dict[str, Any]", value).items()
            }
        case ListShape():
            return [_json(cast("Shape", shape.member), item) for item in value]
        case MapShape():
            return {key: _json(cast("Shape", shape.value), item) for key, item in value.items()}
        case _:
            return value.timestamp() if isinstance(value, datetime) else value


def _members(shape: StructureShape, value: dict[str, Any]) -> str:
    members = cast("dict[str, Shape]", shape.members)
    parts: list[str] = []
    for name, inner in value.items():
        if inner is not None:
            parts.append(_element(_serialized(members[name], name), members[name], inner))
    return "".join(parts)


def _serialized(shape: Shape, name: str) -> str:
    return str(cast("dict[str, Any]", shape.serialization).get("name", name))


def _element(tag: str, shape: Shape, value: Any) -> str:  # noqa: ANN401 -- XML values
    match shape:
        case StructureShape():
            return f"<{tag}>{_members(shape, value)}</{tag}>"
        case ListShape():
            serialization = cast("dict[str, Any]", shape.serialization)
            member = cast("Shape", shape.member)
            if serialization.get("flattened"):
                return "".join(_element(tag, member, item) for item in value)
            name = _serialized(member, "member")
            return f"<{tag}>{''.join(_element(name, member, item) for item in value)}</{tag}>"
        case _:
            return f"<{tag}>{escape(_text(value))}</{tag}>"


def _text(value: Any) -> str:  # noqa: ANN401 -- whatever a leaf holds
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)
