"""Each function's policies against what it called: nothing denied, nothing granted in vain."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fleetmend.core.graph import Graph, Node
from fleetmend.deploy.iam import authorization, globs
from fleetmend.deploy.iam.arns import types_of
from fleetmend.deploy.iam.document import Condition, Statement
from fleetmend.deploy.iam.policies import Policy, PolicyKind, of_role, policies
from fleetmend.deploy.lambdas import role_of
from fleetmend.deploy.privilege.accepted import ACCEPTED, Accepted
from fleetmend.deploy.privilege.calls import Call, Recording
from fleetmend.deploy.privilege.evaluate import Grant, Rule, Verdict, evaluate
from fleetmend.deploy.privilege.implied import implied
from fleetmend.deploy.privilege.need import Need
from fleetmend.deploy.privilege.operations import needs
from fleetmend.deploy.privilege.world import World, function_of, world
from fleetmend.deploy.view import View


@dataclass(frozen=True, slots=True)
class Denied:
    """Something that a call needs and the function's policies do not allow."""

    by: str
    action: str
    resource: str
    why: str

    def __str__(self) -> str:
        return f"{self.by} needs {self.action} on {self.resource}: {self.why}"


@dataclass(frozen=True, slots=True)
class Use:
    """One grant and what used it; `reason` says why an unused one is right."""

    grant: Grant
    by: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one function.

    `mismatches` are calls that AWS (in the lab) denied and the policies would allow; `stale` are
    accepted grants that were used after all, or are gone.
    """

    function: str
    calls: int
    denied: tuple[Denied, ...]
    uses: tuple[Use, ...]
    mismatches: tuple[str, ...] = ()
    stale: tuple[Accepted, ...] = ()

    @property
    def unused(self) -> tuple[Grant, ...]:
        """Grants that nothing used and nobody explained."""
        return tuple(use.grant for use in self.uses if not use.by and not use.reason)

    @property
    def passed(self) -> bool:
        """Whether nothing was denied and nothing granted in vain."""
        return not (self.denied or self.unused or self.mismatches or self.stale)

    def problems(self) -> Iterator[str]:
        """Everything that is wrong, one line each."""
        for denied in self.denied:
            yield f"{self.function}: denied: {denied}"
        for grant in self.unused:
            yield (
                f"{self.function}: unused: {grant.action} on {grant.resource} "
                f"({grant.sid or grant.place})"
            )
        for text in self.mismatches:
            yield f"{self.function}: {text}"
        for item in self.stale:
            yield f"{self.function}: no longer unused: {item.action} on {item.resource}"


def judge(
    graph: Graph, recordings: Iterable[Recording], accepted: Iterable[Accepted] = ACCEPTED
) -> tuple[Report, ...]:
    """One report for each recorded function; several recordings of one function count together.

    Raises:
        LookupError: The graph has no such function, the function no role, or a call is of an
            operation that `operations` does not know.
        OtherInstallation: A recording was made in an installation of another name.
    """
    view = View(graph)
    by_function: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_function.setdefault(recording.function, []).append(recording)
    reasons = tuple(accepted)
    return tuple(_report(view, name, found, reasons) for name, found in by_function.items())


def _report(
    view: View, concern: str, recordings: list[Recording], accepted: tuple[Accepted, ...]
) -> Report:
    function = function_of(view, concern)
    if function is None:
        raise LookupError(f"the graph has no function for {concern}")
    role = role_of(view, function)
    if role is None:
        raise LookupError(f"the graph does not show the role of {function.name}")
    used: dict[Grant, dict[str, None]] = {}
    denied: dict[Denied, None] = {}
    mismatches: dict[str, None] = {}
    grants: dict[Grant, None] = {}
    for recording in recordings:
        place = world(view, function, recording)
        rules = Rules(place, role)
        grants.update(dict.fromkeys(rules.grants))
        for need in implied(function, place):
            _weigh(need, rules.verdict(need), used, denied)
        for call in recording.calls:
            if call.was_denied:
                mismatches.update(dict.fromkeys(_expected(call, place, rules)))
                continue
            for need in needs(call, place):
                _weigh(need, rules.verdict(need), used, denied)
    uses = tuple(_use(concern, grant, used.get(grant, {}), accepted) for grant in grants)
    met = {use.reason for use in uses if use.reason}
    stale = tuple(
        item
        for item in accepted
        if globs.matches(item.function, concern) and item.reason not in met
    )
    calls = sum(len(recording.calls) for recording in recordings)
    return Report(concern, calls, tuple(denied), uses, tuple(mismatches), stale)


def _weigh(
    need: Need,
    verdict: Verdict,
    used: dict[Grant, dict[str, None]],
    denied: dict[Denied, None],
) -> None:
    if not verdict.allowed:
        denied[Denied(need.by, need.action, need.resource, verdict.why)] = None
    for grant in verdict.grants:
        used.setdefault(grant, {})[need.by] = None


def _expected(call: Call, place: World, rules: "Rules") -> Iterator[str]:
    """A call that AWS denied must be one that the policies deny too."""
    if all(rules.verdict(need).allowed for need in needs(call, place)):
        yield f"{call.name} was denied in the lab ({call.error}), but the policies allow it"


def _use(concern: str, grant: Grant, by: Mapping[str, None], accepted: tuple[Accepted, ...]) -> Use:
    if by:
        return Use(grant, tuple(sorted(by)))
    reason = next(
        (a.reason for a in accepted if a.covers(concern, grant.action, grant.resource)), ""
    )
    return Use(grant, (), reason)


class Rules:
    """A role's statements with their tokens filled in, and the denials of resource policies."""

    def __init__(self, place: World, role: Node) -> None:
        self._own = [
            _rule(place, policy, statement)
            for policy in of_role(place.view, role)
            for statement in policy.statements
        ]
        self._others = [
            _rule(place, policy, statement)
            for policy in policies(place.view)
            if policy.kind is PolicyKind.RESOURCE
            for statement in policy.statements
            if not statement.allows and "*" in statement.principals.get("AWS", ())
        ]
        self.grants = [grant for rule in self._own for grant in rule.grants]

    def verdict(self, need: Need) -> Verdict:
        """What the role's policies and the denials of resource policies say of a need."""
        return evaluate((*self._own, *self._others), need)


def _rule(place: World, policy: Policy, statement: Statement) -> Rule:
    filled = replace(
        statement,
        resources=tuple(place.filled(text) for text in statement.resources),
        not_resources=tuple(place.filled(text) for text in statement.not_resources),
        conditions=tuple(
            Condition(c.operator, c.key, tuple(place.filled(v) for v in c.values))
            for c in statement.conditions
        ),
    )
    grants = tuple(_grants(policy, filled)) if statement.allows else ()
    return Rule(filled, grants)


def _grants(policy: Policy, statement: Statement) -> Iterator[Grant]:
    """Every pair of action and resource that a statement really grants.

    Names with wildcards are spelt out: an action that nobody calls is an over-grant however it is
    written. A pair of which AWS says that the action does not act on the resource grants nothing.
    """
    condition = "; ".join(f"{c.key} {' or '.join(c.values)}" for c in statement.conditions)
    for pattern in statement.actions:
        names = authorization.expand(pattern) if globs.has_wildcard(pattern) else (pattern,)
        for name in names or (pattern,):
            known = authorization.action(name)
            for resource in statement.resources:
                types = set(types_of(resource, known.service)) if known else set[str]()
                fits = resource == "*" or known is None or types & set(known.resource_types)
                if fits:
                    yield Grant(policy.node.name, statement.sid, name, resource, condition)
