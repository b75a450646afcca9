"""One installation has a selector, and every other one watches."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmend.aws.parameters import ParameterStore
from fleetmend.core import claims
from fleetmend.core.declared import RECOVERY as POLICY
from fleetmend.core.model import Mode, Selector
from fleetmend.lambdas import parameters
from tests.unit.lambdas.account import SETTINGS, Account

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


def test_the_claims_name_fits_whatever_the_tag_is():
    names = {claims.parameter("recovery", Selector(k, v)) for k, v in [("a b", "é=:"), ("a", "b")]}
    assert len(names) == 2
    assert all(name.startswith("/fleetmend-claims/recovery/") for name in names)
