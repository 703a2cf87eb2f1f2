"""Live pipes, links and sinks of telemetry, functions and services in the words of the provider."""

from typing import Any

import pytest
from recorded import Refusal, read

PIPE, LINK, SINK = "aws:pipes/pipe:Pipe", "aws:oam/link:Link", "aws:oam/sink:Sink"
FUNCTION, SERVICE = "aws:lambda/function:Function", "aws:ecs/service:Service"


def test_a_pipe_is_read_without_the_template_of_what_it_sends() -> None:
    pipe = {"Name": "p", "Arn": "arn:p", "Source": "arn:s", "Target": "arn:t", "Tags": {"a": "b"}}
    sent = {"TargetParameters": {"InputTemplate": "s3cr3t"}}
    recordings = {"pipes.list_pipes": {"Pipes": [{"Name": "p"}]}, "pipes.describe_pipe": {**pipe, **sent}}
    (found,) = read(PIPE, recordings).found
    props = found.resource.props
    assert (found.identity, props["source"], props["target"], props["tags"]["a"]) == (("p",), "arn:s", "arn:t", "b")
    assert "s3cr3t" not in repr(props._values)  # type: ignore[attr-defined]


def test_a_link_names_its_sink() -> None:
    recordings = {
        "oam.list_links": {"Items": [{"Arn": "arn:l"}]},
        "oam.get_link": {"Arn": "arn:l", "Label": "l", "SinkArn": "arn:aws:oam:us-east-1:1:sink/s"},
    }
    (found,) = read(LINK, recordings).found
    assert found.resource.props["sinkIdentifier"] == "arn:aws:oam:us-east-1:1:sink/s"
    assert found.identity == ("arn:l",)


def test_a_sink_is_read_and_one_that_went_is_none() -> None:
    listed: dict[str, Any] = {"oam.list_sinks": {"Items": [{"Arn": "arn:s"}]}}
    (found,) = read(SINK, listed | {"oam.get_sink": {"Arn": "arn:s", "Name": "s", "Tags": {"a": "b"}}}).found
    assert (found.resource.props["name"], found.resource.props["tags"]["a"]) == ("s", "b")
    assert read(SINK, listed | {"oam.get_sink": Refusal("ResourceNotFoundException")}).found == []


def test_a_function_is_read_with_its_network_and_without_its_environment() -> None:
    function = {
        "FunctionName": "f",
        "FunctionArn": "arn:f",
        "VpcConfig": {"SubnetIds": ["subnet-1"]},
        "Environment": {"Variables": {"PASSWORD": "s3cr3t"}},
    }
    (found,) = read(FUNCTION, {"lambda.list_functions": {"Functions": [function]}}).found
    props = found.resource.props
    assert (found.identity, props["vpcConfig"]["subnetIds"]) == (("f",), ["subnet-1"])
    assert "s3cr3t" not in repr(props._values)  # type: ignore[attr-defined]


def test_services_are_asked_for_ten_at_a_time() -> None:
    def described(**asked: Any) -> dict[str, Any]:
        services = asked["services"]
        assert len(services) <= 10
        network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
        return {
            "services": [{"serviceName": one, "serviceArn": one, "networkConfiguration": network} for one in services]
        }

    recordings = {
        "ecs.list_clusters": {"clusterArns": ["arn:c"]},
        "ecs.list_services": {"serviceArns": [f"arn:s{number}" for number in range(11)]},
        "ecs.describe_services": described,
    }
    found = read(SERVICE, recordings).found
    assert len(found) == 11
    assert found[0].resource.props["networkConfiguration"]["subnets"] == ["subnet-1"]


@pytest.mark.parametrize(
    ("type_", "call"),
    [
        (PIPE, "pipes.list_pipes"),
        (LINK, "oam.list_links"),
        (SINK, "oam.list_sinks"),
        (FUNCTION, "lambda.list_functions"),
        (SERVICE, "ecs.list_clusters"),
    ],
)
def test_what_cannot_be_listed_is_not_observed(type_: str, call: str) -> None:
    assert list(read(type_, {call: Refusal("AccessDeniedException")}).unobserved) == [type_]
