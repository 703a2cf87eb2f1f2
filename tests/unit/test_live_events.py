"""Live buses, rules, targets and archives in the words of the provider."""

from typing import Any

from recorded import Refusal, read

BUS, RULE = "aws:cloudwatch/eventBus:EventBus", "aws:cloudwatch/eventRule:EventRule"
TARGET, ARCHIVE = "aws:cloudwatch/eventTarget:EventTarget", "aws:cloudwatch/eventArchive:EventArchive"
API_DESTINATION = "aws:cloudwatch/eventApiDestination:EventApiDestination"
POLICY = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
ARN = "arn:aws:events:eu-west-1:123456789012:event-bus/"


def buses(Name: str) -> dict[str, Any]:
    own = {"KmsKeyIdentifier": "arn:key", "Policy": "{}"} if Name == "own" else {}
    return {"Name": Name, "Arn": ARN + Name, **own}


def rules(EventBusName: str) -> dict[str, Any]:
    mine = {"Name": "r", "Arn": f"arn:{EventBusName}", "State": "ENABLED", "EventPattern": "{}"}
    return {"Rules": [mine, {"Name": "theirs", "Arn": "arn:theirs", "ManagedBy": "backup.amazonaws.com"}]}


def targets(**asked: str) -> dict[str, Any]:
    dead = {"DeadLetterConfig": {"Arn": "arn:dlq"}} if asked["EventBusName"] == "own" else {}
    return {"Targets": [{"Id": "t", "Arn": "arn:q", "Input": "s3cr3t", **dead}]}


RECORDED: dict[str, Any] = {
    "events.list_event_buses": {
        "EventBuses": [{"Name": "default", "Arn": f"{ARN}default"}, {"Name": "own", "Arn": f"{ARN}own"}]
    },
    "events.describe_event_bus": buses,
    "events.list_rules": rules,
    "events.list_targets_by_rule": targets,
    "events.list_tags_for_resource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "events.list_archives": {"Archives": [{"ArchiveName": "x"}]},
    "events.describe_archive": {"ArchiveName": "x", "ArchiveArn": "arn:x", "RetentionDays": 30},
}


def test_buses_are_read_and_the_default_one_is_made_by_aws() -> None:
    default, own = read(BUS, RECORDED).found
    assert (default.made_by_aws, own.made_by_aws) == ("default event bus", "")
    assert (own.resource.props["kmsKeyIdentifier"], own.resource.props["tags"]["a"]) == ("arn:key", "b")
    assert "kmsKeyIdentifier" not in default.resource.props


def test_only_a_bus_with_a_policy_has_one() -> None:
    (found,) = read(POLICY, RECORDED).found
    assert (found.identity, found.resource.props["policy"]) == (("own",), "{}")


def test_rules_are_named_as_in_a_state_and_those_of_services_known() -> None:
    found = {one.identity[0]: one for one in read(RULE, RECORDED).found}
    assert set(found) == {"r", "theirs", "own/r", "own/theirs"}
    assert found["theirs"].made_by_aws
    assert found["own/r"].resource.props["eventBusName"] == "own"


def test_targets_are_read_without_what_they_are_sent() -> None:
    found = {one.identity: one for one in read(TARGET, RECORDED).found}
    own = found["own", "r", "t"].resource.props
    assert (own["id"], own["arn"], own["deadLetterConfig"]["arn"]) == ("own-r-t", "arn:q", "arn:dlq")
    default = found["default", "r", "t"].resource.props
    assert default["id"] == "r-t"
    assert "deadLetterConfig" not in default
    assert "s3cr3t" not in repr(own._values)  # type: ignore[attr-defined]
    assert found["own", "theirs", "t"].made_by_aws


def test_archives_are_read_with_their_retention() -> None:
    (found,) = read(ARCHIVE, RECORDED).found
    assert (found.identity, found.resource.props["retentionDays"]) == (("x",), 30)
    assert "kmsKeyIdentifier" not in found.resource.props


def test_an_api_destination_is_read_without_the_tokens_of_its_url() -> None:
    def read_url(url: str) -> Any:
        listed = {"Name": "d", "ApiDestinationArn": "arn:d", "ConnectionArn": "arn:c", "InvocationEndpoint": url}
        (found,) = read(API_DESTINATION, {"events.list_api_destinations": {"ApiDestinations": [listed]}}).found
        assert found.identity == ("d",)
        return found.resource.props["invocationEndpoint"]

    assert read_url("https://user:s3cr3t@hooks.example/s3cr3t?key=s3cr3t") == "https://hooks.example/"
    assert read_url("https://[s3cr3t") == ""


def test_one_refused_list_leaves_its_type_not_observed() -> None:
    refused = Refusal("AccessDeniedException")
    for type_, call in (
        (API_DESTINATION, "list_api_destinations"),
        (BUS, "list_event_buses"),
        (RULE, "list_rules"),
        (TARGET, "list_targets_by_rule"),
    ):
        assert list(read(type_, RECORDED | {f"events.{call}": refused}).unobserved) == [type_]
