"""A function that is not told everything says everything it is not told."""

import pytest

from fleetmend.lambdas.settings import SettingsInvalid, from_environ
from tests.unit.lambdas.account import QUEUE, SETTINGS, TOPIC

GOOD = {
    "POWERTOOLS_SERVICE_NAME": "recovery",
    "FLEETMEND_PROJECT": "fm",
    "FLEETMEND_SUFFIX": "dev",
    "FLEETMEND_LEDGER_BUCKET": "ledger",
    "FLEETMEND_QUEUE_URL": QUEUE,
    "FLEETMEND_TOPIC_ARN": TOPIC,
}


def test_the_environment_makes_the_settings():
    made = from_environ(GOOD)
    assert made == SETTINGS
    assert made.installation == "fm-dev"
    assert made.parameter("mode/all") == "/fm/dev/mode/all"


@pytest.mark.parametrize("variable", GOOD)
@pytest.mark.parametrize("value", [None, "", "!"])
def test_a_variable_that_is_missing_or_wrong_is_named(variable, value):
    environ = {name: text for name, text in GOOD.items() if name != variable}
    with pytest.raises(SettingsInvalid, match=variable):
        from_environ(environ if value is None else environ | {variable: value})


def test_all_are_named_at_once():
    with pytest.raises(SettingsInvalid) as caught:
        from_environ({})
    assert all(variable in str(caught.value) for variable in GOOD)


def test_the_labs_addresses_are_taken():
    assert from_environ(GOOD | {"FLEETMEND_QUEUE_URL": "http://127.0.0.1:4566/000000000000/q"})
