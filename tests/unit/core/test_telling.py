"""Many alerts are one digest that is read in a minute: by kind and reason, the gravest first."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from fleetmend.core import telling
from fleetmend.core.kinds import KINDS
from fleetmend.core.model import Alert

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FULL = "InsufficientInstanceCapacity no m5.large in us-east-1a"


def owed(kind, count, why="", first=0):
    return {
        f"i-{n:08x}": [Alert(f"f/{kind}/{n}", kind, f"i-{n:08x} …", why=why.format(n=f"{n:08x}"))]
        for n in range(first, first + count)
    }


def told(alerts):
    (alert,) = telling.digest("recovery", alerts, NOW).owed
    return alert


def test_a_digest_is_grouped_by_kind_and_reason_with_the_gravest_first():
    alert = told(
        owed("capacity", 50, FULL)
        | owed("exhausted", 2, "Denied no key", first=50)
        | owed("attempt-failed", 3, "IncorrectState of i-{n}", first=52)
        | owed("attempt-failed", 1, "Other", first=55)
    )
    assert alert.kind == "digest"
    first, grave, many, ids, other = alert.text.splitlines()
    assert first == "56 alerts at once: 4 attempt-failed, 50 capacity, 2 exhausted"
    assert grave == "- 2 exhausted (Denied no key): i-00000032, i-00000033"
    assert many.startswith(f"- 50 capacity ({FULL}): i-00000000, i-00000001")
    assert many.endswith("i-00000025, and 12 more")
    assert ids == "- 3 attempt-failed (IncorrectState of …): and 3 more"
    assert other == "- 1 attempt-failed (Other): and 1 more"


def test_good_news_alone_is_an_all_clear_and_ends_what_it_carries():
    alert = told(owed("recovered", 3) | owed("mass-stop-over", 1, first=3))
    assert alert.kind == "all-clear"
    assert alert.ends == ("i-00000000", "i-00000001", "i-00000002", "i-00000003")


def test_a_digest_with_both_ends_only_what_is_over():
    alert = told(owed("recovered", 1) | owed("exhausted", 6, first=1))
    assert (alert.kind, alert.ends) == ("digest", ("i-00000000",))


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.lists(
            st.builds(
                Alert,
                st.text(max_size=9),
                st.sampled_from(KINDS) | st.text(max_size=9),
                st.text(max_size=50),
                why=st.text(max_size=50),
            ),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
        max_size=60,
    )
)
def test_every_alert_is_counted_and_few_are_named(alerts):
    alert = told(alerts)
    count = sum(map(len, alerts.values()))
    assert alert.text.startswith(f"{count} alerts at once: ")
    assert telling.digest("recovery", alerts, NOW) == telling.digest("recovery", alerts, NOW)
    assert set(alert.ends) <= set(alerts)
