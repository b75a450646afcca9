"""The story tells what each instance went through, from events alone."""

from fleetmend.lab.history import Event
from fleetmend.lab.scenario import loads
from fleetmend.lab.story import Story, Stretch, is_news, named, sentence

SCENARIO = loads(
    """
name: three
settings: {recovery: {selector: {key: Mend, value: "yes"}}}
fleet:
  instances:
    - {count: 2, name: api, tags: {Mend: "yes"}}
    - {name: other, tags: {Auto-Recover: "true"}, state: stopped}
""",
    "three.yaml",
)


def told(*events: Event) -> Story:
    return Story(SCENARIO).tell(events)


def test_a_fleet_begins_as_the_scenario_says():
    story = told()
    assert [life.state for life in story.lives.values()] == ["healthy", "healthy", "stopped"]
    assert [life.in_scope for life in story.lives.values()] == [True, True, False]
    assert not any(life.touched for life in story.lives.values())


def test_states_become_stretches_without_gaps():
    story = told(
        Event(5, "state", "api-1", "stopping"),
        Event(5, "state", "api-1", "stopped"),
        Event(9, "state", "api-1", "stopped"),
        Event(20, "state", "api-1", "running"),
    )
    assert story.lives["api-1"].stretches == [
        Stretch("healthy", 0, 5),
        Stretch("stopped", 5, 20),
        Stretch("running", 20),
    ]


def test_a_refused_start_touches_but_does_not_count_as_issued():
    refused = {"subjects": ["api-1", "api-2"], "error": "InsufficientInstanceCapacity"}
    story = told(
        Event(5, "call", "", "ec2:StartInstances", refused),
        Event(9, "call", "api-1", "ec2:StartInstances", {"subjects": ["api-1"], "error": ""}),
        Event(9, "call", "api-1", "ec2:DescribeInstances", {"subjects": ["other-1"]}),
    )
    lives = story.lives
    assert [lives[name].touched for name in lives] == [True, True, False]
    assert [lives[name].issued for name in lives] == [1, 0, 0]


def test_why_is_the_last_record_or_what_can_be_said_without_one():
    held = {"reason": "held", "note": "held until noon by ana: disk"}
    story = told(
        Event(1, "fault", "api-2", "stop", {"subjects": ["api-2"], "told": "stop api-2"}),
        Event(5, "record", "api-1", "refused", held),
    )
    assert [life.why for life in story.lives.values()] == [
        "held until noon by ana: disk",
        "not noticed yet",
        "it does not carry the tag",
    ]


def test_a_record_set_aside_is_told():
    story = told(Event(5, "record", "api-1", "set-aside", {"aside": "aside/recovery/x"}))
    assert "cannot be read" in story.lives["api-1"].why


def test_alerts_call_instances_by_name():
    alert = Event(
        5,
        "alert",
        "",
        "digest",
        {
            "subjects": ["api-1", "api-2"],
            "text": "2 alerts:\n- i-0123456789abcdef0 is up\n- i-0123456789abcdef1 is up",
        },
    )
    assert named(alert) == "2 alerts:\n- api-1 is up\n- api-2 is up"
    assert told(alert).alerts == [alert]
    assert told(alert).lives["api-2"].alerts == [alert]


def test_an_alert_whose_names_do_not_fit_is_left_as_it_is():
    text = "i-0123456789abcdef0 is up"
    assert named(Event(5, "alert", "", "x", {"subjects": [], "text": text})) == text


def test_sentences_and_what_is_news():
    stop = Event(0, "fault", "api-1", "stop", {"subjects": ["api-1"], "told": "stop api-1"})
    call = Event(0, "call", "", "ec2:StartInstances", {"subjects": ["api-1"], "lost": True})
    read = Event(0, "call", "", "s3:GetObject", {"subjects": []})
    crash = Event(0, "run", "", "crashed", {"run": "7"})
    assert sentence(stop) == "stop api-1"
    assert sentence(call) == "ec2:StartInstances api-1: accepted (its answer was lost)"
    assert sentence(crash) == "run 7 crashed"
    assert [is_news(event) for event in (stop, call, read, crash)] == [True, True, False, True]
    assert not is_news(Event(0, "run", "", "finished"))
