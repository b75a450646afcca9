"""From tokens to values, and the order of creation."""

import pytest

from fleetmend.core.graph import TOKEN, Graph, Node
from fleetmend.lab.emulator.installer.registry import Inputs, pascal
from fleetmend.lab.emulator.installer.resolve import Known, Unresolved, in_order


def token(urn: str, path: str) -> str:
    return TOKEN.format(urn=f"urn:pulumi:{urn}", property=path)


def node(name: str, *, custom: bool = True, parent: str = "", **inputs: object) -> Node:
    return Node(f"urn:pulumi:{name}", "t:m:T", name, parent=parent, custom=custom, inputs=inputs)


def test_tokens_alone_inside_text_and_deep_down() -> None:
    known = Known()
    known.add("urn:pulumi:b", {"arn": "arn:b", "zones": ["x", {"id": "y"}], "n": 3})
    given = {
        "whole": token("b", "n"),
        "text": f'{{"Resource": "{token("b", "arn")}/*", "again": "{token("b", "arn")}"}}',
        "deep": [{"id": token("b", "zones[1].id")}, 7, None, True],
    }
    assert known.resolve(given) == {
        "whole": 3,
        "text": '{"Resource": "arn:b/*", "again": "arn:b"}',
        "deep": [{"id": "y"}, 7, None, True],
    }


@pytest.mark.parametrize("path", ["nothing", "zones[5]", "arn.more", "zones.name"])
def test_what_is_not_there_is_named(path: str) -> None:
    known = Known()
    known.add("urn:pulumi:b", {"arn": "arn:b", "zones": ["x"]})
    with pytest.raises(Unresolved) as missing:
        known.resolve({"a": token("b", path)})
    assert missing.value.urn == "urn:pulumi:b"
    assert missing.value.property == path


def test_each_comes_after_what_it_refers_to() -> None:
    nodes = (node("a", x=token("c", "id")), node("b"), node("c", y=f"-{token('b', 'id')}-"))
    assert [n.name for n in in_order(Graph("p", "s", nodes))] == ["b", "c", "a"]


def test_a_component_stands_for_all_in_it() -> None:
    first = Node("urn:pulumi:a", "t:m:T", "a", dependencies=("urn:pulumi:outer",))
    nodes = (
        first,
        node("outer", custom=False),
        node("inner", custom=False, parent="urn:pulumi:outer"),
        node("z", parent="urn:pulumi:inner"),
    )
    assert [n.name for n in in_order(Graph("p", "s", nodes))] == ["z", "a"]


def test_a_ring_is_named() -> None:
    nodes = (node("a", x=token("b", "id")), node("b", x=token("a", "id")))
    with pytest.raises(ValueError, match=r"ring: urn:pulumi:a, urn:pulumi:b"):
        in_order(Graph("p", "s", nodes))


def test_inputs_remember_what_nobody_read() -> None:
    inputs = Inputs(node("a"), {"name": "n", "unheard": 1, "nothing": None, "tags": {"a": "b"}})
    assert inputs.name() == "n"
    assert inputs.unread() == ["unheard"]


def test_a_made_up_name_is_stable_and_short() -> None:
    inputs = Inputs(node("x" * 90), {})
    assert inputs.name(limit=64) == inputs.name(limit=64)
    assert len(inputs.name(limit=64)) == 64
    assert inputs.name() != Inputs(node("x" * 89), {}).name()


def test_nested_inputs_in_boto3s_spelling() -> None:
    given = {"maximumConcurrency": 2, "nothing": None, "rules": [{"roleArn": "a"}]}
    assert pascal(given) == {"MaximumConcurrency": 2, "Rules": [{"RoleArn": "a"}]}
