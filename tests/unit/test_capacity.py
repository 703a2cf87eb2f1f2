"""`cell capacity --without REGION`: who takes a lost region's payments, and what would not carry them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import catalogue
from components.vocabulary import Strategy
from operations.capacity import Bound, Result, as_data, remarks, rows, without
from operations.errors import CellError, ExitCode
from stacks.fleet import Fleet, load_fleet
from stacks.market_files import MARKETS, Markets, load_markets
from stacks.new_stack import render_replica

STACKS = Path(__file__).parents[2] / "stacks"
PRIMARY, REPLICA, HOME, AWAY = "eu-west-1", "eu-west-1-replica", "eu-west-1", "eu-central-1"
VAULT = f"arn:aws:backup:{AWAY}:111122223333:backup-vault:copies"
PEAK = 2284
GRANTED = {"eventbridge-invocations": 60_000, "elastic-ips": 20, "db-instances": 60}


def stacks(folder: Path, strategy: Strategy | None = None) -> tuple[Fleet, Markets]:
    """The committed files, with a replica of eu-west-1 where a strategy is named."""
    for path in STACKS.glob("Pulumi.*.yaml"):
        shutil.copy(path, folder)
    shutil.copytree(STACKS / MARKETS, folder / MARKETS)
    if strategy:
        text = render_replica(
            PRIMARY, REPLICA, AWAY, strategy, domain="r.cell.example.com", copy_vault_arn=VAULT, quotas=GRANTED
        )
        (folder / f"Pulumi.{REPLICA}.yaml").write_text(text)
    fleet = load_fleet(folder, check_quotas=False)
    return fleet, load_markets(folder / MARKETS, fleet.cells)


def bound(found: Result, cell: str, dimension: str) -> Bound:
    return next(bound for bound in found.bounds if (bound.cell, bound.dimension) == (cell, dimension))


def test_a_replica_takes_all_of_its_primarys_payments(tmp_path: Path) -> None:
    found = without(*stacks(tmp_path, Strategy.WARM_STANDBY), HOME)
    assert [(one.lost, one.taker, one.payments) for one in found.moved] == [(PRIMARY, REPLICA, PEAK)]
    assert {bound.cell for bound in found.bounds} == {REPLICA}
    assert bound(found, REPLICA, "payments").demand == PEAK
    assert not found.lost


@pytest.mark.parametrize("strategy", [Strategy.WARM_STANDBY, Strategy.HOT])
def test_nodes_are_counted_as_they_run_and_after_the_scale_up(tmp_path: Path, strategy: Strategy) -> None:
    fleet, markets = stacks(tmp_path, strategy)
    found = bound(without(fleet, markets, HOME), REPLICA, "nodes.application")
    group, w = fleet.plan(REPLICA).node_groups["application"], catalogue.workload()
    vcpus = catalogue.instances().nodes.types[group.instance_types[0]].vcpus
    each = vcpus * w["payments_per_application_vcpu"] * w["node_headroom"]
    running = group.minimum if strategy is Strategy.WARM_STANDBY else group.desired
    assert (found.now, found.grown) == pytest.approx((running * each, group.maximum * each))
    assert found.used <= 1, "grown, it carries what its primary was sized for"
    assert (found.used_now > 1) == (strategy is Strategy.WARM_STANDBY)


def test_a_pilot_lights_small_databases_carry_after_their_scale_up_only(tmp_path: Path) -> None:
    found = bound(without(*stacks(tmp_path, Strategy.PILOT_LIGHT), HOME), REPLICA, "payments")
    assert found.used_now > 1 >= found.used


def test_without_a_replica_each_market_goes_to_its_other_cells(tmp_path: Path) -> None:
    found = without(*stacks(tmp_path), HOME)
    taken = {one.taker: sum(m.payments for m in found.moved if m.taker == one.taker) for one in found.moved}
    part = PEAK / 5
    us = pytest.approx(part / 2)
    assert taken == {
        "eu-central-1": pytest.approx(2 * part),
        "us-east-1": us,
        "us-west-2": us,
        "sa-east-1": pytest.approx(part),
        "ap-southeast-2": pytest.approx(part),
    }, "development takes nothing of production"
    own = load_fleet(STACKS).plan("eu-central-1").peak_payments_per_second
    assert bound(found, "eu-central-1", "payments").demand == pytest.approx(own + 2 * part)
    assert any("wait for a restore" in note for note in found.notes)


def test_what_nobody_takes_is_said_and_is_an_error(tmp_path: Path) -> None:
    fleet, _ = stacks(tmp_path)
    path = tmp_path / MARKETS / "brazil.yaml"
    path.write_text(path.read_text().replace("cells: [sa-east-1, eu-west-1, dev]", "cells: [sa-east-1, dev]"))
    found = without(fleet, load_markets(tmp_path / MARKETS, fleet.cells), "sa-east-1", peak=10)
    assert [one.lost for one in found.lost] == ["sa-east-1"]
    assert found.code is ExitCode.ERROR
    assert (
        "sa-east-1: 10 payments/s are lost: no replica, and no other cell of its environment serves brazil"
        in remarks(found)
    )


def test_a_peak_replaces_the_declared_one_and_the_first_bound_follows(tmp_path: Path) -> None:
    fleet, markets = stacks(tmp_path, Strategy.HOT)
    small, large = (without(fleet, markets, HOME, peak) for peak in (500, 50_000))
    assert small.code is ExitCode.OK, remarks(small)
    assert large.code is ExitCode.ERROR
    assert large.first is not None
    assert large.first.used == max(bound.used for bound in large.bounds if bound.grows)
    ratio = bound(large, REPLICA, "payments").demand / bound(small, REPLICA, "payments").demand
    assert ratio == pytest.approx(100)


def test_a_quota_that_carries_the_waiting_replica_and_not_the_grown_one_is_short(tmp_path: Path) -> None:
    fleet, markets = stacks(tmp_path, Strategy.WARM_STANDBY)
    path = tmp_path / f"Pulumi.{REPLICA}.yaml"
    path.write_text(path.read_text().replace("db-instances: 60", "db-instances: 40"))
    found = without(load_fleet(tmp_path, check_quotas=False), markets, HOME, peak=500)
    assert [(bound.dimension, bound.demand, bound.grown) for bound in found.short] == [("db-instances", 48, 40)]
    assert bound(without(fleet, markets, HOME), REPLICA, "db-instances").used <= 1


def test_banks_limits_are_those_of_all_gateways_of_the_taker(tmp_path: Path) -> None:
    fleet, markets = stacks(tmp_path, Strategy.HOT)
    found = bound(without(fleet, markets, HOME), REPLICA, "banks.uk")
    (uk,) = (market for market in markets.all if market.name == "uk")
    assert found.grown == 3 * sum(bank.limits.rate_per_second for bank in uk.banks.values())
    assert found.demand == pytest.approx(PEAK / 5)


def test_quotas_that_cells_share_count_the_others_as_they_are(tmp_path: Path) -> None:
    fleet, markets = stacks(tmp_path, Strategy.HOT)
    found = bound(without(fleet, markets, HOME, peak=2 * PEAK), REPLICA, "kms-requests")
    own = next(cap for cap in fleet.plan(REPLICA).caps if cap.dimension == "kms-requests").demand
    other = next(cap for cap in fleet.plan("eu-central-1").caps if cap.dimension == "kms-requests").demand
    assert found.demand == pytest.approx(2 * own + other)


def test_a_replica_in_the_lost_region_is_told(tmp_path: Path) -> None:
    found = without(*stacks(tmp_path, Strategy.HOT), AWAY)
    assert any(note.startswith(f"{REPLICA} is lost too") for note in found.notes)
    assert REPLICA not in {one.taker for one in found.moved}


def test_a_region_without_cells_is_refused_with_those_that_have_some(tmp_path: Path) -> None:
    with pytest.raises(CellError, match=r"eu-north-1 has no cell that carries payments; use .*eu-west-1") as caught:
        without(*stacks(tmp_path), "eu-north-1")
    assert caught.value.code is ExitCode.CONFIGURATION


def test_every_number_has_its_formula_and_source(tmp_path: Path) -> None:
    found = without(*stacks(tmp_path, Strategy.WARM_STANDBY), HOME)
    assert {"payments", "accounts", "addresses", "kinesis-shard-records", "sqs-fifo-requests", "nodes.gateway"} <= {
        bound.dimension for bound in found.bounds
    }
    assert all(bound.formula and bound.source and bound.remedy for bound in found.bounds)
    assert len(rows(found)) == len(as_data(found)["bounds"]) == len(found.bounds)
    assert as_data(found)["first"] == (found.first and found.first.dimension)
