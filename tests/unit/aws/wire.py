"""Real boto3 clients whose requests are answered by a function instead of the network."""

import io
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from fleetmend.aws import clients

SESSION = {
    "region_name": "us-east-1",
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
}


class _Body(io.BytesIO):
    def stream(self, **_):
        yield self.read()


def response(body="", status=200, **headers):
    raw = body.encode() if isinstance(body, str) else body
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return AWSResponse(
        "http://test", status, {"Content-Length": str(len(raw)), **headers}, _Body(raw)
    )


def ec2_error(code, message="", status=400):
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        "</Errors><RequestID>r</RequestID></Response>"
    )
    return response(body, status)


def lost(request):
    raise ReadTimeoutError(endpoint_url=request.url)


def in_turn(*answers):
    """What gives these answers in turn, and the list of what it was asked."""
    left, asked = list(answers), []

    def answer(request):
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        said = json.loads(body) if body.startswith("{") else parse_qs(body)
        asked.append({k: v[0] if isinstance(v, list) else v for k, v in said.items()})
        given = left.pop(0)
        return given(request) if callable(given) else given

    return answer, asked


def client(service: str, answer: Callable, monkeypatch=None):
    """A client as the product makes it. `answer(request)` gives a response, or raises."""
    made = clients.client(service, boto3.session.Session(**SESSION))
    made.meta.events.register_first("before-send", lambda request, **_: answer(request))
    return made
