"""Rules on secrets: nothing that opens a door stands in clear."""

import re
from collections.abc import Iterator

from fleetmend.core.graph import Node
from fleetmend.deploy import tokens
from fleetmend.deploy.check.registry import Fault, rule
from fleetmend.deploy.lambdas import FUNCTION
from fleetmend.deploy.view import View, mapping, parameter_text, text_of

HIDDEN = "(not shown)"

_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|token|api[-_]?key|private[-_]?key|credential|webhook"
    r"|routing[-_]?key|alert[-_]?(e?mail|address)",
    re.IGNORECASE,
)
_POINTER = re.compile(r"(arn|name|path|id|url|ttl|length)$", re.IGNORECASE)
"""What a name ends in that only says where a secret is."""

_VALUE = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|hooks\.slack\.com/services/T"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|gh[pousr]_[A-Za-z0-9]{36}"
    r"|(?<![A-Za-z0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])(?=.*aws_secret)"
)
_ADDRESS = re.compile(r"[^@\s\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""An e-mail address: who is told of what is nobody else's business."""

_PARAMETER = "aws:ssm/parameter:Parameter"


@rule("secret-plain-parameter")
def plain_parameter(view: View) -> Iterator[Fault]:
    """A parameter of type String looks secret, by its name or its value.

    Everyone who may read parameters reads it, and so does everyone who sees the state.

    Remedy: type SecureString with the installation's key; alert addresses and webhooks included.

    See: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-securestring.html
    """
    for node in view.of_type(_PARAMETER):
        if text_of(node, "type") == "SecureString":
            continue
        last = text_of(node, "name").rpartition("/")[2]
        # The SDK marks every parameter's value as secret, so that says nothing.
        if _ADDRESS.search(parameter_text(node)) or (
            _NAME.search(last) and not _POINTER.search(last)
        ):
            yield Fault(node, f"{last or node.name} is kept in clear", HIDDEN)


@rule("secret-environment")
def environment(view: View) -> Iterator[Fault]:
    """A function's environment holds a secret.

    It is shown in the console, in every description of the function, and in the state.

    Remedy: put the secret's ARN there, and let the function read the secret.

    See: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    for function in view.of_type(FUNCTION):
        variables = mapping(mapping(function.inputs.get("environment")).get("variables"))
        for name, value in variables.items():
            marked = f"environment.variables.{name}" in function.secret_paths
            named = _NAME.search(name) and not _POINTER.search(name)
            is_arn = isinstance(value, str) and view.filled(value).startswith("arn:")
            if marked or (named and not is_arn):
                yield Fault(function, f"{name} is in its environment", HIDDEN)


@rule("secret-literal")
def literal(view: View) -> Iterator[Fault]:
    """A secret's value stands in the program, or in what it was configured with.

    It is then in the state, in the export, and in whatever the value came from; a placeholder is a
    secret that everybody knows.

    Remedy: let AWS generate it once, or hand it over write-only (`secretStringWo`).

    See: https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html
    """
    for node in view.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
        for name in ("secretString", "secretBinary"):
            given = text_of(node, name)
            if given and not any(True for _ in tokens.references(given)):
                yield Fault(node, f"{name} is a literal", HIDDEN)


@rule("secret-in-clear")
def in_clear(view: View) -> Iterator[Fault]:
    """A value has the form of a secret: an access key, a private key, a chat webhook or token.

    Whoever reads the program, the state or the resource has it.

    Remedy: take it back, make a new one, and keep that in Secrets Manager.

    See: https://docs.aws.amazon.com/IAM/latest/UserGuide/securing_access-keys.html
    """
    for node in view.nodes:
        for path in _secret_values(node):
            yield Fault(node, f"{path} has the form of a secret", HIDDEN)


def _secret_values(node: Node) -> Iterator[str]:
    holder = text_of(node, "type") == "SecureString"
    for path, text in tokens.strings(dict(node.inputs)):
        kept = path.endswith("Wo") or (holder and path == "value")  # write-only: in no state
        if not kept and _VALUE.search(text):
            yield path
