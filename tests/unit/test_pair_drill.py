"""The weekly drill of a pair, as the engine is told of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from healthy import findings, stack_of
from mocks import Registered, assert_children_of_components
from test_component_cell_pair import ACCOUNT, AWAY, HOME, IMAGE, STACK, made, outputs, paired, scheduled
from test_runbooks import parse

from components.pair_drill import ENDED_BADLY, PairDrillArgs, Weekday
from policies.control import Status
from sandbox.aws.iam.evaluator import Call, Decision, decide

PROJECT, RULE = "aws:codebuild/project:Project", "aws:cloudwatch/eventRule:EventRule"
TARGET, POLICY, ROLE = "aws:cloudwatch/eventTarget:EventTarget", "aws:iam/rolePolicy:RolePolicy", "aws:iam/role:Role"
NAME = f"{STACK}-drill"


@pytest.fixture(scope="module")
def declared() -> Registered:
    return scheduled()


def args(**other: Any) -> PairDrillArgs:
    return PairDrillArgs(
        **{
            "account_id": ACCOUNT,
            "region": AWAY,
            "cells": {"eu-west-1": HOME, "eu-west-1-replica": AWAY},
            "day": Weekday.TUESDAY,
            "hour_utc": 10,
            "image": IMAGE,
            "log_key_arn": "arn:key",
            "ticket_topic_arn": "arn:topic",
            "jurisdiction": "eu",
            **other,
        }
    )


def test_a_pair_without_a_schedule_declares_no_drill(tmp_path: Path) -> None:
    assert made(paired(tmp_path)).of(PROJECT) == {}


def test_a_rule_starts_the_build_once_a_week_in_the_recovery_region(declared: Registered) -> None:
    rule, target = declared.one(RULE, NAME), declared.one(TARGET, NAME)
    project = declared.one(PROJECT)
    assert rule.inputs["scheduleExpression"] == "cron(0 10 ? * TUE *)"
    assert (target.inputs["rule"], target.inputs["arn"]) == (NAME, project.state["arn"])
    assert {one.inputs["region"] for one in (rule, target, project)} == {AWAY}
    start = declared.one(POLICY, f"{NAME}-start").document()["Statement"]
    assert [(one["Action"], one["Resource"]) for one in start] == [(["codebuild:StartBuild"], project.state["arn"])]


def test_every_weekday_is_one_of_eventbridge() -> None:
    found = {args(day=day).schedule.split()[4] for day in Weekday}
    assert found == {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"}


def test_the_build_runs_a_command_that_exists_one_at_a_time(declared: Registered) -> None:
    project = declared.one(PROJECT).inputs
    (folder, command) = yaml.safe_load(project["source"]["buildspec"])["phases"]["build"]["commands"]
    assert folder == "cd /payment-cell"
    assert command == f".venv/bin/cell recovery rehearse {STACK} --yes"
    parse(command.removeprefix(".venv/bin/"))
    assert project["environment"]["image"] == IMAGE
    assert project["environment"]["privilegedMode"] is False
    assert project["concurrentBuildLimit"] == 1
    assert "vpcConfig" not in project


def test_its_role_becomes_the_recovery_role_looks_at_alarms_and_notes_the_end(declared: Registered) -> None:
    body = declared.one(POLICY, NAME).document()

    def may(action: str, resource: str, region: str = AWAY) -> bool:
        call = Call(action=action, resource=resource, context={"aws:RequestedRegion": region})
        return decide(body, call) is Decision.ALLOWED

    role = f"arn:aws:iam::{ACCOUNT}:role/{STACK}-recovery"
    assert may("sts:AssumeRole", role)
    assert not may("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/payment-cell-deploy")
    record = f"arn:aws:ssm:{HOME}:{ACCOUNT}:parameter/payment-cell/eu-west-1/last-drill"
    assert may("ssm:PutParameter", record, HOME)
    assert may("ssm:AddTagsToResource", record, HOME)
    assert not may("ssm:PutParameter", record.replace("last-drill", "shard-map"), HOME)
    for region, expected in ((HOME, True), (AWAY, True), ("us-east-1", False)):
        assert may("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:*", region) is expected
    assert not may("rds:SwitchoverGlobalCluster", f"arn:aws:rds::{ACCOUNT}:global-cluster:eu-west-1-s00-global")


def test_a_drill_that_does_not_end_well_opens_a_ticket(declared: Registered) -> None:
    rule = declared.one(RULE, f"{NAME}-ended-badly")
    pattern = json.loads(rule.inputs["eventPattern"])
    assert pattern["detail"] == {"project-name": [NAME], "build-status": list(ENDED_BADLY)}
    target = declared.one(TARGET, f"{NAME}-ended-badly").inputs
    assert target["arn"] == outputs("eu-west-1-replica")["ticketTopicArn"]


def test_services_assume_its_roles_for_this_account_only(declared: Registered) -> None:
    for name, principal in ((NAME, "codebuild"), (f"{NAME}-start", "events")):
        (statement,) = declared.one(ROLE, name).document("assumeRolePolicy")["Statement"]
        assert statement["Principal"] == {"Service": f"{principal}.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_its_log_is_kept_under_the_replicas_key(declared: Registered) -> None:
    log = declared.one("aws:cloudwatch/logGroup:LogGroup")
    assert log.inputs["kmsKeyId"] == outputs("eu-west-1-replica")["keyArns"]["logs"]
    assert log.inputs["name"] == f"/payment-cell/{STACK}/drill"
    assert log.protect


def test_a_pair_that_is_drilled_violates_no_control(declared: Registered) -> None:
    answered = list(findings(stack_of(declared)))
    failed = [f"{one.control} {one.urn}: {one.verdict.reason}" for one in answered if one.verdict.status is Status.FAIL]
    assert not failed, "\n".join(failed)
    assert_children_of_components(declared)


@pytest.mark.parametrize("hour", [-1, 24])
def test_an_hour_that_is_none_is_refused(hour: int) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.23"):
        args(hour_utc=hour)
