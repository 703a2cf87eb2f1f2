"""The break-glass role of an account, and what hears of its use."""

from dataclasses import replace

import pytest
from inline_stack import stack
from table_programs import ACCOUNT, changed
from test_account_adopt import ARGS

from components.account import Account
from components.break_glass import BreakGlassArgs
from conftest import Sandbox

pytestmark = pytest.mark.engine


def test_a_break_glass_role_is_there_with_its_alarm_and_nothing_to_change(sandbox: Sandbox) -> None:
    people = BreakGlassArgs(
        account_id=ACCOUNT,
        regions=["eu-west-1"],
        principal_arns=["arn:aws:iam::210987654321:user/emergency-1"],
    )
    with stack(sandbox, lambda: Account("account", replace(ARGS, break_glass=people))) as made:
        made.up()
        assert changed(made.preview()) == {}
        role = sandbox.client("iam").get_role(RoleName="account-break-glass")["Role"]
        assert role["MaxSessionDuration"] == 3600
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/payment-cell-boundary-account")
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
        (counted,) = sandbox.client("logs").describe_metric_filters(filterNamePrefix="account-break-glass")[
            "metricFilters"
        ]
        assert role["Arn"] in counted["filterPattern"]
        metric = counted["metricTransformations"][0]
        alarms = sandbox.client("cloudwatch").describe_alarms_for_metric(
            MetricName=metric["metricName"], Namespace=metric["metricNamespace"]
        )
        (alarm,) = alarms["MetricAlarms"]
        assert alarm["AlarmActions"]
