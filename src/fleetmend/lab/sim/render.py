"""Answers as bytes: from the service's own model to XML or JSON, the inverse of botocore's parser.

The shapes decide the element names (botocore `Shape.serialization`), so an answer with a field
the model does not know is a defect of the lab and is refused here.
"""

import json
from datetime import UTC, datetime
from typing import Any, cast
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from fleetmend.lab.sim.replies import AwsError

REQUEST_ID = "00000000-0000-4000-8000-000000000000"


def answer(operation: OperationModel, value: dict[str, Any]) -> bytes:
    """The body of a good answer."""
    shape = cast("StructureShape | None", operation.output_shape)
    match operation.service_model.resolved_protocol:
        case "json":
            return json.dumps(_json(shape, value) if shape else {}).encode()
        case "ec2":
            inner = _members(shape, value) if shape else ""
            name = operation.name
            return (
                f"<{name}Response><requestId>{REQUEST_ID}</requestId>{inner}</{name}Response>"
            ).encode()
        case "query":
            inner = _members(shape, value) if shape else ""
            wrapped = f"<{operation.name}Result>{inner}</{operation.name}Result>"
            metadata = f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
            name = operation.name
            return f"<{name}Response>{wrapped}{metadata}</{name}Response>".encode()
        case _:
            inner = _members(shape, value) if shape else ""
            return f"<{operation.name}Result>{inner}</{operation.name}Result>".encode()


def error(protocol: str, problem: AwsError) -> tuple[dict[str, str], bytes]:
    """Headers and body of a refusal, as the protocol writes them."""
    code, message = escape(problem.code), escape(problem.message)
    match protocol:
        case "json":
            body = json.dumps({"__type": problem.code, "message": problem.message})
            return {"x-amzn-errortype": problem.code}, body.encode()
        case "ec2":
            inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            text = f"<Response>{inner}<RequestID>{REQUEST_ID}</RequestID></Response>"
        case "query":
            inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
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
