"""What has to wait for what, and the longest chain of creation times that follows."""

from dataclasses import replace
from typing import Any

import pytest
import test_component_payment_cell as payment_cell
from component_pictures import graph_of
from mocks import Recorded

import catalogue
from catalogue import CreationTime
from components.vocabulary import Compute
from operations.chain import FIRST_NODE, UNAVOIDABLE, UNAVOIDABLE_IN_AUTO_MODE, longest_chain, timing, unavoidable_chain
from operations.resources import Resource, from_plan, from_state, waits_for

MAX_RATIO = 1.05
"""Longest chain of a cell to the unavoidable one; what is above 1 is the CNI, which nodes need to become ready."""


def resource(name: str, *after: str, type_: str = "aws:x/y:Untimed", parent: str = "", custom: bool = True) -> Resource:
    return Resource(urn=name, type=type_, name=name, parent=parent, custom=custom, dependencies=frozenset(after))


def component(name: str, *after: str, parent: str = "") -> Resource:
    return resource(name, *after, type_="payment-cell:components:Part", parent=parent, custom=False)


def slow(name: str, *after: str, seconds: int = 10, parent: str = "") -> Resource:
    return resource(name, *after, type_=f"aws:x/y:Slow{seconds}", parent=parent)


TIMES = {
    f"aws:x/y:Slow{seconds}": CreationTime(typical_s=seconds, source="https://aws.example/x", verified=True)
    for seconds in (10, 25, 100)
}


def names(*resources: Resource) -> list[str]:
    return [step.name for step in longest_chain(resources, TIMES).steps]


def test_the_longest_chain_is_the_one_that_takes_longest_not_the_one_with_most_resources() -> None:
    graph = (slow("a"), slow("b", "a"), resource("c", "b"), slow("d", "c"), slow("long", "a", seconds=100))
    assert names(*graph) == ["a", "long"]
    assert longest_chain(graph, TIMES).seconds == 110


def test_what_does_not_wait_is_made_at_the_same_time() -> None:
    assert longest_chain([slow(str(number)) for number in range(9)], TIMES).seconds == 10


def test_the_chain_shows_what_takes_no_known_time_on_its_way() -> None:
    chain = longest_chain([resource("vpc"), slow("cluster", "vpc"), slow("nodes", "cluster", "vpc")], TIMES)
    assert [step.row()["seconds"] for step in chain.steps] == ["not timed", 10, 10]
    assert chain.steps[0].row()["source"] is None
    assert chain.steps[1].row()["source"] == "https://aws.example/x"


def test_depending_on_a_component_is_depending_on_everything_in_it() -> None:
    graph = (
        component("part"),
        component("inner", parent="part"),
        slow("quick", parent="part"),
        slow("deep", parent="inner", seconds=100),
        slow("last", "part"),
    )
    assert names(*graph) == ["deep", "last"]


def test_the_children_of_a_component_wait_for_what_it_depends_on() -> None:
    assert names(slow("first"), component("part", "first"), slow("child", parent="part")) == ["first", "child"]


def test_a_child_does_not_wait_for_its_own_component() -> None:
    graph = [component("part"), slow("one", "part", parent="part"), slow("other", "part", parent="part")]
    assert waits_for(graph) == {"one": frozenset(), "other": frozenset()}


def test_a_child_of_a_resource_waits_for_it() -> None:
    assert names(slow("parent"), slow("child", parent="parent")) == ["parent", "child"]


def test_resources_that_wait_for_each_other_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"wait for each other: (a -> b -> a|b -> a -> b)"):
        longest_chain([slow("a", "b"), slow("b", "a")], TIMES)


def test_what_another_stack_holds_is_there_already() -> None:
    assert names(slow("a", "urn:of:another:stack")) == ["a"]


def test_a_graph_without_published_times_has_no_chain_and_says_what_it_lacks() -> None:
    found = timing([resource("a"), resource("b", "a")], TIMES)
    assert (found.longest.steps, found.longest.seconds, found.ratio) == ((), 0, None)
    assert found.not_timed == {"aws:x/y:Untimed": 2}


def test_state_and_plan_tell_the_same_graph() -> None:
    aws, used = "urn:pulumi:s::p::pulumi:providers:aws::s", "urn:pulumi:s::p::aws:kms/key:Key::k"
    bucket = "urn:pulumi:s::p::aws:s3/bucket:Bucket::b"
    rows: dict[str, dict[str, Any]] = {
        aws: {"type": "pulumi:providers:aws", "custom": True, "dependencies": [used]},
        used: {"type": "aws:kms/key:Key", "custom": True},
        bucket: {
            "type": "aws:s3/bucket:Bucket",
            "custom": True,
            "provider": f"{aws}::0ab",
            "propertyDependencies": {"bucket": [used], "region": None},
        },
    }
    state = from_state([*({"urn": urn, **row} for urn, row in rows.items()), {"urn": used, "delete": True, "type": ""}])
    assert state == from_plan({"resourcePlans": {**{urn: {"goal": row} for urn, row in rows.items()}, "gone": {}}})
    assert waits_for(state) == {aws: {used}, used: frozenset(), bucket: {aws, used}}
    assert [one.cloud for one in state] == [False, True, True]


def test_the_unavoidable_chain_comes_from_the_catalogue() -> None:
    times = catalogue.creation_times()
    chain = unavoidable_chain(times)
    assert [step.type for step in chain.steps] == list(UNAVOIDABLE)
    assert chain.seconds == sum(times[type_].typical_s for type_ in UNAVOIDABLE if type_ in times)
    assert [step.type for step in chain.steps if step.time is None] == ["aws:ec2/vpc:Vpc"]


@pytest.mark.parametrize("args", [payment_cell.ARGS, payment_cell.DEVELOPMENT], ids=["production", "development"])
def test_a_cells_longest_chain_stays_near_the_unavoidable_one(args: Any) -> None:
    found = timing(graph_of(payment_cell.made(args)), catalogue.creation_times())
    assert found.ratio is not None
    assert 1 <= found.ratio <= MAX_RATIO, [step.row() for step in found.longest.steps]
    timed = [step.type for step in found.longest.steps if step.time]
    assert timed == [UNAVOIDABLE[1], UNAVOIDABLE[3], UNAVOIDABLE[2], UNAVOIDABLE[3]]


def test_an_auto_mode_cell_has_an_unavoidable_chain_of_its_own() -> None:
    times = catalogue.creation_times()
    made = payment_cell.made(replace(payment_cell.DEVELOPMENT, compute=Compute.AUTO))
    found = timing(graph_of(made), times)
    assert [step.type for step in found.unavoidable.steps] == list(UNAVOIDABLE_IN_AUTO_MODE)
    # AWS's own pool launches nodes with the cluster, so the cluster waits for their way out, not the nodes alone.
    nat = "aws:ec2/natGateway:NatGateway"
    assert [step.type for step in found.longest.steps if step.time] == [nat, *UNAVOIDABLE_IN_AUTO_MODE[1:]]
    assert found.longest.seconds == found.unavoidable.seconds + times[nat].typical_s
    slower = {**times, FIRST_NODE: times[FIRST_NODE].model_copy(update={"typical_s": 1000})}
    later = timing(graph_of(made), slower)
    assert later.longest.seconds == found.longest.seconds - times[FIRST_NODE].typical_s + 1000


def test_a_stack_without_a_cluster_has_no_unavoidable_chain() -> None:
    assert timing([slow("a")], TIMES).unavoidable.steps == ()


def test_an_edge_that_aws_does_not_need_would_be_noticed() -> None:
    registered = payment_cell.made()

    def needless(one: Recorded) -> Recorded:
        waits = {database.urn for database in registered if database.type.startswith("aws:rds/clusterInstance:")}
        return replace(one, dependencies=one.dependencies | waits) if one.type == UNAVOIDABLE[1] else one

    found = timing(
        graph_of(type(registered)(resources=[needless(one) for one in registered])), catalogue.creation_times()
    )
    assert found.ratio is not None
    assert found.ratio > MAX_RATIO
