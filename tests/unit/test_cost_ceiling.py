"""What a preview does to the bill, read from the engine's events, and the refusal above a cell's ceiling."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import config_files
import pytest

from operations.cost import command
from operations.cost.ceiling import as_data, in_words, preview_cost, refuse_above_ceiling
from operations.cost.command import cost_report
from operations.declared import declared_stacks
from operations.errors import CellError, ExitCode
from operations.events import Reading
from operations.project import Project
from stacks.models import DEVELOPMENT_CEILING_USD
from stacks.problems import ConfigError

PREFIX = "urn:pulumi:one::payment-cell::payment-cell:components:PaymentCell$payment-cell:components:Nodes"
NODES = f"{PREFIX}$aws:eks/nodeGroup:NodeGroup::one-system"
CLUSTER = f"{PREFIX}$aws:eks/cluster:Cluster::one"
COMPONENT = f"{PREFIX}::one"


def group(nodes: int) -> dict[str, Any]:
    return {"instanceTypes": ["t4g.large"], "scalingConfig": {"desiredSize": nodes}}


def step(urn: str, op: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    type_ = urn.rpartition("::")[0].rpartition("$")[2]
    states = {
        key: {"parent": COMPONENT, "inputs": inputs}
        for key, inputs in (("old", old), ("new", new))
        if inputs is not None
    }
    return {"resourcePreEvent": {"metadata": {"urn": urn, "type": type_, "op": op, **states}}}


def reading_of(*events: dict[str, Any]) -> Reading:
    reading = Reading()
    for event in (step(COMPONENT, "same", {}, {}), *events):
        reading.take(event)
    return reading


@pytest.fixture
def project(tmp_path: Path) -> Project:
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    config_files.fleet(stacks)
    return Project(tmp_path)


def declare(project: Project, **settings: str) -> Project:
    config_files.write(project.stacks_folder, "one", config_files.cell(**settings))
    return project


@pytest.mark.parametrize(
    ("events", "before", "after"),
    [
        ([step(NODES, "create", None, group(2))], 0, 2),
        ([step(NODES, "same", group(2), group(2))], 2, 2),
        ([step(NODES, "update", group(2), group(5))], 2, 5),
        ([step(NODES, "delete", group(2), None)], 2, 0),
        (
            [
                step(NODES, "create-replacement", group(2), group(3)),
                step(NODES, "replace", group(2), group(3)),
                step(NODES, "delete-replaced", group(2), None),
            ],
            2,
            3,
        ),
        (
            [
                step(NODES, "delete-replaced", group(2), None),
                step(NODES, "replace", group(2), group(3)),
                step(NODES, "create-replacement", group(2), group(3)),
            ],
            2,
            3,
        ),
    ],
    ids=["create", "same", "update", "delete", "replace", "delete before replace"],
)
def test_the_difference_is_that_of_the_announced_steps(
    project: Project, events: list[dict[str, Any]], before: int, after: int
) -> None:
    cost = preview_cost(project, "one", reading_of(*events))
    assert cost is not None
    node = 730 * 0.0736
    assert cost.before.usd == pytest.approx(before * node)
    assert cost.after.usd == pytest.approx(after * node)
    assert cost.difference.by_component == (
        pytest.approx({"Nodes": (after - before) * node}) if after != before else {}
    )


def test_a_difference_is_told_in_words_and_as_data(project: Project) -> None:
    cost = preview_cost(project, "one", reading_of(step(NODES, "update", group(1), group(2))))
    assert cost is not None
    assert in_words("one", cost.difference) == "one: USD +53.73 a month, 107.46 in all: Nodes +53.73"
    assert as_data(cost.difference) == {
        "beforeUsd": 53.73,
        "afterUsd": 107.46,
        "differenceUsd": 53.73,
        "byComponent": {"Nodes": 53.73},
        "complete": True,
    }


def test_a_cell_above_its_ceiling_is_refused_with_file_line_sum_and_largest_lines(project: Project) -> None:
    declare(project, environment="development", monthlyCeilingUsd="100")
    reading = reading_of(step(NODES, "same", group(2), group(2)), step(CLUSTER, "create", None, {}))
    with pytest.raises(ConfigError) as refused:
        refuse_above_ceiling(project, "one", preview_cost(project, "one", reading))
    (problem,) = refused.value.problems
    assert problem.key == "monthlyCeilingUsd"
    assert (
        problem.line
        == config_files.cell(environment="development", monthlyCeilingUsd="100")
        .splitlines()
        .index("    monthlyCeilingUsd: 100")
        + 1
    )
    text = str(refused.value)
    assert "100 is less than what one would cost, USD 180.46 a month" in text
    assert "(Nodes ec2.t4g.large 107.46, Nodes eks.cluster 73.00)" in text
    assert "declare less (`cell cost one` shows each line), or set monthlyCeilingUsd higher" in text


def test_a_cell_below_its_ceiling_and_one_without_are_let_through(project: Project) -> None:
    expensive = preview_cost(project, "one", reading_of(step(NODES, "create", None, group(100))))
    refuse_above_ceiling(project, "one", expensive)
    refuse_above_ceiling(declare(project, monthlyCeilingUsd="6000"), "one", expensive)
    with pytest.raises(ConfigError, match="5000 is less than"):
        refuse_above_ceiling(declare(project, monthlyCeilingUsd="5000"), "one", expensive)


def test_an_update_that_makes_nothing_dearer_is_let_through_with_a_warning(project: Project) -> None:
    declare(project, monthlyCeilingUsd="100")
    for nodes in (2, 3):
        cost = preview_cost(project, "one", reading_of(step(NODES, "update", group(3), group(nodes))))
        assert "100 is less than what one would cost" in str(refuse_above_ceiling(project, "one", cost))


def test_a_development_cell_has_a_ceiling_of_its_own_accord(project: Project) -> None:
    declare(project, environment="development")
    nodes = int(DEVELOPMENT_CEILING_USD / (730 * 0.0736))
    within = preview_cost(project, "one", reading_of(step(NODES, "create", None, group(nodes))))
    refuse_above_ceiling(project, "one", within)
    above = preview_cost(project, "one", reading_of(step(NODES, "create", None, group(nodes + 1))))
    with pytest.raises(ConfigError, match=r"the default of 1,500 for development is less than"):
        refuse_above_ceiling(project, "one", above)


def test_a_ceiling_that_cannot_be_checked_refuses(project: Project) -> None:
    declare(project, region="sa-east-1", monthlyCeilingUsd="100")
    cost = preview_cost(project, "one", reading_of(step(NODES, "create", None, group(1))))
    assert cost is None
    with pytest.raises(ConfigError, match=r"cannot be checked: catalogue/prices\.yaml has no prices for sa-east-1"):
        refuse_above_ceiling(project, "one", cost)
    refuse_above_ceiling(declare(project, region="sa-east-1"), "one", cost)


def standing(project: Project, region: str, ceiling: str = "") -> Project:
    """With a replica of the cell in a region."""
    config_files.write(project.stacks_folder, "one", config_files.cell(recoveryRegion=region))
    said = (
        "of: one",
        f"region: {region}",
        "domain: two.example.com",
        "backups: {noCopyReason: no other account in these tests}",
        ceiling,
    )
    text = "\n".join(["config:", "  payment-cell:replica:", *(f"    {line}" for line in said if line)]) + "\n"
    config_files.write(project.stacks_folder, "two", text)
    return project


STREAM = f"{PREFIX}$aws:kinesis/stream:Stream::two-stream"


def test_a_replicas_own_ceiling_is_held_and_its_primarys_is_not(project: Project) -> None:
    standing(project, "eu-central-1")
    cost = preview_cost(project, "two", reading_of(step(NODES, "create", None, group(2))))
    assert cost is not None
    assert cost.after.usd == pytest.approx(2 * 730 * 0.0768), "at the prices of its region"
    assert refuse_above_ceiling(project, "two", cost) is None
    standing(project, "eu-central-1", "monthlyCeilingUsd: 100")
    with pytest.raises(ConfigError, match="100 is less than what two would cost, USD 112") as refused:
        refuse_above_ceiling(project, "two", cost)
    assert refused.value.problems[0].line == 7
    standing(project, "eu-central-1", "monthlyCeilingUsd: 200")
    assert refuse_above_ceiling(project, "two", cost) is None


def test_a_pair_is_counted_where_its_primary_is_and_only_in_a_preview(project: Project) -> None:
    standing(project, "eu-central-1")
    said = ("primary: one", "replica: two", "writer: one", "domain: pay.example.com")
    text = "\n".join(["config:", "  payment-cell:pair:", *(f"    {line}" for line in said)]) + "\n"
    config_files.write(project.stacks_folder, "one-pair", text)
    check = f"{PREFIX}$aws:route53/healthCheck:HealthCheck::one-pair-one"
    inputs = {"type": "HTTPS", "requestInterval": 10}
    cost = preview_cost(project, "one-pair", reading_of(step(check, "create", None, inputs)))
    assert cost is not None
    assert cost.after.usd == pytest.approx(0.5 + 2 * 1.0)
    assert cost.after.usd == cost.after.verified_usd
    with pytest.raises(CellError, match="run `cell preview one-pair`"):
        cost_report(project, "one-pair", declared_stacks(project, check_quotas=False), replica=False)


def test_a_replica_takes_no_payments_into_its_bill(project: Project) -> None:
    standing(project, "eu-central-1")
    balancer = f"{PREFIX}$aws:lb/loadBalancer:LoadBalancer::two"
    prices = {
        stack: {line.price for line in cost.after.lines}
        for stack in ("one", "two")
        if (cost := preview_cost(project, stack, reading_of(step(balancer, "create", None, {"internal": True}))))
    }
    assert prices == {"one": {"alb.hour", "alb.lcu"}, "two": {"alb.hour"}}


def test_a_ceiling_is_not_held_against_a_sum_that_lacks_a_price(project: Project) -> None:
    standing(project, "eu-central-1", "monthlyCeilingUsd: 5000")
    stream = {"shardCount": 1, "retentionPeriod": 24}
    cost = preview_cost(project, "two", reading_of(step(STREAM, "create", None, stream)))
    assert cost is not None
    assert in_words("two", cost.difference) == "two: USD +0.00 a month, at least 0.00 in all"
    assert as_data(cost.difference)["complete"] is False
    with pytest.raises(ConfigError, match=r"cannot be checked: no price in eu-central-1 of kinesis\.shard"):
        refuse_above_ceiling(project, "two", cost)


def test_an_accounts_stack_has_no_ceiling(project: Project) -> None:
    reading = reading_of(step(CLUSTER, "create", None, {}))
    cost = preview_cost(project, "account", reading)
    assert cost is not None
    assert cost.after.usd == pytest.approx(73)
    refuse_above_ceiling(project, "account", cost)


def test_a_cell_in_a_region_without_prices_lists_each_charge_as_not_priced(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(project, region="sa-east-1")
    previewed = SimpleNamespace(reading=reading_of(step(NODES, "create", None, group(2))))
    monkeypatch.setattr(command, "preview_from_nothing", lambda *_: previewed)
    found = cost_report(project, "one", declared_stacks(project), replica=False).estimate
    assert not found.complete
    assert found.not_priced["ec2.t4g.large"] == "not priced in sa-east-1 (catalogue/prices.yaml)"
    (line,) = found.lines
    assert (line.quantity, line.unit_usd) == (2 * 730, None)


@pytest.mark.parametrize(
    ("stack", "settings", "replica", "message"),
    [
        ("one-workloads", {}, False, "has no cost of its own; its objects run on the nodes of one"),
        ("one", {"recoveryRegion": "none"}, True, "has no recovery region, so nothing would be replicated"),
    ],
)
def test_what_cannot_be_priced_is_refused_before_the_engine_is_asked(
    project: Project, stack: str, settings: dict[str, str], replica: bool, message: str
) -> None:
    declare(project, **settings)
    with pytest.raises(CellError, match=message) as refused:
        cost_report(project, stack, declared_stacks(project), replica=replica)
    assert refused.value.code is ExitCode.CONFIGURATION
