"""The trail of a cell's data events, delivering to the account's locked bucket of the region."""

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import dynamodb, s3
from table_programs import ACCOUNT, changed

from components.buckets import ObjectLock
from components.data_events import DataEvents, DataEventsArgs
from components.regional_guardrails import RegionalGuardrails, RegionalGuardrailsArgs
from conftest import DEFAULT_REGION, Sandbox

pytestmark = pytest.mark.engine


def program() -> None:
    """What an account keeps in a region, two stores, and their trail."""
    guardrails = RegionalGuardrails(
        "account",
        RegionalGuardrailsArgs(
            region=DEFAULT_REGION,
            account_id=ACCOUNT,
            jurisdiction="eu",
            recorder_role_arn=None,
            evidence_lock=ObjectLock(mode="GOVERNANCE", days=1),
            load_balancer_log_bucket="logs",
            protected=False,
            disposable=True,
        ),
    )
    bucket = s3.Bucket("archive", bucket="cell-archive")
    table = dynamodb.Table(
        "subjects",
        name="cell-subjects",
        hash_key="id",
        attributes=[{"name": "id", "type": "S"}],
        billing_mode="PAY_PER_REQUEST",
    )
    trail = DataEvents(
        "cell",
        DataEventsArgs(
            region=DEFAULT_REGION,
            jurisdiction="eu",
            bucket=guardrails.data_event_bucket,
            key_arn=guardrails.audit_key_arn,
            buckets=[bucket.arn],
            tables=[table.arn],
            protected=False,
        ),
        pulumi.ResourceOptions(depends_on=[*guardrails.ready]),
    )
    pulumi.export("trail", trail.arn)
    pulumi.export("bucket", guardrails.data_event_bucket)
    pulumi.export("key", guardrails.audit_key_arn)


def test_a_trail_of_data_events_is_there_with_its_selectors_and_nothing_to_change(sandbox: Sandbox) -> None:
    with stack(sandbox, program) as made:
        made.up()
        assert changed(made.preview()) == {}
        outputs, client = made.outputs(), sandbox.client("cloudtrail")
        (trail,) = client.describe_trails(trailNameList=[outputs["trail"]])["trailList"]
        assert (trail["S3BucketName"], trail["KmsKeyId"]) == (outputs["bucket"], outputs["key"])
        assert trail["LogFileValidationEnabled"]
        assert not trail["IsMultiRegionTrail"]
        assert client.get_trail_status(Name=outputs["trail"])["IsLogging"]
        found = client.get_event_selectors(TrailName=outputs["trail"])["AdvancedEventSelectors"]
    table = f"arn:aws:dynamodb:{DEFAULT_REGION}:{ACCOUNT}:table/cell-subjects"
    assert {selector["Name"]: _fields(selector) for selector in found} == {
        "objects": {
            "eventCategory": {"Equals": ["Data"]},
            "resources.type": {"Equals": ["AWS::S3::Object"]},
            "resources.ARN": {"StartsWith": ["arn:aws:s3:::cell-archive/"]},
        },
        "items": {
            "eventCategory": {"Equals": ["Data"]},
            "resources.type": {"Equals": ["AWS::DynamoDB::Table"]},
            "resources.ARN": {"Equals": [table]},
        },
    }


def _fields(selector: dict[str, list[dict[str, str | list[str]]]]) -> dict[object, dict[str, object]]:
    return {
        field["Field"]: {operator: value for operator, value in field.items() if operator != "Field" and value}
        for field in selector["FieldSelectors"]
    }
