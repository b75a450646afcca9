"""One installation has a selector, and every other one watches."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from fleetmend.aws.parameters import Parameter, ParameterStore
from fleetmend.core import claims
from fleetmend.core.declared import RECOVERY as POLICY
from fleetmend.core.model import Mode, Selector
from fleetmend.lambdas import claiming, parameters
from tests.unit.lambdas.account import EPOCH, SETTINGS, Account

CLAIM = claims.parameter("recovery", Selector())
MINE = replace(SETTINGS, claim=CLAIM)


def run(account, environment=MINE, *, at=0.0):
    account.time.now = at
    world = account.world()
    with account.connected():
        return parameters.read(
            ParameterStore(world.client("ssm")), environment, POLICY, world.clock
        )


def test_the_first_claims_it_and_acts_at_once():
    account = Account()
    found = run(account)
    assert (found.policy.mode, found.claimed) == (Mode.ACT, "")
    assert account.parameters[CLAIM] == "fm-dev"


def test_the_second_watches_and_says_whose_it_is():
    account = Account()
    account.parameters[CLAIM] = "shop-prod"
    found = run(account)
    assert found.policy.mode is Mode.OBSERVE
    assert found.claimed == "the selector is claimed by shop-prod: fm-dev observes only"
    assert not found.problems
    assert account.parameters[CLAIM] == "shop-prod"


def test_of_two_that_begin_at_once_one_wins():
    account = Account()
    account.refusals["ssm", "PutParameter"] = "ParameterAlreadyExists"
    assert run(account).policy.mode is Mode.OBSERVE


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalServerError", "lost"])
def test_a_claim_that_cannot_be_made_is_doubt(code):
    account = Account()
    account.refusals["ssm", "PutParameter"] = code
    assert run(account).policy.mode is Mode.OBSERVE


def test_whoever_only_watches_claims_nothing():
    account = Account()
    account.parameters["/fm/dev/mode/all"] = "observe"
    run(account)
    assert CLAIM not in account.parameters


@pytest.mark.parametrize("mode", ["act", "observe", "off"])
def test_its_owner_keeps_it_fresh_in_every_mode(mode):
    account = Account()
    run(account)
    account.parameters["/fm/dev/mode/all"] = mode
    run(account, at=claims.REFRESH.total_seconds() - 1)
    assert account.count("PutParameter") == 1
    run(account, at=claims.REFRESH.total_seconds() + 1)
    assert account.count("PutParameter") == 2


def test_an_old_claim_is_taken_over_and_counts_when_it_is_read_back():
    account = Account()
    account.parameters[CLAIM] = "shop-prod"
    over = (claims.LEASE + timedelta(seconds=1)).total_seconds()
    assert run(account, at=over).policy.mode is Mode.OBSERVE
    assert account.parameters[CLAIM] == "fm-dev"
    assert run(account, at=over + 60).policy.mode is Mode.ACT


def test_an_owner_that_was_gone_for_too_long_acts_only_when_it_has_read_its_claim_back():
    account = Account()
    run(account)
    late = (claims.LEASE - claims.MARGIN).total_seconds()
    assert run(account, at=late - 1).policy.mode is Mode.ACT  # and renews it
    back = 2 * late + 1
    found = run(account, at=back)
    assert found.policy.mode is Mode.OBSERVE
    assert "ours is of" in found.claimed
    assert run(account, at=back + 10).policy.mode is Mode.ACT


class Shelf:
    """Parameter Store with one parameter, for runs that stop between their read and their write."""

    def __init__(self, owner, at):
        self.found = Parameter(owner, at)
        self.now = at

    def put(self, name, value, *, overwrite):
        assert overwrite
        self.found = Parameter(value, self.now)


OTHER = replace(MINE, project="shop", suffix="prod")
GONE = claims.LEASE.total_seconds()


@pytest.mark.parametrize("gone", [GONE - 240.0, GONE - 5.0, GONE + 1.0, GONE * 2])
@pytest.mark.parametrize("order", sorted(set(permutations("mmoo"))))
def test_of_an_owner_that_comes_back_and_one_that_takes_over_one_acts(gone, order):
    """Each reads and writes once, in every order, some seconds apart; later runs are whole."""
    shelf, acted, read = Shelf(MINE.installation, EPOCH), set(), {}

    def half(who):
        """A run's read, and the next time the rest of it."""
        shelf.now += timedelta(seconds=5)
        if who.installation not in read:
            read[who.installation] = shelf.found
            return
        found = read.pop(who.installation)
        if not claiming.claimant(shelf, who, found, lambda: shelf.now, acting=True):
            acted.add(who.installation)

    shelf.now = EPOCH + timedelta(seconds=gone)
    for one in order:
        half(MINE if one == "m" else OTHER)
    for who in (MINE, MINE, OTHER, OTHER) * 3:
        half(who)
    assert len(acted) == 1, order


def test_the_claims_name_fits_whatever_the_tag_is():
    names = {claims.parameter("recovery", Selector(k, v)) for k, v in [("a b", "é=:"), ("a", "b")]}
    assert len(names) == 2
    assert all(name.startswith("/fleetmend-claims/recovery/") for name in names)
