"""The shape of ARNs: what a text with tokens in it can stand for.

Two ways out of a token: `Judged` fills it with a text of the right shape, for judging policies
before anything exists; the privilege judge fills in what a recorded run really used.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from fleetmend.deploy.iam import authorization, globs
from fleetmend.deploy.iam.authorization import ResourceType
from fleetmend.deploy.tokens import Reference, split

ARN = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:.+", re.DOTALL)
"""An ARN: six parts, of which region and account may be empty.
See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

_VARIABLE = re.compile(r"\$\{([^}]+)\}")

Resolve = Callable[[Reference], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an installation is: what the fixed parts of its ARNs are."""

    partition: str = "aws"
    region: str = "us-east-1"
    account: str = "123456789012"


def fill(text: str, resolve: Resolve) -> str:
    """`text` with every token replaced by what `resolve` makes of it."""
    return "".join(p if isinstance(p, str) else resolve(p) for p in split(text))


def is_arn(text: str) -> bool:
    """Whether the text has the form of an ARN, or is `*`."""
    return text == "*" or ARN.fullmatch(text) is not None


def build(kind: ResourceType, name: str, place: Place) -> str:
    """The ARN of the resource of this type and name; a name of several parts has `|` between.

    A type whose ARN ends in a path takes a name that begins with a slash without that slash, as
    Parameter Store does.
    """
    fixed = {
        "partition": place.partition,
        "region": place.region,
        "account": place.account,
    }
    names = iter([*name.split("|"), *["x"] * 8])

    def variable(match: re.Match[str]) -> str:
        known = fixed.get(match[1].lower())
        return known if known is not None else next(names)

    head, slash, _ = kind.arn.rpartition("/${")
    if slash and kind.service == "ssm":
        name = name.removeprefix("/")
        names = iter([name])
        return f"{_VARIABLE.sub(variable, head)}/{name}"
    return _VARIABLE.sub(variable, kind.arn)


@lru_cache(maxsize=2048)
def pattern(kind: ResourceType) -> tuple[globs.Part, ...]:
    """The ARN of a type as a pattern: a variable takes any characters, but at least one.

    A bucket's name holds no slash: that is what tells a bucket from an object in it. SSM documents
    of AWS's own belong to no account.
    """
    found: list[globs.Part] = []
    position = 0
    for match in _VARIABLE.finditer(kind.arn):
        found += [globs.Part(only=char) for char in kind.arn[position : match.start()]]
        never = {"bucketname": "/:", "region": ":", "account": ":", "partition": ":"}.get(
            match[1].lower(), ""
        )
        nobodys = (kind.service, kind.key, match[1].lower()) == ("ssm", "document", "account")
        once = () if nobodys else (globs.Part(never=never),)
        found += [*once, globs.Part(never=never, many=True)]
        position = match.end()
    found += [globs.Part(only=char) for char in kind.arn[position:]]
    return tuple(found)


@lru_cache(maxsize=4096)
def types_of(text: str, service: str) -> tuple[str, ...]:
    """The resource types of `service` that an ARN (wildcards allowed, no tokens) can mean."""
    own = globs.parts(text)
    return tuple(
        kind.key
        for kind in authorization.resource_types(service)
        if globs.intersect(own, pattern(kind))
    )


def segments(text: str) -> Mapping[str, str]:
    """The parts of an ARN: `partition`, `service`, `region`, `account`, `resource`."""
    names = ("partition", "service", "region", "account", "resource")
    return dict(zip(names, text.split(":", 5)[1:], strict=True))
